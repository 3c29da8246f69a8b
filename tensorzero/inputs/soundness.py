"""What Python values can hold and JSON text cannot: lone surrogates, NaN, infinities, nesting beyond the reader's limit."""

from __future__ import annotations

from typing import Any, cast

MAX_DEPTH = 127
"""Objects and arrays inside each other that the original's JSON reader takes (observed 2026.6.0)."""
_BEYOND_DOUBLE = 2**1024 - 2**970
"""The first integer that rounds to an infinite float."""


def is_whole(text: str) -> bool:
    """Whether it holds no half of a character, which is no JSON."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fault_place(value: Any) -> str | None:
    """Where in a decoded JSON value the first part stands that is no JSON, as `messages[0].content: `; None where none is.

    It is empty for the value itself and for one of its keys. A container stands for itself where it lies too deep; a key at
    fault is called `?`.
    """
    if _sound(value, 1):
        return None
    path = ""
    for depth in range(2, MAX_DEPTH + 2):
        step, value = _faulty_part(value, depth)
        if step is None:
            break
        path += step
    return "" if path in ("", ".?") else f"{path.removeprefix('.')}: "


def _faulty_part(value: Any, depth: int) -> tuple[str | None, Any]:
    """The step to the first part at fault, and that part; no step where it is `value` itself."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            if not is_whole(key):
                return ".?", None
            if not _sound(item, depth):
                return f".{key}", item
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            if not _sound(item, depth):
                return f"[{index}]", item
    return None, None


def _sound(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind is str:
        return value.isascii() or is_whole(value)
    if kind is dict:
        return depth <= MAX_DEPTH and all(
            (key.isascii() or is_whole(key)) and _sound(item, depth + 1) for key, item in cast("dict[str, Any]", value).items()
        )
    if kind is list:
        return depth <= MAX_DEPTH and all(_sound(item, depth + 1) for item in cast("list[Any]", value))
    if kind is int:
        return -_BEYOND_DOUBLE < value < _BEYOND_DOUBLE
    return kind is not float or value - value == 0
