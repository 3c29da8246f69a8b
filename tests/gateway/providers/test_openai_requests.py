"""Messages as they go to OpenAI-compatible endpoints (observed 2026.6.0)."""

from __future__ import annotations

from typing import Any

import pytest

from tensorzero.gateway.providers.openai_requests import messages
from tensorzero.gateway.values import ModelRequest
from tensorzero.inputs.blocks import RequestMessage, Text, Thought, ToolCall, ToolResult, Unknown

LINE = "Respond using JSON."
CALL = ToolCall("1", "json", '{"json":1}')


def sent(*given: tuple[str, list[Any]], system: str | None = None, json_mode: Any = None) -> list[dict[str, Any]]:
    asked = tuple(RequestMessage(role, tuple(blocks)) for role, blocks in given)  # type: ignore[arg-type]
    return messages(ModelRequest(system, asked, {}, False, json_mode=json_mode))


@pytest.mark.parametrize(
    ("system", "blocks", "expected"),
    [
        (None, [Text("JSON!")], LINE),
        ("Be nice.", [Text("hi")], f"{LINE}\n\nBe nice."),
        ("", [Text("hi")], f"{LINE}\n\n"),
        ("Be nice.", [Text("a jSoN b")], "Be nice."),
        ("Be nice.", [Text("hi"), Text("json")], "Be nice."),
        ("Be nice.", [ToolResult("n", "json", "1")], "Be nice."),
        ("Be nice.", [Unknown({"type": "text", "text": "json"})], f"{LINE}\n\nBe nice."),
        ("In Json.", [Text("hi")], "In Json."),
    ],
)
def test_mode_on_adds_a_line_unless_a_system_text_is_there_and_some_text_says_json(
    system: str | None, blocks: list[Any], expected: str
) -> None:
    assert sent(("user", blocks), system=system, json_mode="on")[0] == {"role": "system", "content": expected}


def test_what_an_assistant_said_counts_too() -> None:
    found = sent(("user", [Text("hi")]), ("assistant", [Text("json")]), system="x", json_mode="on")
    assert found[0]["content"] == "x"


def test_neither_a_call_nor_a_thought_says_json() -> None:
    found = sent(("user", [Text("hi")]), ("assistant", [Thought("json"), CALL]), system="x", json_mode="on")
    assert found[0]["content"] == f"{LINE}\n\nx"


def test_thoughts_go_with_an_answer_and_alone_are_no_message() -> None:
    assert sent(("user", [Text("hi")]), ("assistant", [Thought("t")])) == [{"role": "user", "content": "hi"}]
    found = sent(("assistant", [Thought("t"), Text("a"), Thought("u")]))
    assert found == [{"role": "assistant", "content": "a", "reasoning_content": "t\n\nu"}]
    assert sent(("assistant", [Thought("t"), CALL]))[0]["reasoning_content"] == "t"


def test_a_block_that_is_passed_through_stays_in_a_list() -> None:
    block = {"type": "text", "text": "x"}
    assert sent(("user", [Unknown(block)])) == [{"role": "user", "content": [block]}]
    assert sent(("user", [ToolResult("n", "r", "1"), Text("x")]))[1] == {"role": "user", "content": "x"}
