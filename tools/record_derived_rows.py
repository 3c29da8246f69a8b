"""Record tests/clickhouse/data/derived_rows.json: what the original's database makes of a set of inserts.

    PYTHON tools/record_derived_rows.py DIRECTORY DATABASE

PYTHON has `chdb` (the whole engine: the original's tables need t-digests). DIRECTORY is a chdb directory in which the original
has made DATABASE and nothing else has been written. The rows inserted here are the fixture's own; ids are fixed.
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import chdb

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "clickhouse"))

import derived_tables  # noqa: E402

START_MS = 1_767_225_600_000  # 2026-01-01
MINUTE = 60_000
FAR = 10_000_000_000_000
SNAPSHOT = str(2**255 - 19)
Row = dict[str, Any]


def uid(number: int, ms: int = 0) -> str:
    """A time-ordered id; later numbers have smaller second halves, so that only the whole number sorts by time."""
    return str(uuid.UUID(int=(START_MS + ms) << 80 | 7 << 76 | number << 64 | 2 << 62 | (10_000 - number)))


def uint(text: str) -> str:
    return str(uuid.UUID(text).int)


class Numbers:
    """The next id, a second later than the one before."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return uid(self.count, self.count * 1000)


def build() -> list[tuple[str, list[Row]]]:
    new = Numbers()
    e1, e2, e3, e4 = (uid(900 + i) for i in range(4))
    workflow = uid(950, FAR)
    inserts: list[tuple[str, list[Row]]] = []

    def chat(function: str, variant: str, episode: str, **more: Any) -> Row:
        return {
            "id": new(),
            "function_name": function,
            "variant_name": variant,
            "episode_id": episode,
            "input": "{}",
            "output": "[]",
            "tool_params": "",
            "inference_params": "{}",
            "snapshot_hash": SNAPSHOT,
            **more,
        }

    def json_row(function: str, variant: str, episode: str, **more: Any) -> Row:
        row = chat(function, variant, episode, output_schema="{}", auxiliary_content="[]", **more)
        del row["tool_params"]
        return row

    # An episode in one insert, then row by row: three functions, one of them under two variants.
    first = [
        chat("draft", "a", e1, tags={"user": "x", "tensorzero::dataset": "d"}, processing_time_ms=120, ttft_ms=10),
        chat("draft", "a", e1, tags={"user": "y"}, processing_time_ms=80),
        chat("check", "a", e1),
    ]
    inserts.append(("ChatInference", first))
    later = chat("check", "b", e1, processing_time_ms=300, ttft_ms=30, snapshot_hash=None)
    inserts.append(("ChatInference", [later]))
    pair = [chat("draft", "a", e2, processing_time_ms=50), chat("draft", "b", e2, processing_time_ms=60, ttft_ms=6)]
    inserts.append(("ChatInference", pair))
    extract = [
        json_row("extract", "a", e1, tags={"user": "z", "": "empty key"}, processing_time_ms=40),
        json_row("extract", "b", e3, processing_time_ms=45, ttft_ms=4),
    ]
    inserts.append(("JsonInference", extract))
    inserts.append(("ChatInference", [chat("draft", "b", workflow, tags={"tensorzero::dynamic_evaluation_run_id": uid(960)})]))
    inserts.append(("JsonInference", [json_row("extract", "b", workflow)]))
    # One inference in two inserts, as after a crash. (Metrics on it would count twice until ClickHouse merges its lookup rows.)
    twice = chat("draft", "c", e4, tags={"user": "twice"}, processing_time_ms=70)
    inserts += [("ChatInference", [twice]), ("ChatInference", [twice])]

    def model(inference: Row, **more: Any) -> Row:
        named = {"function_name": inference["function_name"], "variant_name": inference["variant_name"]}
        return (
            {
                "id": new(),
                "inference_id": inference["id"],
                "raw_request": "",
                "raw_response": "",
                "model_name": "m",
                "model_provider_name": "p",
                "input_messages": "[]",
                "output": "[]",
                "snapshot_hash": SNAPSHOT,
            }
            | named
            | more
        )

    inserts.append(
        (
            "ModelInference",
            [
                model(
                    first[0],
                    input_tokens=10,
                    output_tokens=5,
                    response_time_ms=100,
                    ttft_ms=10,
                    cost=0.000016,
                    finish_reason="stop",
                ),
                model(
                    first[1],
                    input_tokens=20,
                    output_tokens=None,
                    response_time_ms=200,
                    cost=0.5,
                    provider_cache_read_input_tokens=7,
                ),
                model(first[2], input_tokens=30, output_tokens=2, cached=True, cost=0, response_time_ms=1),
                model(later, input_tokens=None, output_tokens=4, response_time_ms=300, provider_cache_write_input_tokens=9),
            ],
        )
    )
    inserts.append(
        (
            "ModelInference",
            [model(pair[0], input_tokens=1, output_tokens=1, response_time_ms=50, cost=1.25, finish_reason="tool_call")],
        )
    )
    inserts.append(
        (
            "ModelInference",
            [
                model(pair[1], function_name="", variant_name="", input_tokens=3, output_tokens=3, model_provider_name="q"),
                model(extract[0], id=uid(800, 5 * MINUTE), input_tokens=4, output_tokens=4, response_time_ms=60, ttft_ms=6),
            ],
        )
    )

    def feedback(target: str, value: Any, metric: str | None, **more: Any) -> Row:
        named = {"metric_name": metric} if metric else {}
        return {"id": new(), "target_id": target, "value": value, "tags": {}, "snapshot_hash": SNAPSHOT} | named | more

    inserts.append(
        (
            "BooleanMetricFeedback",
            [
                feedback(first[0]["id"], True, "thumbs_up", tags={"author": "me", "page": "1"}),
                feedback(first[0]["id"], False, "thumbs_up"),
                feedback(pair[1]["id"], True, "thumbs_up", snapshot_hash=None),
                feedback(e1, True, "solved", tags={"author": "me"}),
                feedback(e2, False, "solved"),
                feedback(uid(700), True, "thumbs_up", tags={"lost": "yes"}),
                feedback(e4, True, "solved"),
                feedback(workflow, True, "solved"),
            ],
        )
    )
    inserts.append(
        (
            "FloatMetricFeedback",
            [
                feedback(extract[0]["id"], 0.1, "rating", tags={"author": "you"}),
                feedback(extract[0]["id"], 0.7, "rating"),
                feedback(e3, 3, "score"),
                feedback(first[2]["id"], 1e300, "rating"),
            ],
        )
    )
    inserts.append(("FloatMetricFeedback", [feedback(extract[0]["id"], 0.4, "rating", id=uid(801, 7 * MINUTE))]))
    early = chat("late", "a", uid(904))
    inserts += [("BooleanMetricFeedback", [feedback(early["id"], True, "thumbs_up")]), ("ChatInference", [early])]
    inserts.append(
        (
            "CommentFeedback",
            [
                feedback(first[0]["id"], "good", None, target_type="inference", tags={"author": "me"}),
                feedback(e1, "bad", None, target_type="episode"),
            ],
        )
    )
    demonstration = feedback("", "[]", None, tags={"author": "me"}) | {"inference_id": first[0]["id"]}
    del demonstration["target_id"]
    inserts.append(("DemonstrationFeedback", [demonstration]))

    def run(project: str | None, **more: Any) -> Row:
        return {
            "run_id_uint": uint(new()),
            "variant_pins": {"draft": "a"},
            "tags": {"k": "v"},
            "project_name": project,
            "run_display_name": "run",
            "updated_at": "2026-01-01 00:00:00.000000",
            "snapshot_hash": SNAPSHOT,
        } | more

    inserts.append(("DynamicEvaluationRun", [run("p"), run(None), run("", is_deleted=True, run_display_name=None)]))
    inserts.append(
        (
            "DynamicEvaluationRunEpisode",
            [
                {
                    "run_id": uid(960),
                    "episode_id_uint": uint(workflow),
                    "variant_pins": {},
                    "datapoint_name": "t",
                    "tags": {"k": "v"},
                    "updated_at": "2026-01-01 00:00:00.000000",
                    "snapshot_hash": SNAPSHOT,
                },
                {
                    "run_id": uid(961),
                    "episode_id_uint": uint(uid(951, FAR)),
                    "variant_pins": {"draft": "b"},
                    "datapoint_name": None,
                    "tags": {},
                    "is_deleted": True,
                    "updated_at": "2026-01-01 00:00:00.000000",
                    "snapshot_hash": None,
                },
            ],
        )
    )
    batch = {
        "batch_id": uid(970),
        "function_name": "draft",
        "variant_name": "a",
        "episode_id": e1,
        "input": "{}",
        "input_messages": "[]",
        "inference_params": "{}",
        "raw_request": "",
        "model_name": "m",
        "model_provider_name": "p",
    }
    inserts.append(("BatchModelInference", [{"inference_id": new(), **batch}, {"inference_id": new(), **batch}]))
    return inserts


def main() -> None:
    directory, database = sys.argv[1:]
    connection = chdb.connect(directory)

    def execute(sql: str) -> list[Row]:
        answer = connection.query(sql, "JSONEachRow").bytes()
        return [json.loads(line) for line in bytes(answer or b"").decode().splitlines()]

    recorded = {"catalog": derived_tables.catalog(execute, database), "inserts": build()}
    derived_tables.insert(execute, database, recorded["inserts"])
    recorded["derived"] = derived_tables.derived_rows(execute, database)
    recorded["latencies"] = derived_tables.latencies(execute, database, "quantilesTDigest")
    lines = []
    for part, content in recorded.items():
        if isinstance(content, dict):
            inner = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in content.items())
            lines.append(f"{json.dumps(part)}: {{\n{inner}\n}}")
        else:
            inner = ",\n".join(json.dumps(entry) for entry in content)
            lines.append(f"{json.dumps(part)}: [\n{inner}\n]")
    target = ROOT / "tests" / "clickhouse" / "data" / "derived_rows.json"
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    connection.close()


if __name__ == "__main__":
    main()
