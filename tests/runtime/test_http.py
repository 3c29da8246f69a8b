"""What every HTTP library behind the runtimes does alike."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from socket_server import SocketServer
from ways import WAYS, TooLateError, Way, get, post, within

from tensorzero.runtime.deadline import DeadlineExceeded
from tensorzero.runtime.runtime import Http, HttpError, HttpRequest


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    with Way(request.param) as found:
        yield found


def test_an_answer_has_status_headers_and_body(way: Way, server: SocketServer) -> None:
    reply = way.send(get(server.url + "/hello"))
    assert (reply.status, reply.body, reply.headers["x-mixed"]) == (200, b"hello", "Case")


def test_a_body_and_headers_arrive_as_given(way: Way, server: SocketServer) -> None:
    body = '{"text": "é\u2028😀"}'.encode()
    reply = way.send(post(server.url + "/echo", body, {"content-type": "application/json", "x-key": "a b", "x-empty": ""}))
    asked = json.loads(reply.body)
    assert asked["method"] == "POST"
    assert asked["body"].encode() == body
    assert asked["headers"]["x-key"] == "a b"
    assert "expect" not in asked["headers"]
    assert any(line.lower().rstrip() in {"x-empty:", "x-empty"} for line in asked["lines"])


def test_a_large_body_arrives_whole(way: Way, server: SocketServer) -> None:
    body = b"0123456789" * 300_000
    assert json.loads(way.send(post(server.url + "/echo", body)).body)["body"].encode() == body


def test_one_request_leaves_nothing_behind_for_the_next(way: Way, server: SocketServer) -> None:
    requests = [
        HttpRequest("DELETE", server.url + "/echo", {"x-first": "1"}, b"a body"),
        HttpRequest("DELETE", server.url + "/echo", {}),
        get(server.url + "/echo"),
        post(server.url + "/echo", b"posted"),
        HttpRequest("PATCH", server.url + "/echo", {}, b"patched"),
        HttpRequest("PATCH", server.url + "/echo", {}),
        get(server.url + "/echo"),
        post(server.url + "/echo", b""),
    ]

    async def exchange(http: Http) -> list[dict[str, Any]]:
        return [json.loads((await http.send(one)).body) for one in requests]

    seen = [(asked["method"], asked["body"]) for asked in way.run(exchange)]
    assert seen == [(one.method, one.body.decode()) for one in requests]
    assert [("x-first" in asked["headers"]) for asked in server.requests] == [True, *[False] * 7]


def test_connections_are_kept_and_used_again(way: Way, server: SocketServer) -> None:
    async def exchange(http: Http) -> None:
        for _ in range(5):
            await http.send(get(server.url + "/hello"))
        stream = await http.open_stream(get(server.url + "/drip/2"))
        while await stream.read():
            pass
        await stream.close()
        await http.send(get(server.url + "/hello"))

    way.run(exchange)
    assert server.connections == 1


def test_a_connection_that_llama_cpp_is_about_to_close_is_not_used_again(way: Way, server: SocketServer) -> None:
    async def exchange(http: Http) -> list[bytes]:
        bodies: list[bytes] = []
        for _ in range(3):
            stream = await http.open_stream(post(server.url + "/llama"))
            body = b""
            while data := await stream.read():
                body += data
            await stream.close()
            bodies.append(body)
        return [*bodies, (await http.send(post(server.url + "/hello"))).body]

    assert way.run(exchange) == [b"onetwo"] * 3 + [b"hello"]
    assert server.connections == 4


@pytest.mark.parametrize("status", [204, 400, 404, 429, 500, 503, 529])
def test_a_status_is_an_answer_and_no_error(way: Way, server: SocketServer, status: int) -> None:
    reply = way.send(get(f"{server.url}/status/{status}"))
    assert reply.status == status


def test_redirects_are_followed(way: Way, server: SocketServer) -> None:
    async def exchange(http: Http) -> tuple[int, bytes]:
        stream = await http.open_stream(get(server.url + "/redirect"))
        body = b""
        while data := await stream.read():
            body += data
        return stream.status, body

    assert way.send(get(server.url + "/redirect")).body == b"hello"
    assert way.run(exchange) == (200, b"hello")
    with pytest.raises(HttpError, match=r"^error following redirect for url \(.*/circle\)$") as caught:
        way.send(get(server.url + "/circle"))
    assert not caught.value.in_body


def test_a_stream_is_read_as_it_arrives(way: Way, server: SocketServer) -> None:
    async def exchange(http: Http) -> tuple[int, str, bytes]:
        stream = await http.open_stream(post(server.url + "/stall"))
        body = b""
        while len(body) < 6:
            body += await stream.read(within(30))
        await stream.close()
        return stream.status, stream.headers["content-type"], body

    assert way.run(exchange) == (200, "text/event-stream", b"onetwo")


def test_a_stream_that_ends_says_so_and_goes_on_saying_so(way: Way, server: SocketServer) -> None:
    async def exchange(http: Http) -> list[bytes]:
        stream = await http.open_stream(get(server.url + "/drip/3"))
        whole = b""
        while data := await stream.read():
            whole += data
        rest = [await stream.read()]
        await stream.close()
        await stream.close()
        return [whole, *rest]

    assert way.run(exchange) == [b"piece 0;piece 1;piece 2;", b""]


def test_a_dropped_stream_closes_its_connection(way: Way, server: SocketServer) -> None:
    async def exchange(http: Http) -> None:
        stream = await http.open_stream(get(server.url + "/stall"))
        await stream.read()
        assert server.hung_up == 0
        await stream.close()
        await stream.close()
        for _ in range(3000):
            if server.hung_up:
                return
            await asyncio.sleep(0.01) if way.asyncio else time.sleep(0.01)

    way.run(exchange)
    assert server.hung_up == 1
    assert way.send(get(server.url + "/hello")).body == b"hello"


def test_a_forgotten_stream_closes_its_connection(server: SocketServer) -> None:
    way = Way("libcurl, blocking")

    async def forget(http: Http) -> None:
        stream = await http.open_stream(get(server.url + "/stall"))
        await stream.read()

    way.run(forget)
    gc.collect()
    server.wait(lambda: server.hung_up == 1)


def test_a_deadline_ends_every_wait(way: Way, server: SocketServer) -> None:
    async def send(http: Http) -> None:
        await http.send(post(server.url + "/hang"), within(0.1))

    async def head(http: Http) -> None:
        await http.open_stream(post(server.url + "/hang"), within(0.1))

    async def read(http: Http) -> None:
        stream = await http.open_stream(post(server.url + "/stall"))
        try:
            for _ in range(3):
                await stream.read(within(0.1))
        finally:
            await stream.close()

    for wait in (send, head, read):
        begin = time.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            way.run(wait)
        assert isinstance(caught.value.deadline.error(), TooLateError)
        assert 0.09 < time.monotonic() - begin < 20  # the server itself would wait for ever
    assert server.connections
    server.wait(lambda: server.hung_up == server.connections)


def test_a_deadline_of_zero_ends_at_once(way: Way, server: SocketServer) -> None:
    begin = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        way.send(post(server.url + "/hang"), within(0))
    assert time.monotonic() - begin < 20


def test_a_refused_connection_is_an_http_error(way: Way, server: SocketServer) -> None:
    server.close()
    with pytest.raises(HttpError) as caught:
        way.send(get(server.url + "/hello"))
    assert str(caught.value) == f"error sending request for url ({server.url}/hello)"
    assert len(caught.value.chain) == 2


def test_a_body_that_breaks_off_is_an_http_error(way: Way, server: SocketServer) -> None:
    async def exchange(http: Http) -> bytes:
        stream = await http.open_stream(get(server.url + "/cut"))
        body = await stream.read()
        with pytest.raises(HttpError):
            await stream.read()
        await stream.close()
        return body

    assert way.run(exchange) == b"only this"
    with pytest.raises(HttpError):
        way.send(get(server.url + "/cut"))


def test_header_values_are_sent_as_utf_8(way: Way, server: SocketServer) -> None:
    way.send(get(server.url + "/hello", {"x-name": "naïve ☃\ttabbed"}))
    assert server.requests[0]["headers"]["x-name"].encode("latin-1").decode() == "naïve ☃\ttabbed"


@pytest.mark.parametrize("headers", [{"x-name": "a\nb"}, {"x-name": "two\r\nx-other: lines"}, {"x-näme": "1"}])
def test_a_header_that_http_cannot_carry_is_an_http_error(way: Way, server: SocketServer, headers: dict[str, str]) -> None:
    with pytest.raises(HttpError):
        way.send(get(server.url + "/echo", headers))
    assert all("x-other" not in asked["headers"] for asked in server.requests)


@pytest.mark.parametrize("url", ["no url at all", "http://", "ftp://127.0.0.1/x", "http://127.0.0.1:1/é"])
def test_a_bad_url_is_an_http_error(way: Way, url: str) -> None:
    with pytest.raises(HttpError):
        way.send(get(url), within(30))
