"""`mask`: a text without the secrets that are known, whole or in pieces, plain or encoded.

Encodings are undone on the side of the text, one after the other, so that any mixture of them is seen through: percent
signs in either case, JSON and Python escapes, HTML entities. Base64 is looked for as such (index.py).
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache

from tensorzero.masking.index import Index, Span
from tensorzero.masking.known import CAPACITY, in_use

HIDDEN = "[key hidden]"

_DEPTH = 3  # an error's JSON in the text of an error's JSON in an error's text
_LARGE = 1 << 18  # characters from which all encodings are undone at once: a secret that holds `%41` itself may be missed there
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": "\xa0"}
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPABLE = frozenset("\"'\\/&<>`") | frozenset(_CONTROL.values())

_PERCENT = r"%[0-9a-fA-F]{2}"
_BACKSLASH = r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}"
_ENTITY = r"&#[0-9]{1,7};|&#[xX][0-9a-fA-F]{1,6};"
_ENCODINGS = (_PERCENT, _BACKSLASH, _ENTITY)
# Where a secret holds what JSON, Python or HTML escape.
_ENCODINGS_OF_SIGNS = (_PERCENT, rf"{_BACKSLASH}|\\[^ux]", rf"{_ENTITY}|&(?:{'|'.join(_NAMED)});")

# A URL's user and password; a value that a URL's parameter names as secret.
_USERINFO = r"(?<=://)[^\s/?#\"'<>`\\()\[\]{},|]+(?=@)"
_PARAMETER = (
    r"(?i)(?<=[?&;])(?:[\w.-]{0,40}?(?:key|token|secret|password|passwd|pwd|signature|credential|authorization)|sig)="
    r"([^&;\s\"'<>`#)\\]{6,})(?![^&;\s\"'<>`#)\\])"
)
_index = Index()


def mask(text: str) -> str:
    """The text with every secret that is known replaced by `HIDDEN`; the same object where there is none.

    Takes time in proportion to the text's length. Pieces of a secret are found from 8 characters on.
    """
    index, whole = _current()
    found = list(_found(text, index, whole, 0))
    if "://" in text:
        found += (match.span() for match in _compiled(_USERINFO).finditer(text))
    if "=" in text:
        found += (match.span(1) for match in _compiled(_PARAMETER).finditer(text))
    return _without(text, found) if found else text


def _current() -> tuple[Index, re.Pattern[str] | None]:
    """The index of what is known now."""
    global _index
    pieces, whole, logins = in_use()
    index = _index if len(_index.held) + len(_index.held_logins) <= 4 * CAPACITY else Index()
    for value in pieces:
        if value not in index.held:
            index.add(value)
    for login in logins:
        if login not in index.held_logins:
            index.add_login(login)
    _index = index
    if not whole:
        return index, None
    index.signs.update(sign for value in whole for sign in value if not sign.isalnum())
    return index, re.compile(rf"(?:{'|'.join(map(re.escape, whole))})(?![A-Za-z0-9])")


def _found(text: str, index: Index, whole: re.Pattern[str] | None, depth: int) -> Iterator[Span]:
    yield from index.spans(text)
    if whole is not None:
        yield from (
            match.span() for match in whole.finditer(text) if not text[max(0, match.start() - 1) : match.start()].isalnum()
        )
    if depth >= _DEPTH:
        return
    if "+" in text and " " in index.signs:
        yield from index.spans(text.replace("+", " "))
    for encoding in _encodings(len(text), plain=index.signs.isdisjoint(_ESCAPABLE)):
        if encoding.search(text):
            decoded = _Decoded(text, encoding)
            yield from map(decoded.original, _found(decoded.text, index, whole, depth + 1))


def _encodings(length: int, *, plain: bool) -> tuple[re.Pattern[str], ...]:
    encodings = _ENCODINGS if plain else _ENCODINGS_OF_SIGNS
    return tuple(map(_compiled, ("|".join(encodings),) if length > _LARGE else encodings))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """When it is first needed: a process that never fails has no use for it."""
    return re.compile(pattern, re.DOTALL)


class _Decoded:
    """A text with its escapes undone, and where each of its characters came from."""

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        parts: list[str] = []
        self._starts: list[int] = [0]  # of runs that moved by the same distance, here
        self._origins: list[int] = [0]  # and in the original
        length = end = 0
        for match in pattern.finditer(text):
            character = _character(match.group())
            if character is None:
                continue
            start, stop = match.span()
            parts += (text[end:start], character)
            length += start - end + 1
            end = stop
            self._starts.append(length)
            self._origins.append(end)
        parts.append(text[end:])
        self.text = "".join(parts)

    def original(self, span: Span) -> Span:
        return self._origin(span[0]), self._origin(span[1])

    def _origin(self, at: int) -> int:
        run = bisect_right(self._starts, at) - 1
        return self._origins[run] + at - self._starts[run]


def _character(escape: str) -> str | None:
    """What an escape stands for; None where that is not one character."""
    if escape[0] == "%":
        return chr(int(escape[1:], 16))
    if escape[0] == "&":
        return _entity(escape[1:-1])
    if len(escape) > 2:
        return chr(int(escape[2:], 16))
    return _CONTROL.get(escape[1], escape[1])


def _entity(name: str) -> str | None:
    if name[0] != "#":
        return _NAMED.get(name)
    number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    return chr(number) if number <= sys.maxunicode else None


def _without(text: str, spans: Iterable[Span]) -> str:
    parts: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        if parts and start <= end:
            end = max(end, stop)
            continue
        parts += (text[end:start], HIDDEN)
        end = stop
    return "".join([*parts, text[end:]])
