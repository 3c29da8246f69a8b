"""Redirects, followed alike by every library and as the original follows them (observed 2026.6.0)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from socket_server import SocketServer
from ways import WAYS, Way, get, within

from tensorzero.runtime.redirects import target
from tensorzero.runtime.runtime import Http, HttpError, HttpRequest

KEYS = {"authorization": "Bearer sk-1", "cookie": "c=1", "x-api-key": "sk-2"}
HEADERS = {**KEYS, "content-type": "application/json", "x-other": "kept"}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    with Way(request.param) as found:
        yield found


@pytest.fixture
def other() -> Iterator[SocketServer]:
    running = SocketServer()
    yield running
    running.close()


def asked(way: Way, url: str, method: str = "POST") -> dict[str, Any]:
    return json.loads(way.send(HttpRequest(method, url, HEADERS, b"{}"), within(30)).body)


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", "{}"), (308, "POST", "{}")],
)
def test_the_status_says_whether_the_body_is_sent_again(
    way: Way, server: SocketServer, status: int, method: str, body: str
) -> None:
    found = asked(way, f"{server.url}/moved/{status}/echo")
    assert (found["method"], found["body"]) == (method, body)
    assert ("content-type" in found["headers"]) == bool(body)
    assert found["headers"]["authorization"] == "Bearer sk-1"
    assert found["headers"]["x-other"] == "kept"


@pytest.mark.parametrize("status", [300, 304, 305, 306, 309, 201])
def test_no_other_status_leads_anywhere(way: Way, server: SocketServer, status: int) -> None:
    reply = way.send(get(f"{server.url}/moved/{status}/echo"), within(30))
    assert reply.status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_keys_are_sent_to_no_other_host_or_port(way: Way, server: SocketServer, other: SocketServer, name: str) -> None:
    there = (other.url if name == "127.0.0.1" else server.url.replace("127.0.0.1", name)) + "/echo"
    found = asked(way, f"{server.url}/to/{there}")["headers"]
    assert not set(KEYS) & set(found)
    assert found["x-other"] == "kept"


def test_a_key_that_was_dropped_does_not_come_back_with_its_host(way: Way, server: SocketServer, other: SocketServer) -> None:
    found = asked(way, f"{server.url}/to/{other.url}/to/{server.url}/echo")["headers"]
    assert "authorization" not in found


def test_a_user_in_a_location_is_not_believed(way: Way, server: SocketServer, other: SocketServer) -> None:
    there = other.url.replace("//", "//me:secret@") + "/echo"
    assert "authorization" not in asked(way, f"{server.url}/to/{there}")["headers"]


def test_a_user_in_the_url_is_kept_for_its_own_host(way: Way, server: SocketServer) -> None:
    url = server.url.replace("//", "//me:secret@") + "/redirect/echo"
    found = json.loads(way.send(get(url), within(30)).body)
    assert found["headers"]["authorization"].startswith("Basic ")


NOWHERE = [
    "http://[",
    "http://[::1",
    "//",
    "file:///etc/hostname",
    "data:text/plain,hello",
    "http://exa mple.com/",
    "http://h:99999/",
]


@pytest.mark.parametrize("location", [*NOWHERE, "/caf\xe9", "mailto:x@y.z", "http://\xff\xfe/"])
def test_a_location_that_leads_nowhere_leaves_the_answer_as_it_is(way: Way, server: SocketServer, location: str) -> None:
    server.location = location
    reply = way.send(get(f"{server.url}/located"), within(30))
    assert (reply.status, reply.body) == (302, b"moved")
    assert len(server.requests) == 1


@pytest.mark.parametrize("scheme", ["ftp", "gopher", "dict", "ws", "smb", "x-own"])
def test_no_other_scheme_is_followed_or_asked(way: Way, server: SocketServer, other: SocketServer, scheme: str) -> None:
    there = f"{scheme}://127.0.0.1:{other.port}/x"
    server.location = there
    for url in (f"{server.url}/located", there):
        with pytest.raises(HttpError) as caught:
            way.send(get(url), within(30))
        short = f"builder error for url ({there})"
        assert (str(caught.value), caught.value.chain) == (short, (short, "URL scheme is not allowed"))
    assert other.connections == 0


@pytest.mark.parametrize("url", ["file:///etc/hostname", "unix:///tmp/x", "no url", "", "http://", "http://[", "http://a b/"])
def test_an_address_that_is_none_is_an_http_error(way: Way, url: str) -> None:
    with pytest.raises(HttpError, match="builder error"):
        way.send(get(url), within(30))


@pytest.mark.parametrize("location", ["", " ", "/located", "#f"])
def test_ten_redirects_are_enough(way: Way, server: SocketServer, location: str) -> None:
    server.location = location
    with pytest.raises(HttpError, match="error following redirect for url") as caught:
        way.send(get(f"{server.url}/located"), within(30))
    assert caught.value.chain[-1] == "too many redirects"
    assert len(server.requests) == 11


def test_a_stream_follows_too_and_its_time_counts_on(way: Way, server: SocketServer) -> None:
    async def exchange(http: Http) -> bytes:
        stream = await http.open_stream(get(f"{server.url}/redirect"), within(30))
        body = b""
        while data := await stream.read(within(30)):
            body += data
        await stream.close()
        return body

    assert way.run(exchange) == b"hello"
    with pytest.raises(HttpError) as caught:
        way.send(HttpRequest("GET", f"{server.url}/redirect/hang", {}, b"", 0.3))
    assert caught.value.timed_out


BASE = "http://h:8/a/b?c"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("../x", "http://h:8/x"),
        ("x", "http://h:8/a/x"),
        ("?y", "http://h:8/a/b?y"),
        ("", BASE),
        ("//o/x", "http://o/x"),
        ("\\\\o\\x", "http://o/x"),
        ("HTTP://O/", "http://o/"),
        ("http:///o", "http://o/"),
        ("https://o:443/x y", "https://o/x%20y"),
        ("/\xc3\xa9", "http://h:8/%C3%A9"),
        ("http://2130706433/", "http://127.0.0.1/"),
        (None, None),
    ],
)
def test_locations_are_read_as_browsers_read_them(location: str | None, url: str | None) -> None:
    assert target(BASE, location) == url
