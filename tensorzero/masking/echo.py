"""A server's good answer that repeats what it was sent: rows and `raw_response` keep it without the key.

Every answer passes here, so this asks only for the ends of the secrets that its own request carried.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

from tensorzero.masking.index import LABEL
from tensorzero.masking.known import SECRET_HEADER, SHORTEST, learn_header, learn_sent
from tensorzero.masking.mask import mask

_ORDINARY = frozenset(("content-type", "user-agent", "accept"))


def without_echo(raw: str, headers: Mapping[str, str]) -> str:
    """An answer's text without the secrets among the headers of its request; nearly always the same object."""
    for name, value in headers.items():
        if name not in _ORDINARY:
            for mark in _marks(name, value):
                if mark in raw:
                    learn_header(name, value)
                    return mask(raw)
    return raw


class EchoWatch:
    """Looks at an answer's bytes as they arrive. Once they repeat a secret of the request, `heard` stays True."""

    __slots__ = ("_end", "_headers", "_marks", "heard")

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._marks = [
            mark.encode("utf-8", "replace")
            for name, value in headers.items()
            if name not in _ORDINARY
            for mark in _marks(name, value)
        ]
        self._headers = headers
        self._end = b""
        self.heard = False

    def listen(self, data: bytes) -> bool:
        if not self.heard and self._marks:
            whole = self._end + data
            self.heard = any(mark in whole for mark in self._marks)
            if self.heard:
                learn_sent(self._headers)
            self._end = whole[-4 * SHORTEST :]
        return self.heard


@lru_cache(maxsize=256)
def _marks(name: str, value: str) -> tuple[str, ...]:
    """What gives a header's secret away: the ends of every way in which it may be written."""
    label = LABEL.match(value)
    if label is None and not SECRET_HEADER.search(name):
        return ()
    secret = value[label.end() :] if label and label.group().endswith(" ") else value
    if len(secret) < SHORTEST:
        return ()
    forms = {secret}
    if not secret.isalnum():
        percent = quote(secret, safe="")
        forms |= {json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret), percent, percent.lower()}
    return tuple(dict.fromkeys(end for form in sorted(forms) for end in (form[-SHORTEST:], form[:SHORTEST])))
