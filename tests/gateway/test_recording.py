"""What a call leaves in the tables, column by column."""

from __future__ import annotations

import decimal
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tensorzero import TensorZeroGateway
from tensorzero.clients.embedded_transport import gateway_of

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
EPISODE = "01980000-0000-7000-8000-000000000001"
STORED_INPUT = '"messages":[{"role":"user","content":[{"type":"text","text":"capital of Japan?"}]}]'
ANSWER = '[{"type":"text","text":"capital of Japan?"}]'
COST = '[{pointer = "/usage/prompt_tokens", cost_per_million = 2.0}]'
FUNCTIONS = """
[functions.f]
type = "chat"
variants.v = { type = "chat_completion", model = "echo", temperature = 0.5 }
[functions.j]
type = "json"
variants.v = { type = "chat_completion", model = "dummy::json", json_mode = "off" }
"""
Build = Callable[..., TensorZeroGateway]


@pytest.fixture
def client(build: Build, models: Callable[..., str], stored: Any) -> TensorZeroGateway:
    return build(models("echo", cost=COST) + FUNCTIONS, stored.url)


def only_row(stored: Any, client: TensorZeroGateway, table: str) -> tuple[dict[str, Any], list[Any]]:
    """The table's one row without its times, and the times in the order of their names."""
    (row,) = stored.rows(client, table)
    return {name: value for name, value in row.items() if not name.endswith("_ms")}, [
        row[name] for name in sorted(row) if name.endswith("_ms")
    ]


def test_a_chat_inference_and_its_model_inference(client: TensorZeroGateway, stored: Any) -> None:
    answer: Any = client.inference(
        function_name="f",
        input={"system": "Be brief.", **ASK},
        tags={"a": "b"},
        episode_id=EPISODE,
        extra_body=[{"pointer": "/x", "value": 1}, {"variant_name": "v", "pointer": "/y", "delete": True}],
    )
    row, (processing_time_ms, ttft_ms) = only_row(stored, client, "ChatInference")
    snapshot_hash = gateway_of(client).config.snapshot.hash
    assert row == {
        "id": UUID(str(answer.inference_id)),
        "function_name": "f",
        "variant_name": "v",
        "episode_id": UUID(EPISODE),
        "input": f'{{"system":"Be brief.",{STORED_INPUT}}}',
        "output": ANSWER,
        "tool_params": "",
        "inference_params": '{"chat_completion":{"temperature":0.5}}',
        "tags": {"a": "b"},
        "extra_body": '[{"pointer":"/x","value":1},{"variant_name":"v","pointer":"/y","delete":true}]',
        "dynamic_tools": [],
        "dynamic_provider_tools": [],
        "allowed_tools": None,
        "tool_choice": None,
        "parallel_tool_calls": None,
        "snapshot_hash": snapshot_hash,
    }
    assert ttft_ms is None
    model, (response_time_ms, ttft_ms) = only_row(stored, client, "ModelInference")
    assert json.loads(model.pop("raw_request"))["x"] == 1
    assert json.loads(model.pop("raw_response"))["usage"] == {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    assert UUID(str(model.pop("id"))).version == 7
    assert model == {
        "inference_id": UUID(str(answer.inference_id)),
        "model_name": "echo",
        "model_provider_name": "p",
        "input_tokens": 11,
        "output_tokens": 3,
        "system": "Be brief.",
        "input_messages": STORED_INPUT.removeprefix('"messages":'),
        "output": ANSWER,
        "cached": False,
        "finish_reason": "stop",
        "snapshot_hash": snapshot_hash,
        "cost": decimal.Decimal("0.000022"),
        "provider_cache_read_input_tokens": None,
        "provider_cache_write_input_tokens": None,
        "function_name": "f",
        "variant_name": "v",
    }
    assert ttft_ms is None
    assert 0 <= response_time_ms <= processing_time_ms + 1 < 60_000


def test_a_streamed_inference_has_the_time_of_its_first_chunk_and_its_events_a_line_each(
    client: TensorZeroGateway, stored: Any
) -> None:
    chunks = list(client.inference(function_name="f", input=ASK, stream=True))
    row, times = only_row(stored, client, "ChatInference")
    model, model_times = only_row(stored, client, "ModelInference")
    assert (row["id"], row["output"], row["tags"]) == (UUID(str(chunks[0].inference_id)), ANSWER, {})
    assert (model["output"], model["system"], model["output_tokens"]) == (ANSWER, None, 3)
    for whole, first in (times, model_times):
        assert 0 <= first <= whole < 60_000
    events = [json.loads(line) for line in model["raw_response"].split("\n")]
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert events[-1]["usage"]["completion_tokens"] == 3


def test_a_json_inference(client: TensorZeroGateway, stored: Any) -> None:
    answer: Any = client.inference(function_name="j", input=ASK)
    row, _ = only_row(stored, client, "JsonInference")
    assert UUID(str(row.pop("episode_id"))).version == 7
    assert row == {
        "id": UUID(str(answer.inference_id)),
        "function_name": "j",
        "variant_name": "v",
        "input": f"{{{STORED_INPUT}}}",
        "output": '{"raw":"{\\"answer\\":\\"Hello\\"}","parsed":{"answer":"Hello"}}',
        "output_schema": "{}",
        "inference_params": '{"chat_completion":{}}',
        "tags": {},
        "extra_body": "[]",
        "auxiliary_content": "[]",
        "snapshot_hash": gateway_of(client).config.snapshot.hash,
    }
    assert stored.rows(client, "ChatInference") == []


def test_no_tokens_and_a_cost_beyond_the_column_are_not_stored(build: Build, models: Callable[..., str], stored: Any) -> None:
    dear = '[{pointer = "/usage/prompt_tokens", cost_per_million = 1e15}]'
    client = build(models("echo", cost=dear), stored.url)
    answer: Any = client.inference(model_name="echo", input=ASK)
    assert answer.usage.cost == pytest.approx(11e9)
    client.inference(model_name="dummy::null", input=ASK)
    echo, null = stored.rows(client, "ModelInference", "model_name DESC")
    assert (echo["model_name"], echo["input_tokens"], echo["cost"]) == ("echo", 11, None)
    assert (null["model_name"], null["input_tokens"], null["output_tokens"]) == ("dummy::null", 10, None)
