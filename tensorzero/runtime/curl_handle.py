"""A libcurl handle: what is set on it for a request, and what it keeps of the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pycurl

from tensorzero.runtime.certificates import trusted
from tensorzero.runtime.destination import Destination, destination
from tensorzero.runtime.proxies import upper_case_proxy
from tensorzero.runtime.runtime import HttpError, HttpRequest
from tensorzero.runtime.sizes import Limits

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PILE = 256
_LIMITING = pycurl.version_info()[2] >= 0x081400  # 8.20: only since then is what comes out of decompression limited too
_NONE = ""
_NOBODY = Destination("", "", "", "", "", 0, True)


class Handle:
    """A libcurl handle and what is set on it: setting an option costs more than remembering it.

    `size` counts the bytes of the body that came, `limit` is how many may; `place` is where the request goes, `shown`
    what errors say of it.
    """

    __slots__ = (
        "_at",
        "_body",
        "_headers",
        "_once",
        "_options",
        "_proxy",
        "_url",
        "curl",
        "limit",
        "lines",
        "parts",
        "piling",
        "place",
        "shown",
        "size",
    )

    def __init__(self, limits: Limits) -> None:
        self.curl = new_curl()
        self.parts: list[bytes | bytearray] = []
        self.lines: list[bytes] = []
        self.limit = limits.answer
        self.size = 0
        self.place = _NOBODY
        self.shown = ""
        self._url: str | None = None
        self._proxy: str | None = None
        self._headers: Mapping[str, str] = {}
        self._options: tuple[str, int] = ("", -1)
        self._once = False
        self.piling = True
        self._body = b""
        self._at = 0
        if _LIMITING:
            self.curl.setopt(pycurl.MAXFILESIZE_LARGE, self.limit)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._take)
        self.curl.setopt(pycurl.HEADERFUNCTION, self.lines.append)
        self.curl.setopt(pycurl.READFUNCTION, self._read)
        self.curl.setopt(pycurl.SEEKFUNCTION, self._seek)

    def set_up(self, request: HttpRequest) -> None:
        """Raises `HttpError` for a URL or a header that HTTP cannot carry."""
        setopt = self.curl.setopt
        if request.url != self._url:
            self._set_place(destination(request.url))
            self._url = request.url
        place = self.place
        if not place.here and place.scheme == "http":
            self._set_proxy(upper_case_proxy())
        if request.headers is not self._headers and request.headers != self._headers:
            setopt(pycurl.HTTPHEADER, ["expect:", *[_header_line(name, value) for name, value in request.headers.items()]])
            self._headers = request.headers
        self.shown = request.asked or place.shown
        self._body, self._at = request.body, 0
        options = (request.method, len(request.body))
        if options != self._options:
            self._set_method(*options)
            self._options = options
        if self._once:
            setopt(pycurl.FORBID_REUSE, 0)
            self._once = False
        self.size = 0

    def _set_place(self, place: Destination) -> None:
        setopt = self.curl.setopt
        if place.scheme == "https":
            certificates = trusted()
            for option, value in ((pycurl.CAINFO, certificates.file), (pycurl.CAPATH, certificates.directory)):
                self.curl.unsetopt(option) if value is None else setopt(option, value)
        setopt(pycurl.URL, place.url)
        self.place = place
        self._set_proxy(_NONE if place.here else None)

    def _set_proxy(self, url: str | None) -> None:
        """None: libcurl reads the environment itself."""
        if url != self._proxy:
            self.curl.unsetopt(pycurl.PROXY) if url is None else self.curl.setopt(pycurl.PROXY, url)
            self._proxy = url

    def use_once(self) -> None:
        """Close this transfer's connection at its end."""
        self.curl.setopt(pycurl.FORBID_REUSE, 1)
        self._once = True

    def pile(self, piling: bool) -> None:
        """Whether many pieces of this and later answers become one. Those of a stream are left as they come: they are taken
        soon, and a call of Python for each would be a tenth of what an event costs. An older libcurl leaves the limit to us."""
        if _LIMITING and piling is not self.piling:
            self.curl.setopt(pycurl.WRITEFUNCTION, self._take if piling else self.parts.append)
            self.piling = piling

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

    def release(self, *, failed: bool) -> None:
        """Keep nothing of a transfer that is over; after a failure also read the environment again."""
        self._body = b""
        self.parts.clear()
        self.lines.clear()
        if failed:
            self._url = None

    @property
    def sent(self) -> bool:
        """Whether libcurl has taken the whole body."""
        return self._at >= len(self._body)

    @property
    def begun(self) -> bool:
        """Whether libcurl has taken anything of the body, which it does once it has a connection."""
        return self._at > 0 or not self._body or bool(self.lines)

    def _take(self, data: bytes) -> int | None:
        """A piece of the body. 0 makes libcurl give the transfer up."""
        self.size = size = self.size + len(data)
        parts = self.parts
        if size > self.limit:
            parts.clear()
            return 0
        parts.append(data)
        if len(parts) > _PILE:
            self._pile()
        return None

    def _pile(self) -> None:
        """Many pieces as one: that takes no more than their bytes, and goes back to the system when it is freed."""
        first, *others = self.parts
        pile = first if isinstance(first, bytearray) else bytearray(first)
        for part in others:
            pile += part
        self.parts[:] = [pile]

    def _read(self, size: int) -> bytes:
        piece = self._body[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def _seek(self, offset: int, _origin: int) -> int:
        """A proxy that wants to know who asks may have the body sent again; a connection that died without a word may not: the
        call may have run."""
        if not self.lines:
            return pycurl.SEEKFUNC_FAIL
        self._at = offset
        return pycurl.SEEKFUNC_OK


def _header_line(name: str, value: str) -> bytes:
    """As libcurl wants it. Raises `HttpError`, which does not show the value: it may be a key."""
    if not name.isascii() or _CONTROL.search(name) or _CONTROL.search(value):
        raise HttpError("builder error", ("builder error", "failed to parse a header's name or value"))
    return (f"{name}: {value}" if value.strip() else f"{name};").encode("utf-8", "replace")


def new_curl() -> pycurl.Curl:
    """A libcurl handle with what is the same for every request. Redirects are followed by `redirects.py`, not by libcurl."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.REDIR_PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.TCP_NODELAY, 1)
    curl.setopt(pycurl.TCP_KEEPALIVE, 1)
    curl.setopt(pycurl.ACCEPT_ENCODING, "")
    return curl
