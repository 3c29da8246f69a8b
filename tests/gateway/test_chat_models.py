"""Chat completions of models that take less, whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted_upstream import ScriptedUpstream, answer_with, stream_of

from tensorzero import TensorZeroGateway

ASK = {"system": "S", "messages": [{"role": "user", "content": "x"}]}
ANSWER = '{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}'
CHUNK = '{"choices":[{"index":0,"delta":{"content":"a"}}]}'
TOOL = {"name": "t", "description": "d", "parameters": {}}


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    running = ScriptedUpstream()
    yield running
    running.close()


def test_o1_mini_has_no_system_message_and_parallel_calls_are_not_switched_off(
    build: Callable[..., TensorZeroGateway], upstream: ScriptedUpstream
) -> None:
    client = build(upstream.toml.replace('model_name = "m"', 'model_name = "o1-mini"'))
    asked: dict[str, Any] = {"model_name": "m", "input": ASK, "additional_tools": [TOOL], "parallel_tool_calls": False}
    client.inference(**asked, extra_body=answer_with(ANSWER))
    (body,) = upstream.requests
    assert [message["role"] for message in body["messages"]] == ["user", "user"]
    assert "tools" in body
    assert "parallel_tool_calls" not in body


@pytest.mark.parametrize(("stream", "accept"), [(False, "*/*"), (True, "text/event-stream")])
def test_a_stream_asks_for_events(
    build: Callable[..., TensorZeroGateway], upstream: ScriptedUpstream, stream: bool, accept: str
) -> None:
    script = stream_of(CHUNK, "[DONE]") if stream else answer_with(ANSWER)
    found = build(upstream.toml).inference(model_name="m", input=ASK, stream=stream, extra_body=script)
    if stream:
        list(found)
    assert upstream.headers[0]["accept"] == accept
