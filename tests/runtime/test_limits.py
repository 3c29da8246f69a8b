"""An answer without end takes bounded memory and ends in time, whatever the library."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from socket_server import SocketServer
from ways import WAYS, Way, get, within

from tensorzero.runtime import curl_handle
from tensorzero.runtime.deadline import DeadlineExceeded
from tensorzero.runtime.limits import ANSWER, EVENT, limits_of_environment
from tensorzero.runtime.runtime import Http, HttpError, HttpRequest
from tensorzero.runtime.sse import SseDecoder

pytestmark = pytest.mark.slow

MEGABYTE = 1 << 20
NEVER_REACHED = str(1 << 40)
"""A fast machine floods the default limit before a deadline of 0.3 s."""


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    monkeypatch.setenv(ANSWER, str(MEGABYTE))
    with Way(request.param) as found:
        yield found


async def read_all(http: Http, url: str, seconds: float = 60.0) -> int:
    stream = await http.open_stream(get(url), within(seconds))
    size = 0
    try:
        while data := await stream.read(within(seconds)):
            size += len(data)
    finally:
        await stream.close()
    return size


ENDLESS = ["flood", "announced", "bomb", "close", "chunks"]


@pytest.mark.parametrize("name", ENDLESS)
def test_a_whole_answer_that_is_too_large_is_an_error_that_names_its_limit(way: Way, server: SocketServer, name: str) -> None:
    with pytest.raises(HttpError) as caught:
        way.send(get(f"{server.url}/{name}"), within(60))
    error = caught.value
    assert error.chain[-1] == f"the answer is larger than {MEGABYTE} bytes"
    assert ANSWER in (error.hint or "")
    assert (error.in_body, error.status, error.timed_out) == (True, 200, False)
    assert way.send(get(server.url + "/hello")).body == b"hello"


@pytest.mark.parametrize("name", ENDLESS)
def test_a_stream_that_is_too_large_is_the_same_error(way: Way, server: SocketServer, name: str) -> None:
    with pytest.raises(HttpError) as caught:
        way.run(lambda http: read_all(http, f"{server.url}/{name}"))
    assert caught.value.chain[-1] == f"the answer is larger than {MEGABYTE} bytes"


@pytest.mark.parametrize("name", ENDLESS)
def test_an_older_libcurl_leaves_the_limit_to_us(server: SocketServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(ANSWER, str(MEGABYTE))
    monkeypatch.setattr(curl_handle, "_LIMITING", False)
    for library in ("libcurl, blocking", "libcurl, asyncio"):
        with Way(library) as old, pytest.raises(HttpError) as caught:
            old.run(lambda http: read_all(http, f"{server.url}/{name}"))
        assert caught.value.chain[-1] == f"the answer is larger than {MEGABYTE} bytes"


@pytest.mark.parametrize("name", ["headers", "header", "early", "continue"])
def test_a_head_without_end_is_an_error(way: Way, server: SocketServer, name: str) -> None:
    with pytest.raises((HttpError, DeadlineExceeded)):  # httpx forgets each 1xx, and its caller's time ends it
        way.send(get(f"{server.url}/{name}"), within(2 if not way.libcurl else 60))


@pytest.mark.parametrize("name", ["flood", "drops", "head-drops", "chunk-drops", "comments"])
def test_a_deadline_holds_although_something_always_comes(
    way: Way, server: SocketServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(ANSWER, NEVER_REACHED)
    began = time.monotonic()
    for exchange in (
        lambda http: http.send(get(f"{server.url}/{name}"), within(0.3)),
        lambda http: read_until(http, f"{server.url}/{name}", 0.3),
    ):
        with pytest.raises(DeadlineExceeded):
            way.run(exchange)
    assert time.monotonic() - began < 20


async def read_until(http: Http, url: str, seconds: float) -> None:
    deadline = within(seconds)
    stream = await http.open_stream(get(url), deadline)
    try:
        while await stream.read(deadline):
            pass
    finally:
        await stream.close()


@pytest.mark.parametrize("name", [name for name in WAYS if name.startswith("libcurl")])
def test_bytes_that_are_there_hold_up_no_deadline(server: SocketServer, name: str) -> None:
    async def exchange(http: Http) -> None:
        stream: Any = await http.open_stream(get(server.url + "/stall"), within(60))
        try:
            stream._transfer.parts.append(b"more has come meanwhile")
            with pytest.raises(DeadlineExceeded):
                await stream.read(within(0))
        finally:
            await stream.close()

    with Way(name) as way:
        way.run(exchange)


@pytest.mark.parametrize("name", ["flood", "drops", "head-drops"])
def test_the_time_of_a_whole_exchange_holds_too(
    way: Way, server: SocketServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(ANSWER, NEVER_REACHED)
    request = HttpRequest("GET", f"{server.url}/{name}", {}, b"", 0.3)

    async def whole(http: Http) -> None:
        await http.send(request)

    async def streamed(http: Http) -> None:
        stream = await http.open_stream(request)
        try:
            while await stream.read():
                pass
        finally:
            await stream.close()

    began = time.monotonic()
    for exchange in (whole, streamed):
        with pytest.raises(HttpError) as caught:
            way.run(exchange)
        assert caught.value.timed_out
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("text", ["0", "-1", "many", "1e6", "1" * 19, "²"])
def test_a_setting_that_is_no_size_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(EVENT, text)
    with pytest.raises(HttpError, match=EVENT):
        limits_of_environment()


MEMORY = """
import re, sys
sys.path.insert(0, {tests!r})
from ways import WAYS, Way, get, within
from tensorzero.runtime.runtime import HttpError
def held(what: str = "VmRSS") -> int:
    return int(re.search(what + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) >> 10
with Way({way!r}) as way:
    way.send(get("{url}/hello"))
    before = held()
    try:
        way.send(get("{url}/flood"), within(60))
    except HttpError as error:
        assert "larger than" in error.chain[-1], error.chain
    print(held("VmHWM") - before, held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for what is held")
@pytest.mark.parametrize("name", WAYS)
def test_the_memory_of_a_large_answer_is_bounded_and_given_back(
    server: SocketServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(ANSWER, str(64 * MEGABYTE))
    program = MEMORY.format(tests=str(Path(__file__).parent), way=name, url=server.url)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr
    peak, left = map(int, done.stdout.split())
    assert peak < 64 + 40, "megabytes: the answer once, and no more"
    assert left < 30, "megabytes"


def feed(decoder: SseDecoder, piece: bytes, times: int) -> None:
    for _ in range(times):
        decoder.feed(piece)


@pytest.mark.parametrize("piece", [b"x" * 1000, b"data: x\n", b": comment\n", b"x\r", b"\rx"])
def test_an_event_without_end_is_an_error_that_names_its_limit(piece: bytes) -> None:
    decoder = SseDecoder(100_000)
    with pytest.raises(HttpError, match="the event is larger than 100000 bytes") as caught:
        feed(decoder, piece, 100_000 // len(piece) + 10)
    assert EVENT in (caught.value.hint or "")


def test_comments_that_end_are_kept_nowhere() -> None:
    feed(SseDecoder(1000), b": keep-alive\n\n", 10_000)


@pytest.mark.parametrize("line", [b"data: " + b"x" * 60 + b"\n", b"\n" + b"x" * 60, b"x" * 60 + b"\r"])
def test_an_event_of_many_lines_takes_linear_time(line: bytes) -> None:
    decoder = SseDecoder(1 << 30)
    times: list[float] = []
    for _ in range(3):
        began = time.process_time()
        feed(decoder, line * 16, 4000)
        times.append(time.process_time() - began)
    assert times[-1] < 10 * times[0] + 0.5
    assert decoder.feed(b"\n\n") is not None


def test_an_event_in_single_bytes_takes_no_more_than_its_bytes() -> None:
    decoder = SseDecoder()
    feed(decoder, b"x", 100_000)
    assert len(decoder._pieces) <= 257
