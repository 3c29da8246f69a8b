"""A server on loopback that says what clients of it did: connections, requests, who hung up, how much it could send.

The path chooses the answer: `/hello`, `/echo` (the request as JSON), `/status/N`; redirects: `/redirect/PATH`, `/to/URL`,
`/moved/STATUS/PATH`, `/located` (to `location`), `/circle`; `/hang` (no answer), `/head` (headers, then nothing), `/stall` (two
chunks, then nothing), `/stalled/STATUS` (a body that stops), `/cut` (one that breaks off), `/raw` (the bytes `raw`), `/flood`
(bytes without end), `/drip/N` (N chunks), `/llama` (a stream after which the connection is closed, a moment later and without
a word). `CONNECT` makes a tunnel, so the server is also a proxy; names under `.test` are this machine then. `endless.py` has
more answers without end.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import ssl
import threading
import time
from typing import Any

import endless

FLOOD = b"x" * 65536
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(status: int, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


class SocketServer:
    """`requests` are `{"method", "path", "headers", "body", "connection"}`, the last a number; `hung_up` counts connections
    that the client ended."""

    def __init__(self, tls: ssl.SSLContext | None = None, backlog: int = 256, host: str = "127.0.0.1") -> None:
        self._listener = socket.create_server((host, 0), backlog=backlog)
        self._tls = tls
        self._open: set[socket.socket] = set()
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.connections = 0
        self.requests: list[dict[str, Any]] = []
        self.hung_up = 0
        self.location = ""
        self.raw = b""
        self.sent = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # its thread wakes and closes it: nobody else may, while it reads

    def wait(self, condition: Any, seconds: float = 30.0) -> None:
        """Until the condition holds; AssertionError when it does not in time."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, (self.connections, self.requests, self.hung_up)
            time.sleep(0.005)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.add(connection)
            buffer = b""
            while (request := self._read(connection, buffer)) is not None:
                asked, buffer = request
                asked["connection"] = number
                self.requests.append(asked)
                if not self._respond(connection, asked):
                    return
            self.hung_up += 1
        except OSError:
            self.hung_up += 1
        finally:
            self._open.discard(connection)
            connection.close()

    def _read(self, connection: socket.socket, buffer: bytes) -> tuple[dict[str, Any], bytes] | None:
        while b"\r\n\r\n" not in buffer:
            data = connection.recv(65536)
            if not data:
                return None
            buffer += data
        head, _, rest = buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(rest) < length:
            data = connection.recv(65536)
            if not data:
                return None
            rest += data
        asked = {"method": method, "path": path, "headers": headers, "body": rest[:length].decode(), "lines": lines}
        return asked, rest[length:]

    def _respond(self, connection: socket.socket, asked: dict[str, Any]) -> bool:
        """Whether the connection can be used again."""
        if asked["method"] == "CONNECT":
            return self._tunnel(connection, asked["path"])
        path = asked["path"]
        path = path.partition("//")[2].partition("/")[2] if path.startswith("http") else path[1:]
        name, _, number = path.partition("/")
        match name:
            case "hello":
                connection.sendall(answer(200, b"hello", "content-type: text/plain", "X-Mixed: Case"))
            case "echo":
                connection.sendall(answer(200, json.dumps(asked).encode()))
            case "status":
                connection.sendall(answer(int(number), b"said so"))
            case "redirect":
                connection.sendall(answer(307, b"", f"location: /{number or 'hello'}"))
            case "to":
                connection.sendall(answer(307, b"", f"location: {number}"))
            case "moved":
                status, _, there = number.partition("/")
                connection.sendall(answer(int(status), b"", f"location: /{there}"))
            case "located":
                connection.sendall(answer(302, b"moved", f"location: {self.location}"))
            case "circle":
                connection.sendall(answer(307, b"", "location: /circle"))
            case "stalled":
                status = int(number.partition("/")[0])
                connection.sendall(b"HTTP/1.1 %d Whatever\r\ncontent-length: 100\r\n\r\nonly this" % status)
                return bool(connection.recv(1)) or self._note_end()
            case "raw":
                connection.sendall(self.raw)
                return False
            case "cut":
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
                return False
            case "drip":
                connection.sendall(CHUNKED)
                for index in range(int(number.partition("/")[0])):
                    connection.sendall(chunk(b"piece %d;" % index))
                    time.sleep(0.01)
                connection.sendall(b"0\r\n\r\n")
            case "llama":
                connection.sendall(CHUNKED.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=5, max=100\r\n\r\n"))
                connection.sendall(chunk(b"one"))
                time.sleep(0.01)
                connection.sendall(chunk(b"two") + b"0\r\n\r\n")
                time.sleep(0.1)
                return False
            case "flood":
                connection.sendall(CHUNKED)
                while True:
                    connection.sendall(chunk(FLOOD))
                    self.sent += len(FLOOD)
            case name if name in endless.ANSWERS:
                endless.send(connection, name)
            case "hang" | "head" | "stall":
                connection.sendall({"hang": b"", "head": CHUNKED, "stall": CHUNKED + chunk(b"one") + chunk(b"two")}[name])
                return bool(connection.recv(1)) or self._note_end()
            case _:
                connection.sendall(answer(404, b"no such path"))
        return True

    def _note_end(self) -> bool:
        self.hung_up += 1
        return False

    def _tunnel(self, connection: socket.socket, target: str) -> bool:
        host, _, port = target.rpartition(":")
        host = "127.0.0.1" if host.endswith(".test") else host  # names that only a proxy knows
        with socket.create_connection((host, int(port))) as other:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with selectors.DefaultSelector() as ends:
                ends.register(connection, selectors.EVENT_READ, other)
                ends.register(other, selectors.EVENT_READ, connection)
                while True:
                    for ready, _ in ends.select():
                        data = ready.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not data:
                            return False
                        ready.data.sendall(data)
