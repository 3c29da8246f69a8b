"""Write TOML the way the original writes it into `ConfigSnapshot.config` (observed 2026.6.0).

Values before sub-tables, headers only for tables that hold values or nothing, arrays on one line, arrays of tables as
`[[…]]`, and the plainest string form that fits: "…", '…', triple-quoted, escaped.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_IDLE_ZEROS = re.compile(r"(\.\d*?)0+(?!\d)")
ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


class Single(float):
    """A 32-bit float: widened exactly, printed with its own shortest digits."""

    def __new__(cls, value: float) -> Single:
        try:
            return super().__new__(cls, struct.unpack("f", struct.pack("f", value))[0])
        except OverflowError:
            return super().__new__(cls, math.inf if value > 0 else -math.inf)


def write_toml(table: Mapping[str, Any]) -> str:
    """The document of `table`: dicts, lists, strings, booleans, integers, floats and dates. Ends in a line break."""
    blocks: list[str] = []
    _write_table(table, (), blocks, header=None)
    return "\n".join(blocks)


def sorted_tables(value: Any) -> Any:
    """`value` with the keys of every table in order and every float in 64 bits: what the snapshot's hash is taken over."""
    if isinstance(value, Single):
        return float(value)
    if isinstance(value, Mapping):
        return {key: sorted_tables(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [sorted_tables(item) for item in value]
    return value


def _write_table(table: Mapping[str, Any], path: tuple[str, ...], blocks: list[str], header: str | None) -> None:
    values = [(key, value) for key, value in table.items() if value is not None and not _is_tables(value)]
    nested = [(key, value) for key, value in table.items() if _is_tables(value)]
    lines = [f"{write_key(key)} = {write_value(value)}\n" for key, value in values]
    if header is not None and (lines or not nested or header.startswith("[[")):
        lines.insert(0, f"{header}\n")
    if lines:
        blocks.append("".join(lines))
    for key, value in nested:
        inner = (*path, key)
        dotted = ".".join(map(write_key, inner))
        if isinstance(value, Mapping):
            _write_table(value, inner, blocks, f"[{dotted}]")
        else:
            for item in value:
                _write_table(item, inner, blocks, f"[[{dotted}]]")


def _is_tables(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)
    )


def write_key(key: str) -> str:
    return key if _BARE.match(key) else write_string(key, lines=False)


def write_value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return write_float(value)
        case str():
            return write_string(value)
        case Mapping():
            inner = ", ".join(f"{write_key(k)} = {write_value(v)}" for k, v in value.items() if v is not None)
            return f"{{ {inner} }}" if inner else "{}"
        case datetime.datetime() | datetime.date() | datetime.time():
            return date_text(value)
        case Sequence():
            return f"[{', '.join(map(write_value, value))}]"
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}")


class Moment(str):
    """The text of a date or time: a string wherever one is read, but no name of a choice."""

    __slots__ = ()


def date_text(value: datetime.date | datetime.time) -> str:
    """A date or time as TOML has it, with no more digits of a second than it needs."""
    return _IDLE_ZEROS.sub(r"\1", value.isoformat()).replace("+00:00", "Z")


def write_float(value: float) -> str:
    """Shortest digits, never an exponent, always a point."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = format(decimal.Decimal(_shortest(value)), "f")
    return text if "." in text else text + ".0"


def _shortest(value: float) -> str:
    if not isinstance(value, Single):
        return repr(value)
    return next(text for digits in range(1, 18) if Single(float(text := f"{value:.{digits}g}")) == value)


def write_string(text: str, *, lines: bool = True) -> str:
    control, escape, newline = bool(_CONTROL.search(text)), "\\" in text, "\n" in text
    double, single = _longest_run(text, '"'), _longest_run(text, "'")
    start = "\n" if newline else ""
    if not (control or escape or newline or double):
        return f'"{text}"'
    if not (control or newline or single):
        return f"'{text}'"
    if lines and not (control or escape or double > 2):
        return f'"""{start}{text}"""'
    if lines and not (control or single > 2):
        return f"'''{start}{text}'''"
    if lines and newline:
        return f'"""{start}{_escaped(text, keep_newline=True)}"""'
    return f'"{_escaped(text, keep_newline=False)}"'


def _escaped(text: str, *, keep_newline: bool) -> str:
    out: list[str] = []
    for char in text:
        if char == "\n" and keep_newline:
            out.append(char)
        elif char in ESCAPES:
            out.append(ESCAPES[char])
        elif char < " " or char == "\x7f":
            out.append(f"\\u{ord(char):04X}")
        else:
            out.append(char)
    return "".join(out)


def _longest_run(text: str, quote: str) -> int:
    return max((len(run) for run in re.findall(quote + "+", text)), default=0)
