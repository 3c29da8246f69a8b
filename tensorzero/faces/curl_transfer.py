"""One HTTP exchange through libcurl, without saying who waits for it.

libcurl asks for readiness of sockets and for a timer; `curl_blocking.py` answers with `poll`, `curl_asyncio.py` with
the event loop. Chosen by measurement over a loopback mock (p50 blocking / asyncio, stream events a second): pycurl
89 us / 135 us / 2 million, pyreqwest 126 / 167 / 0.3 million (and deaf to Ctrl-C), httpx 340 / 800 / 0.1 million.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pycurl

from tensorzero.faces.face import HttpError, HttpReply, HttpRequest

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
TIMED_OUT = (pycurl.E_OPERATION_TIMEDOUT, "operation timed out")
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class HeaderLines(Mapping[str, str]):
    """Header lines as they came, parsed when somebody looks. Names are lower case."""

    __slots__ = ("_lines", "_parsed")

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines
        self._parsed: dict[str, str] | None = None

    def _headers(self) -> dict[str, str]:
        if self._parsed is None:
            parsed: dict[str, str] = {}
            for line in self._lines:
                name, colon, value = line.partition(b":")
                if colon:
                    parsed[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
                elif line.startswith(b"HTTP/"):
                    parsed.clear()  # a redirect or 1xx came before this block
            self._parsed = parsed
        return self._parsed

    def __getitem__(self, name: str) -> str:
        return self._headers()[name]

    def get(self, name: str, default: Any = None) -> Any:
        """One header without looking at the others."""
        if self._parsed is not None:
            return self._parsed.get(name, default)
        start = name.encode("latin-1", "replace") + b":"
        size = len(start)
        for line in reversed(self._lines):
            if line[:size].lower() == start:
                return line[size:].decode("latin-1").strip()
            if line.startswith(b"HTTP/"):
                break
        return default

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers())

    def __len__(self) -> int:
        return len(self._headers())


class Handle:
    """A libcurl handle and what is set on it: setting an option costs more than remembering it."""

    __slots__ = ("_at", "_body", "_headers", "_once", "_options", "_url", "curl", "lines", "parts")

    def __init__(self) -> None:
        self.curl = new_curl()
        self.parts: list[bytes] = []
        self.lines: list[bytes] = []
        self._url = ""
        self._headers: Mapping[str, str] = {}
        self._options: tuple[str, int] = ("", -1)
        self._once = False
        self._body = b""
        self._at = 0
        self.curl.setopt(pycurl.WRITEFUNCTION, self.parts.append)
        self.curl.setopt(pycurl.HEADERFUNCTION, self.lines.append)
        self.curl.setopt(pycurl.READFUNCTION, self._read)
        self.curl.setopt(pycurl.SEEKFUNCTION, self._seek)

    def set_up(self, request: HttpRequest) -> None:
        setopt = self.curl.setopt
        if request.url != self._url:
            setopt(pycurl.URL, request.url.encode("utf-8", "replace"))
            if request.url[:5].lower() == "https":
                setopt(pycurl.CAINFO, certificates())
            self._url = request.url
        if request.headers is not self._headers and request.headers != self._headers:
            setopt(pycurl.HTTPHEADER, ["expect:", *[_header_line(name, value) for name, value in request.headers.items()]])
            self._headers = request.headers
        self._body, self._at = request.body, 0
        options = (request.method, len(request.body))
        if options != self._options:
            self._set_method(*options)
            self._options = options
        if self._once:
            setopt(pycurl.FORBID_REUSE, 0)
            self._once = False
        self.parts.clear()
        self.lines.clear()

    def use_once(self) -> None:
        """Close this transfer's connection at its end."""
        self.curl.setopt(pycurl.FORBID_REUSE, 1)
        self._once = True

    def _set_method(self, method: str, size: int) -> None:
        if method == "POST" or size:
            self.curl.setopt(pycurl.POST, 1)
            self.curl.setopt(pycurl.POSTFIELDSIZE, size)
        else:
            self.curl.setopt(pycurl.HTTPGET, 1)
        if method == "POST":
            self.curl.unsetopt(pycurl.CUSTOMREQUEST)
        else:
            self.curl.setopt(pycurl.CUSTOMREQUEST, method)

    @property
    def sent(self) -> bool:
        """Whether libcurl has taken the whole body."""
        return self._at >= len(self._body)

    def _read(self, size: int) -> bytes:
        piece = self._body[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def _seek(self, offset: int, _origin: int) -> int:
        """A redirect may send the body again; a connection that died without a word may not: the call may have run."""
        if not self.lines:
            return pycurl.SEEKFUNC_FAIL
        self._at = offset
        return pycurl.SEEKFUNC_OK


def _header_line(name: str, value: str) -> bytes:
    """As libcurl wants it. Raises `HttpError`, which does not show the value: it may be a key."""
    if not name.isascii() or _CONTROL.search(name) or _CONTROL.search(value):
        raise HttpError("builder error", ("builder error", "failed to parse a header's name or value"))
    return (f"{name}: {value}" if value.strip() else f"{name};").encode("utf-8", "replace")


class Transfer:
    """One exchange on a handle, and whether it has ended."""

    __slots__ = ("done", "ends_at", "error", "handle", "lines", "parts", "url")

    def __init__(self, handle: Handle, request: HttpRequest) -> None:
        handle.set_up(request)
        self.ends_at = time.monotonic() + request.timeout_s
        self.handle = handle
        self.url = request.url
        self.parts = handle.parts
        self.lines = handle.lines
        self.done = False
        self.error: tuple[int, str] | None = None

    @property
    def has_headers(self) -> bool:
        """Whether the headers are complete, those of redirects and 1xx aside."""
        if not self.lines or self.lines[-1] not in (b"\r\n", b"\n"):
            return False
        status = self._status_line()
        return status >= 200 and status not in _REDIRECTS

    def _status_line(self) -> int:
        """libcurl answers no questions inside a callback."""
        for line in reversed(self.lines):
            if line.startswith(b"HTTP/"):
                return int(line.split(None, 2)[1])
        return 0

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
        return data

    def check(self) -> None:
        """Raise `HttpError` if the exchange has failed."""
        if self.error is not None:
            code, text = self.error
            if code == pycurl.E_SEND_FAIL_REWIND:
                text = "connection closed before message completed"
            circling = code == pycurl.E_TOO_MANY_REDIRECTS
            short = f"error {'following redirect' if circling else 'sending request'} for url ({self.url})"
            in_body = not circling and any(line in (b"\r\n", b"\n") for line in self.lines)
            raise HttpError(short, (short, text), in_body=in_body)

    def reply(self) -> HttpReply:
        self.check()
        return HttpReply(self.status, HeaderLines(self.lines.copy()), self.take())


def new_curl() -> pycurl.Curl:
    """A libcurl handle with what is the same for every request."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.TCP_NODELAY, 1)
    curl.setopt(pycurl.TCP_KEEPALIVE, 1)
    curl.setopt(pycurl.FOLLOWLOCATION, 1)
    curl.setopt(pycurl.MAXREDIRS, 10)
    curl.setopt(pycurl.ACCEPT_ENCODING, "")
    return curl


def certificates() -> str:
    """The bundle to trust: `SSL_CERT_FILE`, else certifi's (pycurl's wheels bring none)."""
    named = os.environ.get("SSL_CERT_FILE")
    if named:
        return named
    import certifi

    return certifi.where()
