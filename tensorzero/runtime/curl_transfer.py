"""One HTTP exchange through libcurl, without saying who waits for it.

libcurl asks for readiness of sockets and for a timer; `curl_blocking.py` answers with `poll`, `curl_asyncio.py` with
the event loop. Chosen by measurement over a loopback mock (p50 blocking / asyncio, stream events a second): pycurl
89 us / 135 us / 2 million, pyreqwest 126 / 167 / 0.3 million (and deaf to Ctrl-C), httpx 340 / 800 / 0.1 million.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

import pycurl

from tensorzero.runtime.curl_faults import failure
from tensorzero.runtime.curl_handle import Handle
from tensorzero.runtime.header_lines import HeaderLines, whole_head
from tensorzero.runtime.runtime import HttpError, HttpReply, HttpRequest


class Transfer:
    """One exchange on a handle, and whether it has ended."""

    __slots__ = ("done", "ends_at", "error", "handle", "lines", "parts")

    def __init__(self, handle: Handle, request: HttpRequest) -> None:
        handle.set_up(request)
        self.ends_at = time.monotonic() + request.timeout_s
        self.handle = handle
        self.parts = handle.parts
        self.lines = handle.lines
        self.done = False
        self.error: tuple[int, str] | None = None

    @property
    def has_headers(self) -> bool:
        """Whether the headers are complete, those of 1xx aside."""
        return bool(self.lines) and self.lines[-1] in (b"\r\n", b"\n") and whole_head(self.lines) is not None

    @property
    def resolving(self) -> bool:
        """Whether the host's name may still be looked up: nothing is connected yet."""
        return not self.lines and self.handle.curl.getinfo(pycurl.ACTIVESOCKET) < 0

    @property
    def status(self) -> int:
        return self.handle.curl.getinfo(pycurl.RESPONSE_CODE)

    def begin_stream(self) -> None:
        """The headers of a stream are there. llama.cpp's server, which announces how long it keeps a connection, closes it
        after a stream all the same, just when the next request may be on its way. The original uses no connection again after
        a stream (observed 2026.6.0)."""
        if any(line[:11].lower() == b"keep-alive:" for line in self.lines):
            self.handle.use_once()

    def hang_up(self) -> bool:
        """End the connection under whoever waits for it, from any thread; False while libcurl itself is at work."""
        try:
            descriptor = self.handle.curl.getinfo(pycurl.ACTIVESOCKET)
        except pycurl.error:
            return False
        if descriptor >= 0:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
                connection.shutdown(socket.SHUT_RDWR)
        return True

    def end(self, error: tuple[int, str] | None) -> None:
        self.done = True
        self.error = error

    def take(self) -> bytes:
        """What has arrived since the last call."""
        parts = self.parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        return data if type(data) is bytes else bytes(data)

    def fault(self) -> HttpError | None:
        """Why the exchange has failed; None where it has not. To be asked before the handle is released."""
        return None if self.error is None else failure(self.handle, *self.error)

    def check(self) -> None:
        """Raise `HttpError` if the exchange has failed."""
        if self.error is not None:
            raise failure(self.handle, *self.error)

    def reply(self) -> HttpReply:
        self.check()
        return HttpReply(self.status, HeaderLines(self.lines.copy()), self.take())
