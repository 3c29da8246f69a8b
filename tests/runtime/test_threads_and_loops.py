"""One client in many threads, inside a running loop, and on one loop after another."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from socket_server import FLOOD, SocketServer
from ways import get, post, within

from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.curl_asyncio import AsyncHttp
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.drive import drive
from tensorzero.runtime.nonblocking import AsyncRuntime


def test_sixty_four_threads_share_one_blocking_face(server: SocketServer) -> None:
    runtime = BlockingRuntime()
    together = threading.Barrier(64)

    def work(number: int) -> list[bytes]:
        together.wait()
        return [drive(runtime.http.send(post(server.url + "/echo", b"%d" % (number * 100 + i)))).body for i in range(5)]

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(work, range(64)))
    for number, bodies in enumerate(answers):
        for i, body in enumerate(bodies):
            assert f'"body": "{number * 100 + i}"'.encode() in body
    assert server.connections <= 64


def test_the_blocking_face_works_inside_a_running_loop(server: SocketServer) -> None:
    async def cell() -> bytes:
        return drive(BlockingRuntime().http.send(get(server.url + "/hello"))).body

    assert asyncio.run(cell()) == b"hello"


def test_one_asyncio_face_serves_several_loops_one_after_another(server: SocketServer) -> None:
    runtime = AsyncRuntime()

    async def use() -> bytes:
        replies = await asyncio.gather(*(runtime.http.send(get(server.url + "/hello")) for _ in range(5)))
        stream = await runtime.http.open_stream(get(server.url + "/stall"))
        await stream.read()  # left open when its loop ends
        return replies[0].body

    for _ in range(3):
        assert asyncio.run(use()) == b"hello"
    left = server.connections
    assert left >= 3
    assert asyncio.run(use()) == b"hello"
    gc.collect()
    server.wait(lambda: server.hung_up >= left)  # what the first three loops left is closed when the next one comes


def test_one_asyncio_face_serves_several_loops_at_the_same_time(server: SocketServer) -> None:
    runtime = AsyncRuntime()

    async def use() -> set[bytes]:
        replies = await asyncio.gather(*(runtime.http.send(get(server.url + "/hello")) for _ in range(20)))
        return {reply.body for reply in replies}

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: asyncio.run(use()), range(8))) == [{b"hello"}] * 8


def test_calls_that_wait_for_a_connection_take_one_that_becomes_free() -> None:
    server = SocketServer(backlog=1)  # a new connection that finds this queue full is tried again after a second
    runtime = AsyncRuntime()

    async def burst() -> None:
        replies = await asyncio.gather(*(runtime.http.send(post(server.url + "/echo", b"x")) for _ in range(30)))
        assert [reply.status for reply in replies] == [200] * 30

    try:
        asyncio.run(burst())
        used = {asked["connection"] for asked in server.requests}
        assert len(used) < 30, "each call waited for its own"
    finally:
        server.close()


def test_a_stream_left_over_from_a_closed_loop_can_still_be_closed(server: SocketServer) -> None:
    runtime = AsyncRuntime()

    async def leave() -> object:
        stream = await runtime.http.open_stream(get(server.url + "/stall"))
        await stream.read()
        return stream

    left = asyncio.run(leave())
    asyncio.run(left.close())  # type: ignore[attr-defined]

    async def again() -> bytes:
        return (await runtime.http.send(get(server.url + "/hello"))).body

    assert asyncio.run(again()) == b"hello"
    server.wait(lambda: server.hung_up >= 1)


def test_a_cancelled_task_closes_its_connection(server: SocketServer) -> None:
    runtime = AsyncRuntime()

    async def cancel() -> None:
        for path in ("/hang", "/head", "/stall"):

            async def wait(path: str = path) -> None:
                stream = await runtime.http.open_stream(post(server.url + path))
                try:
                    while True:
                        await stream.read()
                finally:
                    await stream.close()

            task = asyncio.create_task(wait())
            while not any(asked["path"] == path for asked in server.requests):
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        for _ in range(3000):
            if server.hung_up == 3:
                return
            await asyncio.sleep(0.01)

    asyncio.run(cancel())
    assert server.hung_up == 3


def test_a_slow_reader_stops_the_sender_and_not_the_memory(server: SocketServer) -> None:
    """The kernel's socket buffers hold a few megabytes; ours one."""
    http = AsyncHttp()

    async def read_slowly() -> None:
        stream = await http.open_stream(get(server.url + "/flood"))
        await stream.read()
        sent = -1
        while sent != server.sent:
            sent = server.sent
            await asyncio.sleep(0.2)
        waiting = await stream.read()
        assert len(waiting) <= (1 << 20) + 2 * len(FLOOD)
        received = 0
        while received < sent + 8_000_000:
            received += len(await stream.read(within(30)))
        await stream.close()

    asyncio.run(read_slowly())
    assert server.sent > 8_000_000


