"""Streams: the shape of their chunks, errors inside them, and the three ways they end early."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroError, TensorZeroGateway
from tensorzero.gateway.providers.dummy import Scripted, script

pytestmark = pytest.mark.slow

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
METRICS = '[metrics.thumbs_up]\ntype = "boolean"\noptimize = "max"\nlevel = "inference"\n'
Build = Callable[..., TensorZeroGateway]


WALLY = "Wally, the golden retriever, wagged his tail excitedly as he devoured a slice of cheese pizza."


def text(chunks: Any) -> str:
    return "".join(block.text for chunk in chunks for block in chunk.content)


def outcomes(stream: Any) -> list[Any]:
    """Every chunk and every error, in order."""
    found: list[Any] = []
    while True:
        try:
            found.append(next(stream))
        except StopIteration:
            return found
        except TensorZeroError as error:
            found.append(error)


def test_only_the_last_chunk_has_usage_and_finish_reason(build: Build) -> None:
    chunks = list(build().inference(model_name="dummy::good", input=ASK, stream=True))
    assert len(chunks) == 17
    assert text(chunks[:-1]) == WALLY
    assert {(c.usage, c.finish_reason) for c in chunks[:-1]} == {(None, None)}
    assert {b.id for c in chunks[:-1] for b in c.content} == {"0"}
    last = chunks[-1]
    assert last.content == []
    assert (last.usage.input_tokens, last.usage.output_tokens, last.finish_reason.value) == (10, 16, "stop")
    assert len({(c.inference_id, c.episode_id, c.variant_name) for c in chunks}) == 1


def test_thoughts_come_before_text_and_count_their_blocks_apart(build: Build) -> None:
    chunks = list(build().inference(model_name="dummy::reasoner", input=ASK, stream=True))
    blocks = [block for chunk in chunks for block in chunk.content]
    assert [block.type for block in blocks] == ["thought"] * 2 + ["text"] * 16
    assert [block.text for block in blocks[:2]] == ["hmmm", "hmmm"]
    assert {(block.type, block.id) for block in blocks} == {("thought", "0"), ("text", "0")}
    assert "".join(block.text for block in blocks[2:]) == WALLY
    assert chunks[-1].usage.output_tokens == 18


def test_an_error_inside_a_stream_is_raised_at_its_turn_and_the_stream_goes_on(build: Build) -> None:
    found = outcomes(build().inference(model_name="dummy::err_in_stream", input=ASK, stream=True))
    assert [index for index, one in enumerate(found) if isinstance(one, TensorZeroError)] == [3]
    assert len(found) == 3 + 1 + 12 + 1
    assert json.loads(found[3].text) == {"error": "Error from dummy client: Dummy error in stream"}
    assert text(one for one in found if not isinstance(one, TensorZeroError)) == WALLY.replace(" retriever,", "")
    assert found[-1].finish_reason.value == "stop"


def test_a_fatal_error_is_followed_by_the_last_chunk_only(build: Build) -> None:
    found = outcomes(build().inference(model_name="dummy::fatal_stream_error", input=ASK, stream=True))
    assert [type(one).__name__ for one in found] == ["ChatChunk", "ChatChunk", "TensorZeroError", "ChatChunk"]
    assert text(found[:2]) == "Wally, the"
    assert found[-1].content == []


def test_an_upstream_that_breaks_off_gives_an_error_and_a_last_chunk_without_usage(
    build: Build, models: Callable[..., str]
) -> None:
    found = outcomes(build(models("cut")).inference(model_name="cut", input=ASK, stream=True))
    assert text(found[:-2]) == "Tokyo is the"
    start = "Inference stream closed due to error from openai server: SSE error; caused by"
    assert json.loads(found[-2].text)["error"].startswith(start)
    assert (found[-1].usage.input_tokens, found[-1].finish_reason) == (None, None)


def test_an_event_that_cannot_be_read_before_the_first_chunk_is_a_failed_call(build: Build, models: Callable[..., str]) -> None:
    with pytest.raises(TensorZeroError) as caught:
        build(models("badjson")).inference(model_name="badjson", input=ASK, stream=True)
    assert caught.value.status_code == 502
    assert "Error parsing chunk. Error: key must be a string at line 1 column 2" in caught.value.text


def test_raw_chunks_are_passed_on_where_asked(build: Build, models: Callable[..., str]) -> None:
    client = build(models("echo"))
    chunks = list(
        client.inference(model_name="echo", input=ASK, stream=True, include_raw_response=True, include_raw_usage=True)
    )
    raw = [json.loads(chunk.raw_chunk) for chunk in chunks if chunk.raw_chunk]
    assert (
        "".join(one["choices"][0]["delta"].get("content", "") for one in raw if one["choices"])
        == text(chunks)
        == "capital of Japan?"
    )
    assert raw[-1]["usage"]["prompt_tokens"] == 11
    assert [c.raw_usage[0].data["prompt_tokens"] for c in chunks if c.raw_usage] == [11]
    assert chunks[-1].raw_chunk is None
    assert chunks[-1].usage.input_tokens == 11


def test_a_finished_stream_is_stored_before_its_last_chunk_is_handed_out(build: Build, stored: Any) -> None:
    client = build(METRICS, stored.url)
    stream = client.inference(model_name="dummy::good", input=ASK, stream=True, tags={"a": "b"})
    for chunk in stream:
        if chunk.usage is not None:
            (row,) = stored.rows(client, "ChatInference")
            assert str(row["id"]) == str(chunk.inference_id)
    assert row["tags"] == {"a": "b"}
    assert row["ttft_ms"] is not None
    assert json.loads(row["output"]) == [{"type": "text", "text": WALLY}]
    (model,) = stored.rows(client, "ModelInference")
    assert (model["output_tokens"], model["finish_reason"]) == (16, "stop")


def test_an_answer_that_failed_on_the_way_is_stored_with_what_came(
    build: Build, stored: Any, models: Callable[..., str]
) -> None:
    client = build(models("cut"), stored.url)
    outcomes(client.inference(model_name="cut", input=ASK, stream=True))
    (row,) = stored.rows(client, "ChatInference")
    assert json.loads(row["output"]) == [{"type": "text", "text": "Tokyo is the"}]


def test_a_stopped_answer_is_stored_as_far_as_it_came_and_can_be_judged(build: Build, stored: Any) -> None:
    client = build(METRICS, stored.url)
    stream = client.inference(model_name="dummy::good", input=ASK, stream=True, tags={"mine": "1"})
    seen = [next(stream) for _ in range(4)]
    stream.stop()
    assert list(stream) == []
    stream.stop()
    client.feedback(metric_name="thumbs_up", value=False, inference_id=seen[0].inference_id)
    (row,) = stored.rows(client, "ChatInference")
    assert row["tags"] == {"mine": "1", "stopped": "true"}
    assert json.loads(row["output"]) == [{"type": "text", "text": "Wally, the golden retriever,"}]
    assert str(stored.rows(client, "BooleanMetricFeedback")[0]["target_id"]) == str(seen[0].inference_id)


def test_stopping_after_the_end_changes_nothing(build: Build, stored: Any) -> None:
    client = build("", stored.url)
    stream = client.inference(model_name="dummy::good", input=ASK, stream=True)
    list(stream)
    stream.stop()
    (row,) = stored.rows(client, "ChatInference")
    assert row["tags"] == {}
    assert json.loads(row["output"]) == [{"type": "text", "text": WALLY}]


def test_an_asyncio_reader_can_be_cancelled_and_its_answer_kept(build: Build, stored: Any, config_dir: Any) -> None:
    async def use() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            client = await AsyncTensorZeroGateway.build_embedded(clickhouse_url=stored.url)
        with script("dripping", Scripted(("one ", "two ", "three"), pause_s=0.1)):
            stream = await client.inference(model_name="dummy::dripping", input=ASK, stream=True)
            seen: list[str] = []
            two = asyncio.Event()

            async def read() -> None:
                async for chunk in stream:
                    seen.extend(block.text for block in chunk.content)
                    if len(seen) == 2:
                        two.set()

            task = asyncio.create_task(read())
            await two.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await stream.stop()
        (row,) = stored.rows(client, "ChatInference")
        assert row["tags"] == {"stopped": "true"}
        assert json.loads(row["output"]) == [{"type": "text", "text": "one two "}]
        await client.close()

    asyncio.run(use())


def test_an_asyncio_stream_can_be_stopped_while_another_task_reads_it(stored: Any) -> None:
    async def use() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            client = await AsyncTensorZeroGateway.build_embedded(clickhouse_url=stored.url)
        with script("slow words", Scripted(("one ", "two"), pause_s=0.3)):
            stream = await client.inference(model_name="dummy::slow words", input=ASK, stream=True)
            one = asyncio.Event()

            async def read() -> None:
                async for _ in stream:
                    one.set()

            task = asyncio.create_task(read())
            await one.wait()
            await stream.stop()
            await asyncio.wait_for(task, 30)
        (row,) = stored.rows(client, "ChatInference")
        assert row["tags"] == {"stopped": "true"}
        assert json.loads(row["output"]) in ([{"type": "text", "text": "one "}], [{"type": "text", "text": "one two"}])
        await client.close()

    asyncio.run(use())


def test_a_blocking_stream_can_be_stopped_from_another_thread(build: Build, stored: Any, models: Callable[..., str]) -> None:
    client = build(models("stall"), stored.url)
    stream = client.inference(model_name="stall", input=ASK, stream=True)
    seen: list[Any] = []
    reader = threading.Thread(target=lambda: seen.extend(stream))
    reader.start()
    while text(seen) != "Tokyo is" and len(seen) < 3:
        time.sleep(0.005)
    time.sleep(0.05)
    stream.stop()
    reader.join(30)
    assert not reader.is_alive()
    (row,) = stored.rows(client, "ChatInference")
    assert row["tags"] == {"stopped": "true"}
    assert json.loads(row["output"]) == [{"type": "text", "text": "Tokyo is"}]


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """They take turns a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("model", ["tokens-2000", "drip-5-1"])
def test_a_blocking_stream_can_be_stopped_at_any_moment(
    build: Build, stored: Any, models: Callable[..., str], eager_threads: None, model: str
) -> None:
    """Each is stored once, and the next call is none the worse for it."""
    client = build(models(model), stored.url)
    with ThreadPoolExecutor(1) as pool:
        for round_ in range(100):
            stream = client.inference(model_name=model, input=ASK, stream=True)
            reader = pool.submit(list, stream)
            time.sleep(0.0002 * (round_ % 50))
            stream.stop()
            reader.result(30)
    assert len({row["id"] for row in stored.rows(client, "ChatInference")}) == 100
    assert len(stored.rows(client, "ChatInference")) == 100


def test_a_dropped_stream_says_so_closes_its_connection_and_stores_nothing(
    build: Build, stored: Any, models: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    client = build(models("stall"), stored.url)
    stream = client.inference(model_name="stall", input=ASK, stream=True)
    next(stream)
    del stream
    gc.collect()
    assert "Stream was garbage-collected without being iterated to completion" in capsys.readouterr().out
    assert stored.rows(client, "ChatInference") == []


def test_a_dry_run_streams_and_stores_nothing(build: Build, stored: Any) -> None:
    client = build("", stored.url)
    stream = client.inference(model_name="dummy::good", input=ASK, stream=True, dryrun=True)
    next(stream)
    stream.stop()
    assert stored.rows(client, "ChatInference") == []
