"""The next step after a failed exchange, where its cause lies on this side."""

from __future__ import annotations

from tensorzero.runtime.certificates import certificate_hint
from tensorzero.runtime.destination import Destination
from tensorzero.runtime.proxies import proxy_hint

_NO_DESCRIPTORS = ("Too many open files", "initializing curl-multi failed")
NO_DESCRIPTORS_LEFT = "This process has no file descriptors left: close what it holds open, or raise `ulimit -n`."


def fault_hint(words: str, place: Destination, *, of_proxy: bool = False, of_certificates: bool = False) -> str | None:
    """`words` are a library's own for what happened."""
    if any(sign in words for sign in _NO_DESCRIPTORS):
        return NO_DESCRIPTORS_LEFT
    if of_certificates or "certificate" in words.lower():
        return certificate_hint()
    if not place.here and (of_proxy or "proxy" in words.lower()):
        return proxy_hint(place.scheme)
    return None
