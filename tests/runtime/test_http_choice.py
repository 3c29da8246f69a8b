"""libcurl unless it is missing or the user brings an httpx client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from socket_server import SocketServer
from ways import get, post, release, within

from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.deadline import DeadlineExceeded
from tensorzero.runtime.drive import drive
from tensorzero.runtime.http_choice import use_httpx
from tensorzero.runtime.nonblocking import AsyncRuntime
from tensorzero.runtime.runtime import HttpError, HttpStream


@pytest.fixture(autouse=True)
def back_to_the_default() -> Iterator[None]:
    yield
    use_httpx()


def answer(request: httpx.Request) -> httpx.Response:
    match request.url.path:
        case "/echo":
            return httpx.Response(201, headers={"x-seen": request.headers["x-key"]}, content=request.content)
        case "/events":
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=b"data: 1\n\n")
        case "/refused":
            raise httpx.ConnectError("nobody there")
        case _:
            raise httpx.ReadTimeout("too slow")


async def whole(stream: HttpStream) -> bytes:
    parts = []
    while data := await stream.read(within(5)):
        parts.append(data)
    await stream.close()
    return b"".join(parts)


def test_the_default_is_libcurl() -> None:
    assert type(BlockingRuntime().http).__name__ == "BlockingHttp"
    assert type(AsyncRuntime().http).__name__ == "AsyncHttp"


def test_a_users_own_client_carries_blocking_calls() -> None:
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        use_httpx(client)
        http = BlockingRuntime().http
        reply = drive(http.send(post("http://x/echo", b"sent", {"x-key": "1"})))
        assert (reply.status, reply.headers["x-seen"], reply.body) == (201, "1", b"sent")
        stream = drive(http.open_stream(post("http://x/events")))
        assert drive(whole(stream)) == b"data: 1\n\n"
        with pytest.raises(HttpError) as caught:
            drive(http.send(post("http://x/refused")))
        assert caught.value.chain == ("error sending request for url (http://x/refused)", "nobody there")
        with pytest.raises(DeadlineExceeded):
            drive(http.send(post("http://x/slow"), within(0)))
        with pytest.raises(HttpError):
            drive(http.send(post("http://x/slow")))
        http.close()
        assert not client.is_closed, "it is the user's"


def test_a_users_own_client_carries_asyncio_calls() -> None:
    async def use() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            use_httpx(async_client=client)
            http = AsyncRuntime().http
            reply = await http.send(post("http://x/echo", b"sent", {"x-key": "1"}))
            assert (reply.status, reply.headers["x-seen"], reply.body) == (201, "1", b"sent")
            assert await whole(await http.open_stream(post("http://x/events"))) == b"data: 1\n\n"
            with pytest.raises(HttpError, match="error sending request"):
                await http.send(post("http://x/refused"))
            http.close()
            assert not client.is_closed, "it is the user's"

    asyncio.run(use())


def test_without_libcurl_httpx_does_it() -> None:
    program = """
import sys
sys.modules["pycurl"] = None
from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.nonblocking import AsyncRuntime
print(type(BlockingRuntime().http).__name__, type(AsyncRuntime().http).__name__)
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=90)
    assert found.stdout.split() == ["BlockingHttpx", "AsyncHttpx"], found.stderr


@pytest.mark.parametrize("mounted", [True, False])
def test_a_users_own_client_asks_this_machine_through_no_proxy_of_the_environment(
    server: SocketServer, monkeypatch: pytest.MonkeyPatch, mounted: bool
) -> None:
    proxy = SocketServer()
    try:
        if mounted:
            monkeypatch.setenv("all_proxy", proxy.url)
        with httpx.Client() as client:
            use_httpx(client)
            blocking = BlockingRuntime().http
            assert drive(blocking.send(get(server.url + "/hello"))).body == b"hello"  # type: ignore[arg-type]
            blocking.close()

        async def use() -> bytes:
            async with httpx.AsyncClient() as client:
                use_httpx(async_client=client)
                http = AsyncRuntime().http
                body = (await http.send(get(server.url + "/hello"))).body
                await release(http)
                return body

        assert asyncio.run(use()) == b"hello"
        assert proxy.connections == 0
    finally:
        proxy.close()


def test_whatever_a_users_own_client_raises_is_an_http_error() -> None:
    def broken(_request: httpx.Request) -> httpx.Response:
        raise KeyError("nobody thought of this")

    with httpx.Client(transport=httpx.MockTransport(broken)) as client:
        use_httpx(client)
        http = BlockingRuntime().http
        with pytest.raises(HttpError, match="error sending request"):
            drive(http.send(post("http://x/echo")))  # type: ignore[arg-type]
    with pytest.raises(HttpError, match="error sending request"):  # it is closed by now
        drive(http.send(post("http://x/echo")))  # type: ignore[arg-type]
