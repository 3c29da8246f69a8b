"""Demonstrations of JSON functions and of tool calls, while the inference waits in the spool and after it has been stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorzero import TensorZeroError
from tensorzero.clients.embedded_transport import database_of

ANSWER = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
OTHER = {"type": "object", "properties": {"other": {"type": "number"}}, "required": ["other"]}
PLACE = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
FILES = {"out.json": json.dumps(ANSWER), "place.json": json.dumps(PLACE)}
ASK = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
OWN = {"name": "get_wind", "description": "Wind", "parameters": {"type": "object", "required": ["speed"]}}
TOML = """
[models.m]
routing = ["d"]
providers.d = { type = "dummy", model_name = "json" }
[functions.extract]
type = "json"
output_schema = "out.json"
variants.v = { type = "chat_completion", model = "m", json_mode = "off" }
[functions.weather]
type = "chat"
tools = ["get_temperature"]
variants.v = { type = "chat_completion", model = "m" }
[tools.get_temperature]
description = "How warm"
parameters = "place.json"
"""


@pytest.fixture(params=["pending", "stored"])
def settle(request: pytest.FixtureRequest) -> Any:
    """What happens between inference and feedback: nothing, or the delivery of the inference's rows."""

    def do(client: Any) -> None:
        if request.param == "stored":
            database_of(client).flush()

    return do


def give(client: Any, inference: Any, value: Any) -> Any:
    return client.feedback(metric_name="demonstration", inference_id=inference.inference_id, value=value)


def refusal(client: Any, inference: Any, value: Any) -> tuple[int, str]:
    with pytest.raises(TensorZeroError) as caught:
        give(client, inference, value)
    return caught.value.status_code, json.loads(caught.value.text)["error"]


def call(name: str, arguments: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_call", "id": "1", "name": name, "arguments": arguments}]


def test_a_json_demonstration_fits_the_functions_schema(build: Any, stored: Any, settle: Any) -> None:
    client = build(TOML, stored.url, files=FILES)
    inference = client.inference(function_name="extract", input=ASK)
    settle(client)
    schema = json.dumps(ANSWER, separators=(",", ":"))
    reason = f'JSON Schema validation failed:\n"answer" is a required property\n\nSchema:\n{schema}'
    expected = (400, f"Demonstration does not fit function output schema: {reason}")
    assert refusal(client, inference, {"reply": "Kyoto"}) == expected
    feedback = give(client, inference, {"answer": "Kyoto"})
    (row,) = stored.rows(client, "DemonstrationFeedback")
    assert (row["id"], row["inference_id"]) == (feedback.feedback_id, inference.inference_id)
    assert json.loads(row["value"]) == {"raw": '{"answer":"Kyoto"}', "parsed": {"answer": "Kyoto"}}


def test_a_schema_of_the_call_counts(build: Any, stored: Any, settle: Any) -> None:
    client = build(TOML, stored.url, files=FILES)
    inference = client.inference(function_name="extract", input=ASK, output_schema=OTHER)
    settle(client)
    assert refusal(client, inference, {"answer": "Kyoto"})[0] == 400
    give(client, inference, {"other": 1.5})
    assert json.loads(stored.rows(client, "DemonstrationFeedback")[0]["value"])["parsed"] == {"other": 1.5}


def test_a_call_is_of_a_tool_that_the_inference_had(build: Any, stored: Any, settle: Any) -> None:
    client = build(TOML, stored.url, files=FILES)
    inference = client.inference(function_name="weather", input=ASK, additional_tools=[OWN])
    bare = client.inference(model_name="m", input=ASK)
    settle(client)
    give(client, inference, call("get_temperature", {"location": "Tokyo"}))
    give(client, inference, call("get_wind", {"speed": 3}))
    wrong_name, wrong_arguments = (400, "Demonstration contains invalid tool name"), "invalid tool call arguments"
    assert refusal(client, inference, call("get_rain", {})) == wrong_name
    assert refusal(client, bare, call("get_temperature", {"location": "Tokyo"})) == wrong_name
    assert refusal(client, inference, call("get_wind", {})) == (400, f"Demonstration contains {wrong_arguments}")
    names = [json.loads(row["value"])[0]["name"] for row in stored.rows(client, "DemonstrationFeedback")]
    assert sorted(names) == ["get_temperature", "get_wind"]


def test_a_demonstration_of_an_unknown_inference_is_refused(build: Any, stored: Any) -> None:
    client = build(TOML, stored.url, files=FILES)
    old = "018f0000-0000-7000-8000-000000000000"
    with pytest.raises(TensorZeroError, match=f"Inference ID: {old} does not exist"):
        client.feedback(metric_name="demonstration", inference_id=old, value="x")
