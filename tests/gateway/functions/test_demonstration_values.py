"""A demonstration is checked as an output of the inference that it is about."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tensorzero.gateway.errors import BadRequest, GatewayError
from tensorzero.gateway.functions.demonstrations import demonstration

TOOL = {
    "description": "How warm",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    "name": "warmth",
    "strict": False,
}
CHAT_ROW = {"tool_params": orjson.dumps({"tools_available": [TOOL]}).decode()}
SCHEMA = '{"type":"object","properties":{"answer":{"type":"string"}},"required":["answer"]}'
CALL = {"type": "tool_call", "id": "1", "name": "warmth", "arguments": {"place": "Kyoto"}}


def chat(value: Any) -> Any:
    return orjson.loads(demonstration("chat", value, CHAT_ROW))


def fault_of(value: Any, function_type: str = "chat", row: Any = CHAT_ROW) -> str:
    with pytest.raises(BadRequest) as caught:
        demonstration(function_type, value, row)
    return str(caught.value)


def test_text_is_a_block() -> None:
    assert chat("warm") == [{"type": "text", "text": "warm"}]
    assert chat([]) == []


def test_a_call_is_stored_with_both_its_sides() -> None:
    stored = {
        "type": "tool_call",
        "id": "1",
        "raw_name": "warmth",
        "raw_arguments": '{"place":"Kyoto"}',
        "name": "warmth",
        "arguments": {"place": "Kyoto"},
    }
    assert chat([{"type": "text", "text": "x"}, {**CALL, "more": 1}]) == [{"type": "text", "text": "x"}, stored]


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("x", 'invalid type: string "x", expected object'),
        (None, "invalid type: null, expected object"),
        ({"text": "x"}, "TensorZeroDerive: missing tag field `type`"),
        ({"type": "thought", "text": "x"}, "unknown variant `thought`, expected `text` or `tool_call`"),
        ({"type": "text"}, "missing field `text`"),
        ({"type": "text", "text": 1}, "text: invalid type: integer `1`, expected a string"),
        ({"type": "text", "text": "x", "q": 1}, "q: unknown field `q`, expected `text`"),
        ({**CALL, "id": 1}, "id: invalid type: integer `1`, expected a string"),
        ({"type": "tool_call", "id": "1", "name": "warmth"}, "missing field `arguments`"),
    ],
)
def test_blocks_of_the_wrong_shape(block: Any, reason: str) -> None:
    assert fault_of([block]) == f"Invalid demonstration content block: {reason}"


@pytest.mark.parametrize("value", [{"type": "text", "text": "x"}, 3, None])
def test_anything_else_is_no_chat_output(value: Any) -> None:
    assert fault_of(value) == "Demonstration must be a string or an array of content blocks"


def test_calls_are_of_tools_that_the_inference_had() -> None:
    assert fault_of([{**CALL, "name": "other"}]) == "Demonstration contains invalid tool name"
    assert fault_of([CALL], row={}) == "Demonstration contains invalid tool name"


@pytest.mark.parametrize("arguments", [{}, {"place": 1}, '{"place":"Kyoto"}', None])
def test_arguments_fit_the_tool(arguments: Any) -> None:
    assert fault_of([{**CALL, "arguments": arguments}]) == "Demonstration contains invalid tool call arguments"


def test_a_json_demonstration_is_the_value_itself() -> None:
    stored = orjson.loads(demonstration("json", {"answer": "x"}, {"output_schema": SCHEMA}))
    assert stored == {"raw": '{"answer":"x"}', "parsed": {"answer": "x"}}


def test_a_json_demonstration_fits_the_stored_schema() -> None:
    expected = (
        "Demonstration does not fit function output schema: JSON Schema validation failed:\n"
        f'"answer" is a required property\n\nSchema:\n{SCHEMA}'
    )
    assert fault_of({}, "json", {"output_schema": SCHEMA}) == expected


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "Failed to get output schema from demonstration result"),
        (
            {"output_schema": '{"type":"zz"}'},
            "Failed to compile JSON Schema: \"zz\" is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
    ],
)
def test_a_stored_schema_that_is_no_use_is_the_gateways_fault(row: Any, message: str) -> None:
    with pytest.raises(GatewayError) as caught:
        demonstration("json", {}, row)
    assert (str(caught.value), caught.value.status) == (message, 500)
