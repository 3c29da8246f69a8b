"""Cost from a provider's own answer: sums of value x rate, in decimal arithmetic."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

_MILLION = Decimal(1_000_000)
_LARGEST = Decimal(2**96 - 1)
_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)
_ABSENT: Any = object()


class _NoFigureError(Exception):
    """Something stands where a number belongs."""


def cost_of(entries: Sequence[Mapping[str, Any]], bodies: Sequence[str], *, streaming: bool) -> float | None:
    """US dollars, or None: no table, a missing required value, a value that is no number, or a negative total.

    `bodies`: the one response body, or every raw chunk of a stream (each entry takes its largest value).
    """
    if not entries:
        return None
    parsed: list[Any] = []
    for body in bodies:
        try:
            parsed.append(orjson.loads(body))
        except orjson.JSONDecodeError:
            if not streaming:
                return None
    total = Decimal(0)
    try:
        for entry in entries:
            value = _largest(parsed, _pointer(entry, streaming))
            if value is not None:
                total += value * _rate(entry)
            elif entry.get("required", False):
                return None
    except (_NoFigureError, InvalidOperation):
        return None
    return float(total) if 0 <= total <= _LARGEST else None


def _pointer(entry: Mapping[str, Any], streaming: bool) -> str:
    split = "pointer_streaming" if streaming else "pointer_nonstreaming"
    return str(entry["pointer"] if "pointer" in entry else entry[split])


def _rate(entry: Mapping[str, Any]) -> Decimal:
    if "cost_per_unit" in entry:
        return Decimal(str(entry["cost_per_unit"]))
    return Decimal(str(entry["cost_per_million"])) / _MILLION


def _largest(bodies: Sequence[Any], pointer: str) -> Decimal | None:
    """The largest of the figures that there are; None for none."""
    return max((_figure(value) for body in bodies if (value := _look_up(body, pointer)) is not _ABSENT), default=None)


def _figure(value: Any) -> Decimal:
    """A number, or a text that is one (observed 2026.6.0)."""
    if (isinstance(value, str) and _TEXT.match(value)) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        number = Decimal(str(value))
        if abs(number) <= _LARGEST:
            return number
    raise _NoFigureError


def _look_up(body: Any, pointer: str) -> Any:
    for key in pointer[1:].split("/") if pointer else []:
        name = key.replace("~1", "/").replace("~0", "~")
        if isinstance(body, dict) and name in body:
            body = body[name]
        elif isinstance(body, list) and name.isdigit() and int(name) < len(body):
            body = body[int(name)]
        else:
            return _ABSENT
    return body
