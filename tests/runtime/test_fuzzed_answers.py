"""Whatever bytes a server answers with: an answer, or an `HttpError`."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from socket_server import SocketServer
from ways import WAYS, Way, get, within

from tensorzero.runtime.deadline import DeadlineExceeded
from tensorzero.runtime.runtime import Http, HttpError

GOOD = [
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n4\r\ndata\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: b\r\n\r\nhello",
    b"HTTP/1.1 302 Found\r\nlocation: /hello\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 500 Oh: no\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello",
    b"HTTP/1.0 200 OK\r\nHTTP/odd: header\r\nset-cookie: a=b\r\n\r\nuntil the end",
]
ODD = [
    b"\0",
    b"\xff\xfe",
    b"\r\n",
    b"\n",
    b"HTTP/1.1 ",
    b"HTTP/x: y\r\n",
    b": ",
    b"99999999999999999999",
    b"-1",
    b"gzip, br, zstd, x",
]


def mutated(chance: random.Random) -> bytes:
    answer = bytearray(chance.choice(GOOD))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(answer))
        match chance.randrange(4):
            case 0:
                answer[at] = chance.randrange(256)
            case 1:
                del answer[at : at + chance.randint(1, 9)]
            case 2:
                answer[at:at] = chance.choice(ODD)
            case _:
                answer[at:at] = answer[at : at + chance.randint(1, 30)]
        if not answer:
            break
    return bytes(answer)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    with Way(request.param) as found:
        yield found


def test_mutated_answers_are_answers_or_http_errors(way: Way, server: SocketServer) -> None:
    chance = random.Random(7)
    answers = [mutated(chance) for _ in range(150)]

    async def exchange(http: Http) -> int:
        failed = 0
        for number, raw in enumerate(answers):
            server.raw = raw
            try:
                if number % 2:
                    stream = await http.open_stream(get(server.url + "/raw"), within(20))
                    try:
                        while await stream.read(within(20)):
                            pass
                    finally:
                        await stream.close()
                        assert isinstance(dict(stream.headers), dict)
                else:
                    reply = await http.send(get(server.url + "/raw"), within(20))
                    assert isinstance(dict(reply.headers), dict)
            except HttpError as error:
                failed += 1
                "".join(error.chain).encode()  # what cannot be written down cannot be told either
            except DeadlineExceeded:
                raise AssertionError(raw) from None
        return failed

    assert 5 < way.run(exchange) < 150
