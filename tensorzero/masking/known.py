"""The secrets of this process: what has been read, and what its environment holds.

Bounded: the values learnt first are forgotten first, and a value that is used again is learnt again. `mask` looks at the
environment whenever it runs, so a key that nobody has asked for yet is known too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

SHORTEST = 8
"""Characters from which a key is looked for, also in pieces: shorter ones are found whole, if at all."""
SHORTEST_WHOLE = 6
SHORTEST_IN_URL = 4
LONGEST = 8192
CAPACITY = 512

PLACEHOLDERS = frozenset(
    (
        "anything", "changeme", "clickhouse", "default", "dummy", "empty", "fake", "key-not-needed", "lm-studio",
        "local", "localhost", "no-api-key", "no-key", "no-key-required", "none", "not-needed", "not-required",
        "nothing", "null", "ollama", "password", "openai", "placeholder", "postgres", "root", "secret",
        "sk-no-key-required", "string", "tensorzero", "test", "testing", "unused", "user", "username", "xxxxxxxx",
        "your-api-key",
    )
)  # fmt: skip
"""What people write where a key must stand and none is needed."""

_KEY_VARIABLES = (
    "_API_KEY", "_APIKEY", "_API_TOKEN", "_ACCESS_KEY", "_ACCESS_KEY_ID", "_SECRET_KEY", "_SECRET_ACCESS_KEY", "_SECRET",
    "_TOKEN", "_PASSWORD",
)  # fmt: skip
_URL_VARIABLES = ("_PROXY", "_CLICKHOUSE_URL", "_POSTGRES_URL", "_VALKEY_URL")
SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie|passw|credential|signature", re.IGNORECASE)
_SCHEME = re.compile(r"(?i)(bearer|basic|token|digest|apikey|api-key)\s+")
_SIGNS = re.compile(r"[^A-Za-z]")


class _Known(dict[str, None]):
    """In the order in which they were learnt. Its repr shows none."""

    def __repr__(self) -> str:
        return f"<{len(self)} secrets>"


_pieces = _Known()
_whole = _Known()
_logins = _Known()
_variables: dict[str, None] = {}


def learn(value: str | None) -> None:
    """Remember a key or a password from now on. Placeholders and what is shorter than `SHORTEST_WHOLE` are none."""
    if value in _pieces or value is None:
        return
    value = value.strip()
    if not value or value.lower() in PLACEHOLDERS:
        return
    if len(value) >= SHORTEST:
        _remember(_pieces, value[:LONGEST])
    elif len(value) >= SHORTEST_WHOLE and _SIGNS.search(value):
        _remember(_whole, value)


def learn_variable(name: str) -> None:
    """The environment variable `name` holds a key, now or later."""
    _remember(_variables, name)


def learn_url(url: str) -> None:
    """The user and the password of a URL, as they stand there and decoded, and as `Basic` carries them."""
    authority = re.split(r"[/?#]", url.partition("://")[2] or url, maxsplit=1)[0]
    userinfo, at, _ = authority.rpartition("@")
    if at:
        user, _, password = userinfo.partition(":")
        learn_login(user, password)
        learn_login(unquote(user), unquote(password))


def learn_login(user: str | None, password: str | None) -> None:
    """A user, found as a whole word, and a password, which may be cut; and both as `Basic` carries them."""
    for value in (user, password):
        if value and value is password and len(value) >= SHORTEST:
            learn(value)
        elif value and len(value) >= SHORTEST_IN_URL and value.lower() not in PLACEHOLDERS:
            _remember(_whole, value)
    if password and password.lower() not in PLACEHOLDERS:
        _remember(_logins, f"{user or ''}:{password}")


def learn_header(name: str, value: str) -> None:
    """A header's value, where its name says that it is secret or its value carries a scheme such as `Bearer`."""
    scheme = _SCHEME.match(value)
    if scheme:
        learn(value[scheme.end() :])
    elif SECRET_HEADER.search(name):
        learn(value)


def learn_body(body: Mapping[str, Any] | None) -> None:
    """What a request's body brings along: its `credentials`, and headers for the model's provider."""
    for name in ("credentials", "tensorzero::credentials"):
        given: Any = (body or {}).get(name)
        if isinstance(given, Mapping):
            for value in cast("Mapping[Any, Any]", given).values():
                learn(value if isinstance(value, str) else None)
    headers: Any = (body or {}).get("extra_headers")
    for header in cast("list[Any]", headers) if isinstance(headers, list) else []:
        if isinstance(header, Mapping):
            entry = cast("Mapping[str, Any]", header)
            learn_header(str(entry.get("name")), str(entry.get("value") or ""))


def learn_sent(headers: Mapping[str, str]) -> None:
    """What a request carried: called before its failure is put into words, so that it is known whatever was forgotten."""
    for name, value in headers.items():
        learn_header(name, value)


def in_use() -> tuple[list[str], list[str], list[str]]:
    """Every secret that is known now: those found also in pieces, the short ones, found only as a whole word, and logins
    (`user:password`), found as base64."""
    for name in list(os.environ):
        upper = name.upper()
        if upper.endswith(_KEY_VARIABLES) or name in _variables:
            learn(os.environ.get(name))
        elif upper.endswith(_URL_VARIABLES):
            learn_url(os.environ.get(name, ""))
    return list(_pieces), list(_whole), list(_logins)


def key_variables() -> Iterator[tuple[str, str]]:
    """Environment variables that hold a key, each with its value."""
    for name in list(os.environ):
        value = os.environ.get(name, "").strip()
        named = name.upper().endswith(_KEY_VARIABLES) or name in _variables
        if named and len(value) >= SHORTEST and value.lower() not in PLACEHOLDERS:
            yield name, value


def _remember(known: dict[str, None], value: str) -> None:
    known.pop(value, None)
    known[value] = None
    while len(known) > CAPACITY:
        try:
            known.pop(next(iter(known)), None)
        except (RuntimeError, StopIteration):  # another thread changed it meanwhile, and sees to it
            return
