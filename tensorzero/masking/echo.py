"""A server's good answer that repeats what it was sent: rows and `raw_response` keep it without the key.

Every answer that is kept passes here, so this asks only for the ends of the secrets that its own request carried.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

from tensorzero.masking.index import label_of
from tensorzero.masking.known import SECRET_HEADER, SHORTEST, learn_header, learn_sent
from tensorzero.masking.mask import mask

_ORDINARY = frozenset(("content-type", "user-agent", "accept"))
_END = 16
"""Characters of a secret's beginning or end that give it away; a longer one is looked for faster than a shorter one."""


def without_echo(raw: str, headers: Mapping[str, str]) -> str:
    """An answer's text without the secrets among the headers of its request; nearly always the same object."""
    authorization = headers.get("authorization")
    if authorization is not None:
        for end in _ends("authorization", authorization):
            if end in raw:
                learn_sent(headers)
                return mask(raw)
    if len(headers) > _ORDINARY_COUNT:
        for name, value in headers.items():
            if name not in _ORDINARY and any(end in raw for end in _ends(name, value)):
                learn_header(name, value)
                raw = mask(raw)
    return raw


_ORDINARY_COUNT = 3  # of a plain call with a key


@lru_cache(maxsize=256)
def _ends(name: str, value: str) -> tuple[str, ...]:
    """The beginning and the end of a header's secret, in every way in which it may be written."""
    label = label_of(value)
    if not label and not SECRET_HEADER.search(name):
        return ()
    secret = value.removeprefix(label) if label.endswith(" ") else value
    if len(secret) < SHORTEST:
        return ()
    forms = {secret}
    if not secret.isalnum():
        escaped, percent = json.dumps(secret)[1:-1], quote(secret, safe="")
        forms |= {escaped, json.dumps(escaped)[1:-1], repr(secret)[1:-1], html.escape(secret), percent, percent.lower()}
    return tuple(dict.fromkeys(end for form in sorted(forms) for end in (form[-_END:], form[:_END])))