def test_a_body_that_is_there_before_its_slow_reader_arrives_whole(server: SocketServer) -> None:
    """Just above what may wait: a body whose end has come as well is not held up any more."""
    http = AsyncHttp()

    async def read_late() -> None:
        for size in range(1_030_000, 1_110_000, 4_000):
            body = b"x" * size
            stream = await http.open_stream(post(server.url + "/echo", body))
            time.sleep(0.02)  # the loop is to find all of it at once
            await asyncio.sleep(0.01)
            received = b""
            while data := await stream.read(within(5)):
                received += data
            assert received.count(b"x") >= size

    asyncio.run(read_late())


def test_a_blocking_reader_takes_no_more_than_it_asked_for(server: SocketServer) -> None:
    runtime = BlockingRuntime()
    stream = drive(runtime.http.open_stream(get(server.url + "/flood")))
    assert 0 < len(drive(stream.read())) < 4_000_000
    sent = -1
    while sent != server.sent:
        sent = server.sent
        time.sleep(0.1)
    assert sent < 50_000_000
    drive(stream.close())
    server.wait(lambda: server.hung_up == 1)


@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_sleep_ends_at_its_deadline(name: str) -> None:
    async def nap() -> None:
        runtime = BlockingRuntime() if name == "blocking" else AsyncRuntime()
        await runtime.sleep(0.01, within(30))
        await runtime.sleep(30, within(0.05))

    begin = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        drive(nap()) if name == "blocking" else asyncio.run(nap())
    assert 0.05 < time.monotonic() - begin < 20


@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_gather_runs_all_at_the_same_time_and_keeps_their_order(name: str) -> None:
    runtime = BlockingRuntime() if name == "blocking" else AsyncRuntime()
    begun: list[int] = []

    async def one(number: int) -> int:
        begun.append(number)
        while len(begun) < 4:
            await runtime.sleep(0.005, deadline)
        if number == 1:
            raise ValueError("number one")
        return number

    async def all_of_them() -> list[object]:
        return await runtime.gather(*(one(number) for number in range(4)))  # type: ignore[return-value]

    deadline = within(30)
    found = drive(all_of_them()) if name == "blocking" else asyncio.run(all_of_them())
    assert [repr(one) for one in found] == ["0", "ValueError('number one')", "2", "3"]


@pytest.mark.parametrize("name", ["blocking", "asyncio"])
def test_blocking_functions_return_and_raise_as_they_are(name: str) -> None:
    runtime = BlockingRuntime() if name == "blocking" else AsyncRuntime()

    def read(value: int) -> int:
        if value < 0:
            raise LookupError("no such row")
        return value * 2

    async def use() -> int:
        with pytest.raises(LookupError, match="no such row"):
            await runtime.blocking(read, -1)
        return await runtime.blocking(read, 21)

    assert (drive(use()) if name == "blocking" else asyncio.run(use())) == 42


def test_a_blocking_function_holds_up_no_loop() -> None:
    runtime = AsyncRuntime()

    gate = threading.Event()

    async def use() -> bool:
        opened = asyncio.create_task(runtime.blocking(gate.wait, 30))
        for _ in range(10):
            await asyncio.sleep(0.001)
        gate.set()
        return await opened

    assert asyncio.run(use())


