"""UUIDs as text: the forms that are taken, and what is wrong with any other, as the original tells it (observed 2026.6.0)."""

from __future__ import annotations

import re
import unicodedata
from uuid import UUID

_PLAIN = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_FORM = re.compile(rf"(?:[0-9a-fA-F]{{32}}|{_PLAIN}|\{{{_PLAIN}\}}|urn:uuid:{_PLAIN})")
_LENGTH = 36
_URN = "urn:uuid:"
_GROUPS = (8, 4, 4, 4, 12)
_GROUP_STARTS = (0, 9, 14, 19, 24)
_ESCAPES = {"\0": r"\0", "\t": r"\t", "\n": r"\n", "\r": r"\r", "'": r"\'", "\\": r"\\"}


def parsed_uuid(given: str) -> str | None:
    """In lower case with hyphens; None where it is no UUID."""
    return str(UUID(given)) if _FORM.fullmatch(given) else None


def uuid_problem(given: str) -> tuple[str, str]:
    """What is wrong with it, in the original's two styles."""
    inner, offset = _inner(given)
    if offset and len(inner.encode()) == _LENGTH:  # of the right length, so only what is inside was read
        return uuid_problem(inner)
    for at, character in enumerate(inner, offset + 1):
        if character not in "0123456789abcdefABCDEF-":
            shown = f"ParseChar {{ character: '{_escaped(character)}', index: {at} }}"
            return shown, f"invalid character: found `{character}` at {at}"
    groups = inner.split("-")
    if len(groups) == 1 and offset == 0:
        length = len(given)
        return (
            f"ParseSimpleLength {{ len: {length} }}",
            f"invalid length: expected length 32 for simple format, found {length}",
        )
    if len(groups) != len(_GROUPS):
        return f"ParseGroupCount {{ count: {len(groups)} }}", f"invalid group count: expected 5, found {len(groups)}"
    at = next((i for i, group in enumerate(groups[:4]) if len(group) != _GROUPS[i]), 4)
    length = len(groups[at]) if at < 4 else len(given) - _GROUP_STARTS[4]  # the last one is measured with what surrounds it
    return (
        f"ParseGroupLength {{ group: {at}, len: {length}, index: {offset + _GROUP_STARTS[at] + 1} }}",
        f"invalid group length in group {at}: expected {_GROUPS[at]}, found {length}",
    )


def _inner(given: str) -> tuple[str, int]:
    if len(given) > 1 and given[0] == "{" and given[-1] == "}":
        return given[1:-1], 1
    return (given[len(_URN) :], len(_URN)) if given.startswith(_URN) else (given, 0)


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    unseen = not character.isprintable() or unicodedata.category(character) in ("Mn", "Me")
    return f"\\u{{{ord(character):x}}}" if unseen else character
