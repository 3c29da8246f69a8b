"""Where a request goes: an address that HTTP can reach, in the one spelling that every library here reads alike."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from tensorzero.runtime.runtime import HttpError
from tensorzero.runtime.urls import normal_url

_KEPT = 1024
_OWN_NAMES = frozenset(("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"))


class Destination(NamedTuple):
    """`url` is ASCII without a fragment, `shown` the same without user and password; `here` is this machine itself."""

    url: str
    shown: str
    user: str
    scheme: str
    host: str
    port: int
    here: bool


@lru_cache(maxsize=_KEPT)
def destination(url: str) -> Destination:
    """Raises `HttpError` for what is no URL, and for every scheme but http and https, in the original's words."""
    normal = (normal_url(url) or "").partition("#")[0]
    scheme, colon, _ = normal.partition(":")
    if not colon:
        raise _no_url()
    try:
        parts = urlsplit(normal)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_url() from None
    user, _, place = parts.netloc.rpartition("@")
    shown = f"{scheme}://{place}{normal[len(scheme) + 3 + len(parts.netloc) :]}"
    if scheme not in ("http", "https") or not host:
        short = f"builder error for url ({shown if parts.netloc else normal})"
        raise HttpError(short, (short, "URL scheme is not allowed"), hint="Only http and https are asked.")
    return Destination(normal, shown, user, scheme, host, port or (443 if scheme == "https" else 80), is_here(host))


def _no_url() -> HttpError:
    return HttpError("builder error", ("builder error", "not an absolute URL"), hint="A URL looks like `https://host/path`.")


def is_here(host: str) -> bool:
    """Whether a host in its normal spelling is this machine itself, so that no proxy has any business with it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.removesuffix(".")
        return name in _OWN_NAMES or name.endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    found = mapped or address
    return found.is_loopback or found.is_unspecified
