"""The inference cache: what is a hit, what is written, what a hit looks like."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroError, TensorZeroGateway, TensorZeroInternalError
from tensorzero.clients.embedded_transport import database_of
from tensorzero.gateway.models.cache import _played, _stored_chunk
from tensorzero.gateway.values import ProviderChunk, Usage

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
Build = Callable[..., TensorZeroGateway]
ON = {"enabled": "on"}
SENTENCE = "Tokyo is the capital of Japan."  # what the mock answers


@pytest.fixture
def client(build: Build, models: Callable[..., str], stored: Any) -> TensorZeroGateway:
    cost = '[{pointer = "/usage/prompt_tokens", cost_per_million = 2.0}]'
    return build(models("plain", "tool", "cut", "error500", cost=cost), stored.url)


def ask(client: TensorZeroGateway, model: str = "plain", **arguments: Any) -> Any:
    return client.inference(model_name=model, input=ASK, **arguments)


def database(client: TensorZeroGateway) -> Any:
    return database_of(client)


def test_a_second_call_is_answered_without_the_provider(client: TensorZeroGateway, mock_provider: Any, stored: Any) -> None:
    first = ask(client, cache_options=ON)
    second = ask(client, cache_options=ON, include_raw_usage=True, include_raw_response=True, include_original_response=True)
    assert len(mock_provider.requests()) == 1
    assert second.content == first.content
    assert [block.text for block in second.content] == [SENTENCE]
    assert (second.usage.input_tokens, second.usage.output_tokens, second.usage.cost) == (0, 0, 0.0)
    assert (second.raw_usage, second.raw_response) == ([], [])
    assert orjson.loads(second.original_response)["object"] == "chat.completion"
    rows = {str(row["inference_id"]): row for row in stored.rows(client, "ModelInference")}
    hit, miss = rows[str(second.inference_id)], rows[str(first.inference_id)]
    assert (miss["cached"], hit["cached"]) == (False, True)
    assert hit["input_tokens"] == miss["input_tokens"] > 0
    assert float(hit["cost"]) == 0 < float(miss["cost"])
    assert (hit["raw_request"], hit["raw_response"]) == (miss["raw_request"], miss["raw_response"])


def test_an_entry_counts_while_its_row_is_in_the_spool(
    client: TensorZeroGateway, mock_provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = database(client)._opened()
    gate, deliver = threading.Event(), parts.writer.delivery._deliver_table

    def deliver_later(*arguments: Any, **options: Any) -> None:
        gate.wait(20)
        deliver(*arguments, **options)

    monkeypatch.setattr(parts.writer.delivery, "_deliver_table", deliver_later)
    monkeypatch.setattr(parts.link, "read", lambda _ask: pytest.fail("the database was asked"))
    try:
        ask(client, cache_options={"enabled": "write_only"})
        ask(client, cache_options={"enabled": "read_only"})
        assert parts.writer.waiting_rows > 0
    finally:
        gate.set()
    assert len(mock_provider.requests()) == 1


def test_an_entry_in_the_database_is_found_by_another_gateway(
    client: TensorZeroGateway, build: Build, models: Callable[..., str], stored: Any, mock_provider: Any
) -> None:
    ask(client, cache_options=ON)
    client.close()
    ask(build(models("plain"), stored.url), cache_options=ON)
    assert len(mock_provider.requests()) == 1


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        ({"enabled": "on"}, {"enabled": "read_only"}, 1),
        ({"enabled": "write_only"}, {"enabled": "on"}, 1),
        ({"enabled": "on"}, {"enabled": "write_only"}, 2),
        ({"enabled": "on"}, {"enabled": "off"}, 2),
        ({"enabled": "read_only"}, {"enabled": "on"}, 2),
        (None, {"enabled": "on"}, 2),
        ({"enabled": "on"}, {"enabled": "on", "max_age_s": 0}, 2),
        ({"enabled": "on"}, {"enabled": "on", "max_age_s": 3600}, 1),
    ],
)
def test_modes_say_who_reads_and_who_writes(
    client: TensorZeroGateway, mock_provider: Any, first: Any, second: Any, asked: int
) -> None:
    ask(client, cache_options=first)
    ask(client, cache_options=second)
    assert len(mock_provider.requests()) == asked


def test_a_dry_run_reads_and_never_writes(client: TensorZeroGateway, mock_provider: Any) -> None:
    ask(client, cache_options=ON, dryrun=True)
    ask(client, cache_options=ON)
    ask(client, cache_options=ON, dryrun=True)
    assert len(mock_provider.requests()) == 2


def test_a_stream_is_played_again(client: TensorZeroGateway, mock_provider: Any, stored: Any) -> None:
    first = list(ask(client, stream=True, cache_options=ON))
    second = list(ask(client, stream=True, cache_options=ON, include_raw_response=True, include_raw_usage=True))
    assert len(mock_provider.requests()) == 1
    assert (_text(first), _text(second)) == (SENTENCE, SENTENCE)
    assert all(chunk.raw_chunk is None and chunk.raw_usage is None for chunk in second)
    assert second[-1].finish_reason == first[-1].finish_reason
    assert (second[-1].usage.input_tokens, second[-1].usage.cost) == (0, 0.0)
    rows = {str(row["inference_id"]): row for row in stored.rows(client, "ModelInference")}
    hit, miss = rows[str(second[0].inference_id)], rows[str(first[0].inference_id)]
    assert hit["cached"]
    assert (hit["output"], hit["raw_response"], hit["input_tokens"]) == (
        miss["output"],
        miss["raw_response"],
        miss["input_tokens"],
    )


def test_an_output_schema_is_part_of_what_was_asked(client: TensorZeroGateway, mock_provider: Any) -> None:
    ask(client, cache_options=ON)
    ask(client, cache_options=ON, output_schema={"type": "object"})
    ask(client, cache_options=ON, output_schema={"type": "object"})
    assert len(mock_provider.requests()) == 2


def test_a_kept_stream_has_the_originals_chunks_and_all_its_tokens() -> None:
    thought = {"type": "thought", "id": "1", "text": "hm", "provider_type": "openai"}
    chunk = ProviderChunk([thought], "raw", Usage(10, 2, 4, 3))
    stored = _stored_chunk(chunk, "raw")
    assert stored["content"] == [{**thought, "signature": None, "summary_id": None, "summary_text": None}]
    assert _played(stored).usage == chunk.usage


def _text(chunks: list[Any]) -> str:
    return "".join(block.text for chunk in chunks for block in chunk.content)


def test_a_json_mode_that_says_what_holds_anyway_is_no_other_request(client: TensorZeroGateway, mock_provider: Any) -> None:
    ask(client, cache_options=ON)
    for mode, asked in (("off", 1), ("on", 2), ("on", 2)):
        ask(client, cache_options=ON, params={"chat_completion": {"json_mode": mode}})
        assert len(mock_provider.requests()) == asked


def test_a_parameter_counts_alike_from_the_call_and_from_the_variant(
    build: Build, models: Callable[..., str], mock_provider: Any, stored: Any
) -> None:
    variant = '[functions.f]\ntype = "chat"\nvariants.v = { type = "chat_completion", model = "plain", temperature = 0.9 }\n'
    client = build(models("plain") + variant, stored.url)
    for params in ({}, {}, {"temperature": 0.9}):
        options = {"params": {"chat_completion": params}, "cache_options": ON}
        client.inference(function_name="f", input=ASK, **options)
    assert len(mock_provider.requests()) == 1


def test_streamed_and_plain_calls_share_no_entry(client: TensorZeroGateway, mock_provider: Any) -> None:
    ask(client, cache_options=ON)
    list(ask(client, stream=True, cache_options=ON))
    assert len(mock_provider.requests()) == 2


def test_a_stream_that_broke_or_was_dropped_is_not_kept(client: TensorZeroGateway, mock_provider: Any) -> None:
    for _ in range(2):
        with pytest.raises(TensorZeroError, match="closed due to error"):
            list(ask(client, "cut", stream=True, cache_options=ON))
    assert len(mock_provider.requests()) == 2
    dropped = ask(client, stream=True, cache_options=ON)
    next(dropped)
    dropped.close()
    list(ask(client, stream=True, cache_options=ON))
    assert len(mock_provider.requests()) == 4


def test_a_tool_call_that_does_not_fit_its_tool_is_not_kept(client: TensorZeroGateway, mock_provider: Any) -> None:
    def call(schema: dict[str, Any]) -> None:
        tool = {"name": "look", "description": "Look", "parameters": schema, "strict": False}
        ask(client, "tool", additional_tools=[tool], cache_options=ON)

    fits = {"type": "object"}
    never = {"type": "object", "required": ["no such thing"]}
    call(fits)
    call(fits)
    assert len(mock_provider.requests()) == 1
    call(never)
    call(never)
    assert len(mock_provider.requests()) == 3


def test_numbers_of_a_variant_are_those_of_a_call(
    build: Build, models: Callable[..., str], stored: Any, mock_provider: Any
) -> None:
    toml = (
        models("plain")
        + """
