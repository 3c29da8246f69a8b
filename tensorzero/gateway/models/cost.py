"""Cost from a provider's own answer: sums of value x rate, in decimal arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

_MILLION = Decimal(1_000_000)


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
    for entry in entries:
        value = _largest(parsed, _pointer(entry, streaming))
        if value is None:
            if entry.get("required", False):
                return None
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        total += _amount(value, entry)
    return float(total) if total >= 0 else None


def _pointer(entry: Mapping[str, Any], streaming: bool) -> str:
    return str(entry.get("pointer") or entry["pointer_streaming" if streaming else "pointer_nonstreaming"])


def _amount(value: float, entry: Mapping[str, Any]) -> Decimal:
    try:
        number = Decimal(str(value))
        if "cost_per_unit" in entry:
            return number * Decimal(str(entry["cost_per_unit"]))
        return number * Decimal(str(entry["cost_per_million"])) / _MILLION
    except InvalidOperation:
        return Decimal(0)


def _largest(bodies: Sequence[Any], pointer: str) -> Any:
    found = [value for body in bodies if (value := _look_up(body, pointer)) is not None]
    numbers = [value for value in found if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if numbers:
        return max(numbers)
    return found[0] if found else None


def _look_up(body: Any, pointer: str) -> Any:
    for key in pointer[1:].split("/") if pointer else []:
        name = key.replace("~1", "/").replace("~0", "~")
        if isinstance(body, dict):
            body = body.get(name)
        elif isinstance(body, list) and name.isdigit() and int(name) < len(body):
            body = body[int(name)]
        else:
            return None
    return body
