"""Where an answer sends its caller on to, as the original follows it (observed 2026.6.0): one rule for every HTTP library.

301, 302 and 303 are asked with GET and without the body, 307 and 308 again as they were; at most ten in a row. A `Location`
that is no http or https URL with a host is not followed: the answer stands as it is. Another scheme's is refused.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from urllib.parse import urljoin

from tensorzero.runtime.destination import destination
from tensorzero.runtime.runtime import HttpError, HttpRequest
from tensorzero.runtime.urls import normal_url

MOST = 10
_ABSOLUTE = re.compile(r"https?:[/\\]{2}", re.IGNORECASE)
REDIRECTS = frozenset((301, 302, 303, 307, 308))
_WITHOUT_BODY = frozenset((301, 302, 303))
_OF_A_BODY = frozenset(("content-type", "content-length", "content-encoding", "transfer-encoding"))
_SECRET = frozenset(("authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate"))
_KEYS = frozenset(("api-key", "x-api-key", "x-goog-api-key"))
"""Headers that carry a provider's key. The original sends these on to any host."""


def following(request: HttpRequest, status: int, headers: Mapping[str, str], ends_at: float) -> HttpRequest | None:
    """The request that a redirect asks for; None where the answer stands as it is.

    `headers` hold bytes as Latin-1; `ends_at`: when the whole exchange ends, on `time.monotonic()`. Raises `HttpError` after
    the tenth redirect and for a scheme that is not allowed.
    """
    url = target(request.url, headers.get("location"))
    if url is None:
        return None
    before = destination(request.url)
    if request.redirects >= MOST:
        short = f"error following redirect for url ({before.shown})"
        raise HttpError(short, (short, "too many redirects"))
    after = destination(url)
    method, body, kept = request.method, request.body, dict(request.headers)
    if status in _WITHOUT_BODY:
        body = b""
        kept = {name: value for name, value in kept.items() if name not in _OF_A_BODY}
        method = method if method in ("GET", "HEAD") else "GET"
    url = after.shown
    if (before.host, before.port) != (after.host, after.port):
        kept = {name: value for name, value in kept.items() if name not in _SECRET and name not in _KEYS}
    elif before.user:
        url = url.replace("://", f"://{before.user}@", 1)
    left = max(0.0, ends_at - time.monotonic())
    return HttpRequest(method, url, kept, body, left, request.redirects + 1, request.asked or before.shown)


def target(base: str, location: str | None) -> str | None:
    """The absolute URL that a `Location` header names; None for one that cannot be followed."""
    if location is None:
        return None
    try:
        text = location.encode("latin-1").decode().strip()
        if text.replace("\\", "/").startswith("//"):
            text = f"{base.partition(':')[0]}:{text}"
        elif not _ABSOLUTE.match(text):
            text = urljoin(base, text)
    except ValueError:  # no UTF-8, or brackets that hold no address
        return None
    url = normal_url(text)
    if url is None or not url.partition("://")[2].partition("/")[0]:
        return None  # `data:…`, `file:///…`, `//`
    return url
