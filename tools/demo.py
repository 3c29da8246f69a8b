"""`make demo`: a real local model, a stream, 👍, and the rows of it as a DataFrame. No key, no network, no browser."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tensorzero import TensorZeroGateway
from tensorzero.clickhouse.database import Database
from tensorzero_notebook import frames
from tensorzero_notebook.local import local_model

CONFIG = """
[functions.tell]
type = "chat"

[functions.tell.variants.small]
type = "chat_completion"
model = "local::smollm2"
max_tokens = 80

[metrics.thumbs_up]
type = "boolean"
optimize = "max"
level = "inference"
"""

QUESTION = "Tell me, in two sentences, why the sky is blue."


def stream_answer(client: TensorZeroGateway) -> str:
    """Print the answer token by token; returns the inference's id."""
    print(f"> {QUESTION}\n")
    start = time.perf_counter()
    first: float | None = None
    inference_id, pieces, tokens = "", 0, 0
    for chunk in client.inference(
        function_name="tell",
        input={"messages": [{"role": "user", "content": QUESTION}]},
        stream=True,
        tags={"from": "demo"},
    ):
        inference_id = str(chunk.inference_id)
        for block in chunk.content:
            first = first or time.perf_counter()
            pieces += 1
            print(block.text, end="", flush=True)
        if chunk.usage is not None:
            tokens = chunk.usage.output_tokens or 0
    end = time.perf_counter()
    if first is None:
        raise SystemExit("the model said nothing")
    print(f"\n\n{tokens} tokens in {pieces} pieces, first after {first - start:.2f} s, {tokens / (end - first):.0f} tokens/s\n")
    return inference_id


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "tensorzero.toml"
        config.write_text(CONFIG, encoding="utf-8")
        clickhouse_url = f"chdb://{folder}/data"
        local_model()
        with TensorZeroGateway.build_embedded(config_file=str(config), clickhouse_url=clickhouse_url) as client:
            inference_id = stream_answer(client)
            client.feedback(metric_name="thumbs_up", inference_id=inference_id, value=True)
            print("👍 stored\n")
        database = Database.open(clickhouse_url)
        frame = frames.inferences("tell", database=database)
        database.close()
        print(
            frame[["inference_id", "model_name", "output_text", "tag.from", "feedback.thumbs_up"]].T.to_string(max_colwidth=80)
        )
        liked = frame["feedback.thumbs_up"].tolist()
    if liked != [True]:
        sys.exit(f"expected one inference with 👍, found {liked}")


if __name__ == "__main__":
    main()
