"""What Python values can hold and JSON text cannot: lone surrogates, NaN, infinities, nesting beyond the reader's limit."""

from __future__ import annotations

import json
from typing import Any, cast

from tensorzero.gateway.functions.input_errors import InputShapeError
from tensorzero.gateway.json_fault import json_fault

_MAX_DEPTH = 127


def check_soundness(raw: Any) -> None:
    """Raises InputShapeError, in the words of the original's JSON reader, for the first value that is no JSON."""
    if _sound(raw, 1):
        return
    steps = _fault_steps(raw, ())
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    try:
        reason = json_fault(json.dumps(raw, default=str)) or "expected value"
    except (RecursionError, ValueError):
        reason = "recursion limit exceeded"
    raise InputShapeError(path.lstrip(".") or ".", reason, None, "value")


def _sound(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind is str:
        return value.isascii() or is_whole(value)
    if kind is dict:
        if depth > _MAX_DEPTH:
            return False
        depth += 1
        for key, item in cast("dict[Any, Any]", value).items():
            if type(key) is str and not (key.isascii() or is_whole(key)):
                return False
            if not _sound(item, depth):
                return False
        return True
    if kind is list or kind is tuple:
        if depth > _MAX_DEPTH:
            return False
        depth += 1
        return all(_sound(item, depth) for item in cast("list[Any]", value))
    if isinstance(value, float):
        return value - value == 0
    return not isinstance(value, str) or is_whole(value)


def is_whole(text: str) -> bool:
    """Whether it holds no half of a character, which is no JSON."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault_steps(value: Any, steps: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The way to the value at fault; a container stands for itself where it lies too deep."""
    depth = len(steps) + 1
    if depth <= _MAX_DEPTH:
        if isinstance(value, dict):
            for key, item in cast("dict[Any, Any]", value).items():
                if not _sound(item, depth + 1):
                    return _fault_steps(item, (*steps, str(key)))
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(cast("list[Any]", value)):
                if not _sound(item, depth + 1):
                    return _fault_steps(item, (*steps, index))
    return steps
