"""A client that cannot reach its gateway, or has no event loop, says what to do."""

from __future__ import annotations

import socket
import sys
import types
from collections.abc import Coroutine
from typing import Any

import pytest

import tensorzero as t
from tensorzero.types import TensorZeroInternalError

from .loopback import Loopback

INPUT: Any = {"messages": [{"role": "user", "content": "hi"}]}


def nobody() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("verbose", [False, True])
def test_a_gateway_that_is_not_there_is_asked_after(stream: bool, verbose: bool) -> None:
    url = nobody()
    client = t.TensorZeroGateway.build_http(gateway_url=url, verbose_errors=verbose)
    with pytest.raises(TensorZeroInternalError) as caught:
        client.inference(function_name="f", input=INPUT, stream=stream)
    hint = getattr(caught.value, "hint", "")
    assert f"Is a gateway running at {url}?" in hint
    assert "connect" in hint.lower()
    assert "build_embedded" in hint


def test_an_answer_that_is_too_large_says_how_large_one_may_be(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORZERO_MAX_ANSWER_BYTES", "10")
    client = t.TensorZeroGateway.build_http(gateway_url=server.url)
    with pytest.raises(TensorZeroInternalError, match="Error deserializing response") as caught:
        client.inference(function_name="f", input=INPUT)
    assert "`TENSORZERO_MAX_ANSWER_BYTES`" in getattr(caught.value, "hint", "")


def test_an_event_that_is_too_large_ends_a_stream(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORZERO_MAX_EVENT_BYTES", "10")
    stream = t.TensorZeroGateway.build_http(gateway_url=server.url).inference(function_name="f", input=INPUT, stream=True)
    with pytest.raises(t.TensorZeroError) as caught:
        list(stream)
    assert "`TENSORZERO_MAX_EVENT_BYTES`" in getattr(caught.value, "hint", "")


def by_hand(coroutine: Coroutine[Any, Any, Any]) -> None:
    """As a loop that is not asyncio's runs one."""
    coroutine.send(None)


async def awaited(client: Any) -> None:
    await client.inference(function_name="f", input=INPUT)


def test_without_an_event_loop_a_call_says_so(server: Loopback) -> None:
    client = t.AsyncTensorZeroGateway.build_http(gateway_url=server.url, async_setup=False)
    for call in (
        lambda: by_hand(awaited(client)),
        lambda: t.AsyncTensorZeroGateway.build_http(gateway_url=server.url),
        lambda: t.AsyncTensorZeroGateway.build_embedded(),
    ):
        with pytest.raises(RuntimeError, match="no running event loop: the asyncio client needs one") as caught:
            call()
        assert "TensorZeroGateway" in getattr(caught.value, "hint", "")


def test_under_trio_the_hint_is_trios(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    trio: Any = types.ModuleType("trio")  # all of it that is asked for
    trio.lowlevel = types.SimpleNamespace(in_trio_run=lambda: True)
    monkeypatch.setitem(sys.modules, "trio", trio)
    client = t.AsyncTensorZeroGateway.build_http(gateway_url=server.url, async_setup=False)
    with pytest.raises(RuntimeError, match="this is trio") as caught:
        by_hand(awaited(client))
    assert "trio.to_thread.run_sync" in getattr(caught.value, "hint", "")
