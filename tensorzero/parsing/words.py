"""The vocabulary of the original's readers of JSON and TOML: how their errors call a value, a name, a list of names.

Callers may compare these texts, so every reader of ours takes them from here (observed 2026.6.0).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

_ESCAPES = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_EXPONENT = re.compile(r"(e[+-])0")
_PLAIN_FROM, _PLAIN_TO = 1e-5, 1e16  # floats that JSON text has without an exponent


def json_float(value: float) -> str:
    """Shortest digits, with an exponent where the number is very small or very large: `0.00001`, `1e-6`, `1e+16`."""
    if math.isnan(value):
        return "NaN"
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_TO:
        return plain_float(value)
    return _EXPONENT.sub(r"\1", repr(float(value)))


def plain_float(value: float) -> str:
    """Shortest digits, never an exponent, always a point, as the reader of TOML shows a number; `NaN`, `inf`, `-inf`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    from decimal import Decimal

    text = format(Decimal(repr(float(value))), "f")
    return text if "." in text else text + ".0"


def unexpected(value: object, floats: Callable[[float], str] = json_float) -> str:
    """A value as errors call it after `invalid type: `, such as ``string "five"``, ``integer `5` ``, `null`, `map`.

    `floats` writes numbers that are not whole, and whole ones beyond 64 bits, which are read as such: `json_float` or
    `plain_float`.
    """
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{'true' if value else 'false'}`"
        case int() if -(1 << 63) <= value < 1 << 64:
            return f"integer `{value}`"
        case int() | float():
            return f"floating point `{floats(float(value))}`"
        case str():
            return f"string {quoted(value)}"
        case Mapping():
            return "map"
        case Sequence():
            return "sequence"
        case _:
            return "map"


def unexpected_content(value: object) -> str:
    """The same where an object was read ahead to find its `type`: numbers have lost their value."""
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else unexpected(value)


def escaped(text: str) -> str:
    r"""A text as it stands between quotes in an error: `\n`, `\"`, and what cannot be seen as `\u{200b}`."""
    plain = _PLAIN.match(text)
    if plain is not None and plain.end() == len(text):
        return text
    from unicodedata import category

    return "".join(
        _ESCAPES.get(char) or (char if char.isprintable() and category(char) not in ("Mn", "Me") else f"\\u{{{ord(char):x}}}")
        for char in text
    )


def quoted(text: str) -> str:
    return f'"{escaped(text)}"'


def listed(names: Sequence[str]) -> str:
    """Names in backquotes: one, two with `or` between them, more after `one of`."""
    quoted = [f"`{name}`" for name in names]
    return " or ".join(quoted) if len(quoted) < 3 else f"one of {', '.join(quoted)}"


def invalid_type(value: object, expected: str) -> str:
    """`expected` says what would be right: `a string`, `u32`, `struct Input`."""
    return f"invalid type: {unexpected(value)}, expected {expected}"


def unknown_field(name: str, names: Sequence[str]) -> str:
    return f"unknown field `{name}`, {f'expected {listed(names)}' if names else 'there are no fields'}"


def unknown_variant(name: str, names: Sequence[str]) -> str:
    return f"unknown variant `{name}`, {f'expected {listed(names)}' if names else 'there are no variants'}"


def missing_field(name: str) -> str:
    return f"missing field `{name}`"


def duplicate_field(name: str) -> str:
    return f"duplicate field `{name}`"


def wrong_length(found: int, struct: str, fields: int) -> str:
    """A list that gives the fields of `struct` in order ends too early."""
    return f"invalid length {found}, expected struct {struct} with {fields} element{'' if fields == 1 else 's'}"


def no_variant(enum: str) -> str:
    return f"data did not match any variant of untagged enum {enum}"
