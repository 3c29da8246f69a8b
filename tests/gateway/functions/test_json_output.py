"""What becomes of an answer in JSON, whole or in chunks."""

from __future__ import annotations

from typing import Any

import pytest

from tensorzero.gateway.functions.collecting import Collector
from tensorzero.gateway.functions.json_function import asked_mode, json_output, respond_tool
from tensorzero.gateway.functions.outputs import chat_output
from tensorzero.gateway.schemas.validation import Schema

ANSWER = Schema({"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]})
THOUGHT = {"type": "thought", "text": "hm"}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def call(arguments: str) -> dict[str, Any]:
    return {"type": "tool_call", "id": "1", "name": "respond", "arguments": arguments}


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        ('{"answer":"x"}', {"answer": "x"}),
        (' {"answer":"x"}\n', {"answer": "x"}),
        ('{"answer":"1","answer":"x"}', {"answer": "x"}),
        ('{"answer":1}', None),
        ('{"answer"', None),
        ('{"answer":NaN}', None),
        ("```json\n{}\n```", None),
        ("", None),
    ],
)
def test_an_answer_is_parsed_where_it_fits(raw: str, parsed: Any) -> None:
    assert json_output([text(raw)], ANSWER) == ({"raw": raw, "parsed": parsed}, [])


def test_numbers_keep_their_kind() -> None:
    output, _ = json_output([text('{"n":1.0,"k":1E5,"big":12345678901234567890123}')], Schema({}))
    assert repr(output["parsed"]) == "{'n': 1.0, 'k': 100000.0, 'big': 1.2345678901234568e+22}"


def test_an_answer_nested_too_deeply_is_not_parsed() -> None:
    deep = "[" * 130 + "]" * 130
    assert json_output([text(deep)], Schema({}))[0] == {"raw": deep, "parsed": None}


def test_a_schema_that_does_not_compile_fits_no_answer() -> None:
    assert json_output([text("{}")], Schema({"type": "nonsense"}))[0] == {"raw": "{}", "parsed": None}


def test_the_last_text_or_call_is_the_answer_and_the_rest_is_auxiliary() -> None:
    content = [THOUGHT, text("first"), call('{"answer":"x"}'), THOUGHT]
    output, auxiliary = json_output(content, ANSWER)
    assert output == {"raw": '{"answer":"x"}', "parsed": {"answer": "x"}}
    assert auxiliary == [THOUGHT, text("first"), THOUGHT]


def test_no_text_and_no_call_is_no_answer() -> None:
    assert json_output([THOUGHT], ANSWER) == ({"raw": None, "parsed": None}, [THOUGHT])


def test_the_older_name_of_mode_tool_is_known() -> None:
    assert asked_mode({"json_mode": "implicit_tool"}) == "tool"
    assert asked_mode({}) is None


def test_mode_tool_is_one_tool_and_no_choice() -> None:
    settings = respond_tool(ANSWER)
    (tool,) = settings.tools
    assert (tool.name, tool.parameters, tool.strict) == ("respond", ANSWER, False)
    assert settings.choice == {"specific": "respond"}
    assert respond_tool(None).tools[0].parameters.value == {}


def test_mode_tool_of_a_chat_function_makes_calls_text() -> None:
    assert chat_output([THOUGHT, call("{}"), call("x")], None, as_text=True) == [THOUGHT, text("{}"), text("x")]


def chunk_of_call(arguments: str, identifier: str = "a") -> dict[str, Any]:
    return {"type": "tool_call", "id": identifier, "raw_name": "respond", "raw_arguments": arguments}


def thought_chunk(value: str) -> dict[str, Any]:
    return {"type": "thought", "text": value, "id": "1"}


def test_chunks_of_an_answer_are_one_text_whatever_they_came_as() -> None:
    collected = Collector()
    chunks = [[text("a", id="0")], [chunk_of_call("b")], [chunk_of_call("c", "other")], [thought_chunk("hm")]]
    assert [collected.add_json(chunk) for chunk in chunks] == ["a", "b", "c", None]
    assert collected.content() == [text("abc"), THOUGHT]


def test_of_one_chunk_the_last_text_or_call_counts() -> None:
    collected = Collector()
    assert collected.add_json([text("a", id="0"), chunk_of_call("b"), thought_chunk("hm")]) == "b"
    assert collected.content() == [text("b"), THOUGHT]


def test_an_empty_text_is_an_answer_and_no_text_is_none() -> None:
    collected = Collector()
    assert collected.add_json([thought_chunk("hm")]) is None
    assert collected.content() == [THOUGHT]
    assert collected.add_json([text("", id="0")]) == ""
    assert collected.content() == [THOUGHT, text("")]


def summary_chunk(value: str, number: str, **more: Any) -> dict[str, Any]:
    return {"type": "thought", "id": "1", "text": None, "summary_id": number, "summary_text": value, **more}


def test_parts_of_a_summary_are_put_together_in_their_order_of_coming() -> None:
    collected = Collector()
    collected.add([summary_chunk("b", "1"), summary_chunk("a", "0"), summary_chunk("c", "1", signature="S")])
    summary = [{"type": "summary_text", "text": "bc"}, {"type": "summary_text", "text": "a"}]
    assert collected.content() == [{"type": "thought", "text": None, "signature": "S", "summary": summary}]


def test_a_thought_with_nothing_in_it_is_none_but_an_empty_summary_of_json_is_kept() -> None:
    chat, as_json = Collector(), Collector()
    chat.add([summary_chunk("", "0"), {"type": "thought", "id": "2", "text": None}])
    as_json.add_json([summary_chunk("", "0"), {"type": "thought", "id": "2", "text": None}])
    assert chat.content() == []
    assert as_json.content() == [{"type": "thought", "text": None, "summary": [{"type": "summary_text", "text": ""}]}]


def test_of_unknown_blocks_with_one_id_the_last_stands_where_the_first_did() -> None:
    collected = Collector()
    for data, identifier in ((1, "x"), (2, "y"), (3, "x")):
        collected.add([{"type": "unknown", "id": identifier, "data": data}])
    assert [block["data"] for block in collected.content()] == [3, 2]
