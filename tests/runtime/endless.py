"""Answers without end, in every part of one. Each is sent until the client hangs up."""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\n"
EVENTS = OK + b"content-type: text/event-stream\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
BLOCK = b"x" * 65536


def _then(head: bytes, piece: bytes, pause_s: float = 0.0) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield head
        while True:
            yield piece
            time.sleep(pause_s)

    return pieces


def _bomb() -> Iterator[bytes]:
    """A kilobyte means a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    yield OK + b"content-encoding: gzip\r\n\r\n"
    while True:
        yield packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_SYNC_FLUSH)


ANSWERS: dict[str, Callable[[], Iterator[bytes]]] = {
    "announced": _then(OK + b"content-length: 99999999999\r\n\r\n", BLOCK),
    "bomb": _bomb,
    "close": _then(OK + b"\r\n", BLOCK),
    "chunks": _then(OK + CHUNKED, (b"40\r\n" + b"x" * 64 + b"\r\n") * 1000),
    "headers": _then(OK, b"x-a: b\r\n" * 100),
    "header": _then(OK + b"x-a: ", BLOCK),
    "early": _then(b"", b"HTTP/1.1 103 Early Hints\r\nlink: " + b"x" * 1000 + b"\r\n\r\n"),
    "continue": _then(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "drops": _then(EVENTS + b"\r\n", b"x", 0.02),
    "head-drops": _then(OK + b"x-a: ", b"x", 0.02),
    "chunk-drops": _then(EVENTS + CHUNKED + b"1;", b"x", 0.02),
    "comments": _then(EVENTS + b"\r\n", b": keep-alive\n\n", 0.02),
}


def send(connection: socket.socket, name: str) -> None:
    """Raises OSError when the client is gone."""
    for piece in ANSWERS[name]():
        connection.sendall(piece)
