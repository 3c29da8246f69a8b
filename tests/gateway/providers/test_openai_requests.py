"""What becomes of blocks in the body of OpenAI's chat completions."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tensorzero.gateway.functions.blocks import RequestBlock, RequestMessage, Text, Thought, ToolCall, ToolResult
from tensorzero.gateway.providers.openai_requests import messages
from tensorzero.gateway.values import ModelRequest

LINE = {"role": "system", "content": "Respond using JSON.\n\nBe good."}
CALL = ToolCall("1", "f", '{"json":1}')


def sent(*given: RequestMessage, system: str | None = None, json_mode: Literal["on"] | None = None) -> list[dict[str, Any]]:
    return messages(ModelRequest(system, given, {}, False, json_mode=json_mode))


def test_thoughts_go_with_text_or_a_call_and_never_alone() -> None:
    thought = Thought(text="hm")
    with_text = sent(RequestMessage("assistant", (thought, Text("hi"))))
    assert with_text == [{"role": "assistant", "content": "hi", "reasoning_content": "hm"}]
    assert sent(RequestMessage("assistant", (thought, CALL)))[0]["reasoning_content"] == "hm"
    assert sent(RequestMessage("assistant", (thought,))) == []


@pytest.mark.parametrize(
    ("role", "block", "mentions_json"),
    [
        ("user", Text("as JSON"), True),
        ("assistant", Text("json"), True),
        ("user", ToolResult("f", "in JSON", "1"), True),
        ("assistant", CALL, False),
        ("assistant", Thought(text="json"), False),
    ],
)
def test_texts_and_tool_results_count_as_a_mention_of_json(role: str, block: RequestBlock, mentions_json: bool) -> None:
    found = sent(RequestMessage(role, (block,)), system="Be good.", json_mode="on")
    assert (found[0] != LINE) is mentions_json