[functions.f]
type = "chat"
variants.set = { type = "chat_completion", model = "plain", temperature = 0.1, top_p = 1, stop_sequences = ["x"] }
variants.bare = { type = "chat_completion", model = "plain" }
"""
    )
    client = build(toml, stored.url)
    asked = {"temperature": 0.1, "top_p": 1, "stop_sequences": ["x"]}
    calls: list[tuple[str, dict[str, Any]]] = [("set", {}), ("set", {}), ("bare", asked), ("set", {"temperature": 0.2})]
    for variant, params in calls:
        client.inference(
            function_name="f", variant_name=variant, input=ASK, cache_options=ON, params={"chat_completion": params}
        )
    assert len(mock_provider.requests()) == 2


@pytest.mark.parametrize("change", [{"params": {"chat_completion": {"temperature": 0.5}}}, {"model": "error500"}])
def test_another_request_or_model_has_another_entry(
    client: TensorZeroGateway, mock_provider: Any, change: dict[str, Any]
) -> None:
    ask(client, cache_options=ON)
    if "model" in change:
        with pytest.raises(TensorZeroError, match="All variants failed with errors: error500: All model providers failed"):
            ask(client, change["model"], cache_options=ON)
    else:
        ask(client, cache_options=ON, **change)
    assert len(mock_provider.requests()) == 2


def test_a_database_that_cannot_be_asked_is_no_failure(
    client: TensorZeroGateway, mock_provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorzero.clickhouse.errors import DatabaseUnavailable

    def unavailable(*_args: Any) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(database(client), "find_cache_entry", unavailable)
    assert ask(client, cache_options=ON).content[0].text == SENTENCE
    assert ask(client, cache_options=ON).usage.input_tokens > 0


@pytest.mark.parametrize("output", ["", "null", "{}", '[{"content": 1}]', "[]"])
def test_an_entry_that_cannot_be_read_is_a_miss(
    client: TensorZeroGateway, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    row = {
        "output": output,
        "raw_request": "",
        "raw_response": "",
        "input_tokens": 1,
        "output_tokens": 1,
        "finish_reason": None,
    }
    monkeypatch.setattr(database(client), "find_cache_entry", lambda *_args: row)
    chunks = list(ask(client, stream=True, cache_options=ON))
    assert _text(chunks) == SENTENCE
    if not output.startswith("["):
        assert ask(client, cache_options=ON).usage.input_tokens > 0


def test_the_configuration_can_switch_the_cache_off(
    build: Build, models: Callable[..., str], stored: Any, mock_provider: Any
) -> None:
    client = build("[gateway]\ncache.enabled = false\n\n" + models("plain"), stored.url)
    ask(client, cache_options=ON)
    ask(client, cache_options=ON)
    assert len(mock_provider.requests()) == 2


def test_without_a_database_the_modes_do_nothing_and_insisting_is_an_error(
    build: Build, models: Callable[..., str], mock_provider: Any
) -> None:
    client = build(models("plain"))
    ask(client, cache_options=ON)
    ask(client, cache_options=ON)
    assert len(mock_provider.requests()) == 2
    with pytest.raises(TensorZeroInternalError, match=r"`cache\.enabled` is `true` but the cache backend"):
        build("[gateway]\ncache.enabled = true\n")


def test_tasks_share_the_cache(
    config_dir: Callable[..., Path], models: Callable[..., str], stored: Any, mock_provider: Any
) -> None:
    path = str(config_dir(models("plain")))

    async def main() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            client = await AsyncTensorZeroGateway.build_embedded(config_file=path, clickhouse_url=stored.url)  # type: ignore[misc]
        async with client:
            await client.inference(model_name="plain", input=ASK, cache_options=ON)
            several = [client.inference(model_name="plain", input=ASK, cache_options=ON) for _ in range(5)]
            assert all(answer.usage.input_tokens == 0 for answer in await asyncio.gather(*several))  # type: ignore[union-attr]

    asyncio.run(main())
    assert len(mock_provider.requests()) == 1
