"""A process without descriptors, threads or memory gets an `HttpError`; what is kept between calls is bounded."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pycurl
import pytest
from socket_server import SocketServer
from ways import WAYS, get, within

from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.curl_asyncio import AsyncHttp
from tensorzero.runtime.curl_blocking import BlockingHttp
from tensorzero.runtime.drive import drive
from tensorzero.runtime.nonblocking import AsyncRuntime
from tensorzero.runtime.runtime import HttpError, Runtime

pytestmark = pytest.mark.slow

SHORTAGE = """
import asyncio, os, resource, sys
sys.path.insert(0, {tests!r})
from ways import WAYS, Way, get, within
from tensorzero.runtime.runtime import Runtime, HttpError

def short_of_descriptors(left):
    free = os.open("/dev/null", os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + left, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

outcomes = []
with Way({way!r}) as way:
    if {warm}:
        way.send(get("{url}/hello"))
    whole = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def exchange(http):
        short_of_descriptors({left})
        for number in range(5):
            try:
                if number % 2:
                    stream = await http.open_stream(get("{url}/hello"), within(20))
                    outcomes.append(await stream.read(within(20)))
                    await stream.close()
                else:
                    outcomes.append((await http.send(get("{url}/hello"), within(20))).body)
            except HttpError as error:
                outcomes.append((error.hint, error.chain[-1]))
        resource.setrlimit(resource.RLIMIT_NOFILE, whole)
        return (await http.send(get("{url}/hello"), within(20))).body

    assert way.run(exchange) == b"hello"
print(outcomes)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("left", [0, 1, 2, 3])
@pytest.mark.parametrize("name", WAYS)
def test_without_descriptors_a_call_ends_as_an_http_error_and_the_next_may_go_well(
    server: SocketServer, name: str, left: int, warm: bool
) -> None:
    program = SHORTAGE.format(tests=str(Path(__file__).parent), way=name, url=server.url, left=left, warm=warm)
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    if "libcurl" in name and "hello" not in done.stdout:
        assert "ulimit -n" in done.stdout, done.stdout


def refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_without_threads_blocking_work_is_done_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", refuse)

    async def work(runtime: Runtime) -> list[object]:
        return [await runtime.blocking(threading.get_ident), *await runtime.gather(number(1), number(2))]

    async def number(which: int) -> int:
        return which

    me = threading.get_ident()
    for runtime, run in ((BlockingRuntime(), drive), (AsyncRuntime(), asyncio.run)):
        assert run(work(runtime)) == [me, 1, 2]


def test_a_body_that_memory_cannot_hold_is_an_http_error(server: SocketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorzero.runtime.curl_transfer import Transfer

    def no_memory(_transfer: Transfer) -> bytes:
        raise MemoryError

    monkeypatch.setattr(Transfer, "take", no_memory)
    for http, run in ((BlockingHttp(), drive), (AsyncHttp(), asyncio.run)):

        async def send() -> None:
            await http.send(get(server.url + "/hello"), within(30))  # noqa: B023 - runs at once

        async def stream() -> None:
            opened = await http.open_stream(get(server.url + "/drip/2"), within(30))  # noqa: B023 - runs at once
            await opened.read(within(30))

        for exchange in (send, stream):
            with pytest.raises(HttpError) as caught:
                run(exchange())
            assert caught.value.chain[-1] == "out of memory"


def test_a_fault_of_libcurl_itself_ends_every_transfer_of_its_loop(server: SocketServer) -> None:
    async def exchange() -> list[object]:
        http = AsyncHttp()
        calls = [asyncio.ensure_future(http.send(get(server.url + "/hang"), within(60))) for _ in range(3)]  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        (pool,) = http._pools.values()
        multi, pool._multi = pool._multi, _Failing()  # type: ignore[assignment]
        pool._act(pycurl.SOCKET_TIMEOUT, 0)
        pool._multi = multi
        return await asyncio.gather(*calls, return_exceptions=True)

    found = asyncio.run(exchange())
    assert [type(one) for one in found] == [HttpError] * 3


class _Failing:
    def socket_action(self, _fd: int, _mask: int) -> None:
        raise pycurl.error(4, "internal error")

    def remove_handle(self, _curl: pycurl.Curl) -> None:
        return


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loop watches each socket itself")
def test_a_thread_of_libcurl_that_ends_while_libcurl_acts_wakes_it_again() -> None:
    from tensorzero.runtime.loop_sockets import EpollSockets

    async def watch() -> int:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        acts: list[int] = []
        seen = asyncio.Event()

        def act(fd: int, _mask: int) -> None:
            acts.append(fd)
            if len(acts) == 1:
                os.write(writing, b"x")  # a second thread ends just now
            else:
                seen.set()

        sockets = EpollSockets(asyncio.get_running_loop(), act)
        sockets.watch(reading, pycurl.POLL_IN)
        os.write(writing, b"x")
        await asyncio.wait_for(seen.wait(), 20)
        sockets.watch(reading, 0)
        sockets.rest()
        os.close(reading)
        os.close(writing)
        return len(acts)

    assert asyncio.run(watch()) >= 2


def test_lines_and_handles_that_wait_are_bounded(server: SocketServer) -> None:
    http = BlockingHttp()
    gate = threading.Barrier(100)

    def call() -> None:
        stream = drive(http.open_stream(get(server.url + "/drip/1"), within(60)))  # type: ignore[arg-type]
        gate.wait(60)
        while drive(stream.read(within(60))):
            pass

    threads = [threading.Thread(target=call) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(http._idle) <= 64

    async def many() -> int:
        asynchronous = AsyncHttp()
        await asyncio.gather(*(asynchronous.send(get(server.url + "/hello"), within(60)) for _ in range(300)))
        (pool,) = asynchronous._pools.values()
        return len(pool.idle)

    assert asyncio.run(many()) <= 256


def test_a_handle_that_waits_keeps_nothing_of_its_last_call(server: SocketServer) -> None:
    from ways import post

    http = BlockingHttp()
    drive(http.send(post(server.url + "/echo", b"x" * 1_000_000), within(60)))
    (line,) = http._idle
    assert (line._handle._body, line._handle.parts, line._handle.lines) == (b"", [], [])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere loopback has one address")
def test_a_thousand_hosts_leave_few_connections() -> None:
    own = SocketServer(host="0.0.0.0")
    try:
        http = BlockingHttp()
        for number in range(1000):
            url = f"http://127.{number // 250}.1.{number % 250 + 1}:{own.port}/hello"
            assert drive(http.send(get(url), within(60))).body == b"hello"
        deadline = time.monotonic() + 30
        while own.hung_up < 990 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert own.hung_up >= 990, "of a thousand connections"
    finally:
        own.close()
