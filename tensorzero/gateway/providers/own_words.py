"""What a server says for itself in an answer that is none: `{"error": …}` and its relatives, under a good status."""

from __future__ import annotations

from typing import Any, cast

import orjson

_LONGEST = 300
_LARGEST = 1 << 16
"""Characters of an answer that is looked into: an error is short."""
_NAMES = ("error", "message", "detail", "errors", "error_description", "error_message", "msg", "title", "code", "type")
_DEEPEST = 4


def own_words(text: str) -> str | None:
    """A hint with the server's own words; None where it says nothing of the kind."""
    said = _said(text)
    if not said:
        return None
    return f"The server said: {said if len(said) <= _LONGEST else said[: _LONGEST - 1] + '…'}"


def _said(text: str) -> str | None:
    if len(text) > _LARGEST:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        plain = " ".join(text.split())
        return plain if plain and plain[0] not in "{[<" else None
    if isinstance(value, dict) and "choices" in value and value.get("error") is None:
        return None  # an answer after all, of which a part is odd
    return _message(value)


def _message(value: Any, depth: int = 0) -> str | None:
    """The first text under a name that errors have."""
    if isinstance(value, str):
        return " ".join(value.split()) or None
    if depth == _DEEPEST:
        return None
    if isinstance(value, list):
        found = (_message(one, depth + 1) for one in cast("list[Any]", value)[:1] if isinstance(one, (str, dict)))
        return next(found, None)
    if isinstance(value, dict):
        given = cast("dict[str, Any]", value)
        named = [name for name in _NAMES if given.get(name) is not None]
        if depth and "message" in named:
            named.insert(0, "message")
        return next((said for said in (_message(given[name], depth + 1) for name in named) if said), None)
    return None
