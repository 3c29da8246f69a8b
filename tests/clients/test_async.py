"""The asyncio client: tasks that already run, errors at the call, one client on several loops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable
from typing import Any

import pytest

import tensorzero as t
from tensorzero.types import TensorZeroError, TensorZeroInternalError, Text

from .loopback import Loopback

INPUT: Any = {"messages": [{"role": "user", "content": "hi"}]}
NOTICE = "WARN tensorzero: Stream was garbage-collected without being iterated to completion\n"


async def until(condition: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(wait(), 30)


def built(server: Loopback, **arguments: Any) -> t.AsyncTensorZeroGateway:
    client = t.AsyncTensorZeroGateway.build_http(gateway_url=server.url, async_setup=False, **arguments)
    assert isinstance(client, t.AsyncTensorZeroGateway)
    return client


def test_the_builder_gives_a_future_or_the_client(server: Loopback) -> None:
    async def main() -> None:
        future = t.AsyncTensorZeroGateway.build_http(gateway_url=server.url)
        assert isinstance(future, asyncio.Future)
        async with await future as client:
            assert repr(client).startswith("<builtins.AsyncTensorZeroGateway object at 0x")
            assert (await client.inference(function_name="f", input=INPUT)).content == [Text("Tokyo.")]  # type: ignore[union-attr]
        assert await client.close() == ()
        assert (await client.inference(function_name="f", input=INPUT)).content == [Text("Tokyo.")]  # type: ignore[union-attr]

    asyncio.run(main())
    with pytest.raises(RuntimeError, match=r"^no running event loop: the asyncio client needs one"):
        t.AsyncTensorZeroGateway.build_http(gateway_url=server.url)
    with pytest.raises(ValueError, match="value is negative"):
        t.AsyncTensorZeroGateway.build_http(gateway_url=server.url, timeout=-1)


def test_argument_errors_raise_at_the_call(server: Loopback) -> None:
    async def main() -> None:
        client = built(server)
        with pytest.raises(ValueError, match="Failed to parse episode_id"):
            client.inference(function_name="f", input=INPUT, episode_id="abc")
        with pytest.raises(TypeError, match="'PyDict'"):
            client.inference(function_name="f", input="x")  # type: ignore[arg-type]
        with pytest.raises(t.TensorZeroInternalError, match=r"unknown variant `system`"):
            client.inference(function_name="f", input={"messages": [{"role": "system", "content": "x"}]})

    asyncio.run(main())
    assert server.requests == []


def test_a_call_runs_before_it_is_awaited(server: Loopback) -> None:
    async def main() -> None:
        task = built(server).inference(function_name="f", input=INPUT)
        assert isinstance(task, asyncio.Future)
        await until(lambda: bool(server.requests))
        await task

    asyncio.run(main())


def test_many_calls_at_once(server: Loopback) -> None:
    async def main() -> list[Any]:
        client = built(server)
        return await asyncio.gather(*(client.inference(function_name="f", input=INPUT) for _ in range(50)))

    assert [answer.content for answer in asyncio.run(main())] == [[Text("Tokyo.")]] * 50


def test_a_cancelled_call_ends_at_once(server: Loopback) -> None:
    async def main() -> None:
        task = built(server).inference(function_name="slow", input=INPUT)
        await until(lambda: bool(server.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.answered_slowly == 0, "the answer was waited for"

    asyncio.run(main())


def test_errors_arrive_with_the_await(server: Loopback) -> None:
    async def main() -> None:
        client = built(server)
        for stream in (False, True):
            with pytest.raises(TensorZeroError) as caught:
                await client.inference(function_name="refused", input=INPUT, stream=stream)
            assert caught.value.status_code == 404

    asyncio.run(main())


def test_one_client_on_several_loops_one_after_another(server: Loopback) -> None:
    client = built(server)

    async def main() -> int:
        await client.inference(function_name="f", input=INPUT)
        return len([chunk async for chunk in await client.inference(function_name="f", input=INPUT, stream=True)])  # type: ignore[union-attr]

    assert [asyncio.run(main()) for _ in range(3)] == [3, 3, 3]


def test_a_stream_goes_on_after_an_error_and_ends_again_and_again(server: Loopback) -> None:
    async def main() -> None:
        stream: Any = await built(server).inference(function_name="event_error", input=INPUT, stream=True)
        assert aiter(stream) is stream
        first = await asyncio.ensure_future(anext(stream))
        assert first.content[0].text == "a"
        with pytest.raises(TensorZeroError, match="boom"):
            await anext(stream)
        assert len([chunk async for chunk in stream]) == 2
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    asyncio.run(main())


def test_a_dropped_stream_closes_its_connection_and_says_so(server: Loopback, printed: Callable[[], str]) -> None:
    async def main() -> None:
        stream: Any = await built(server).inference(function_name="endless", input=INPUT, stream=True)
        await anext(stream)
        del stream
        gc.collect()
        await until(lambda: server.broken_pipes > 0)

    asyncio.run(main())
    assert printed().endswith(NOTICE)


def test_close_and_stop_drop_a_stream_in_silence(server: Loopback, printed: Callable[[], str]) -> None:
    async def main() -> None:
        for end in ("aclose", "stop"):
            stream: Any = await built(server).inference(function_name="endless", input=INPUT, stream=True)
            await anext(stream)
            await getattr(stream, end)()
            assert [chunk async for chunk in stream] == []
        await until(lambda: server.broken_pipes > 0)

    asyncio.run(main())
    gc.collect()
    assert printed() == ""


def test_a_stream_whose_loop_is_closed_says_so_and_does_not_just_end(server: Loopback) -> None:
    async def begin() -> Any:
        stream: Any = await built(server).inference(function_name="endless", input=INPUT, stream=True)
        await anext(stream)
        return stream

    async def go_on(stream: Any) -> None:
        async for _chunk in stream:
            pass

    stream = asyncio.run(begin())
    with pytest.raises(TensorZeroInternalError, match="the event loop that this stream began in is closed"):
        asyncio.run(go_on(stream))


def test_a_stream_dropped_after_its_loop_ended_breaks_nothing(server: Loopback, printed: Callable[[], str]) -> None:
    kept: list[Any] = []

    async def main() -> None:
        kept.append(await built(server).inference(function_name="f", input=INPUT, stream=True))

    asyncio.run(main())
    with contextlib.suppress(RuntimeError):
        kept.clear()
    gc.collect()
    assert printed().endswith(NOTICE)