def test_a_coroutine_that_would_suspend_is_refused() -> None:
    async def suspends() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="suspended under the blocking runtime"):
        drive(suspends())


def test_the_earliest_deadline_counts() -> None:
    from tensorzero.runtime.deadline import earliest

    near, far = Deadline.after(1, TimeoutError), Deadline.after(2, TimeoutError)
    assert earliest(far, None, near) is near
    assert earliest(None, None) is None
    assert Deadline.after(-1, TimeoutError).remaining() == 0


def test_a_stream_closed_by_another_thread_ends_for_its_reader(server: SocketServer) -> None:
    http = BlockingRuntime().http
    stream = drive(http.open_stream(get(server.url + "/stall")))
    found: list[bytes] = []

    def read() -> None:
        while data := drive(stream.read()):
            found.append(data)

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        server.wait(lambda: b"".join(found) == b"onetwo")
        drive(stream.close())
        reader.result(30)
    server.wait(lambda: server.hung_up == 1)
    assert drive(http.send(get(server.url + "/hello"))).body == b"hello"


def test_a_stream_can_be_closed_while_libcurl_is_at_work_in_another_thread(server: SocketServer) -> None:
    http = BlockingRuntime().http

    def read(stream: Any) -> int:
        pieces = 0
        while drive(stream.read()):
            pieces += 1
        return pieces

    with ThreadPoolExecutor(1) as pool:
        for round_ in range(40):
            stream = drive(http.open_stream(get(server.url + "/flood")))
            reader = pool.submit(read, stream)
            time.sleep(0.001 * (round_ % 7))
            drive(stream.close())
            reader.result(30)
    assert drive(http.send(get(server.url + "/hello"))).body == b"hello"


def test_a_stream_closed_as_it_ends_leaves_no_dead_connection_to_the_next_call(server: SocketServer) -> None:
    """Its reader is in another thread, and has not seen the end yet."""
    http = BlockingRuntime().http
    for _ in range(5):
        stream = drive(http.open_stream(post(server.url + "/drip/1")))
        stream._reading = True
        while not stream._transfer.done:
            stream._line.step(stream._transfer, within(30))
        drive(stream.close())
        assert drive(stream.read()) == b""
        assert drive(http.send(post(server.url + "/hello"))).body == b"hello"


def test_a_closed_stream_takes_nothing_of_the_next_call(server: SocketServer) -> None:
    http = BlockingRuntime().http
    closed = drive(http.open_stream(get(server.url + "/stall")))
    assert drive(closed.read())
    drive(closed.close())
    stream = drive(http.open_stream(get(server.url + "/drip/3")))
    assert stream._transfer.handle is closed._transfer.handle
    while not stream._transfer.parts:
        stream._line.step(stream._transfer, within(30))
    assert drive(closed.read()) == b""
    assert drive(stream.read()).startswith(b"piece 0;")


def test_a_stream_closed_by_another_task_ends_for_its_reader(server: SocketServer) -> None:
    async def use() -> bytes:
        http = AsyncHttp()
        stream = await http.open_stream(get(server.url + "/stall"))

        found: list[bytes] = []

        async def read() -> None:
            while data := await stream.read():
                found.append(data)

        reader = asyncio.create_task(read())
        while b"".join(found) != b"onetwo":
            await asyncio.sleep(0.005)
        await stream.close()
        replies = await asyncio.gather(*(http.send(get(server.url + "/hello")) for _ in range(3)))
        assert {reply.body for reply in replies} == {b"hello"}
        await asyncio.wait_for(reader, 30)
        return b"".join(found)

    assert asyncio.run(use()) == b"onetwo"


def test_a_stream_that_is_collected_after_its_connection_says_nothing(server: SocketServer) -> None:
    stream = drive(BlockingRuntime().http.open_stream(get(server.url + "/stall")))
    stream._line._multi.close()  # what the collector does first where both are in a cycle
    stream.__del__()
