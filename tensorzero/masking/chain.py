"""Exceptions: our own are masked where they are made, those of libraries in place, with everything in their chain."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

from tensorzero.masking.mask import mask

T = TypeVar("T")

_LONGEST = 64  # exceptions of one chain


def worded(text: T) -> T:
    """The text of an error that is being made, masked; anything but text as it is.

    What is handled at this moment becomes the error's context: that is masked too.
    """
    handled = sys.exc_info()[1]
    if handled is not None:
        scrub(handled)
    return mask(text) if isinstance(text, str) else text  # type: ignore[return-value]


def scrub(error: BaseException) -> None:
    """Mask the texts of an exception, of its causes and of what it wraps. Never raises."""
    seen: dict[int, BaseException] = {}
    waiting: list[BaseException] = [error]
    while waiting and len(seen) < _LONGEST:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if not getattr(one, "is_masked", False):
            _scrub_one(one)
        waiting += [found for found in (one.__cause__, one.__context__) if found is not None]
        waiting += [found for found in _held(one) if isinstance(found, BaseException)]


def _held(error: BaseException) -> list[Any]:
    """An exception's arguments and attributes, and the members of its lists."""
    held = [*error.args, *vars(error).values()]
    return held + [item for one in held if isinstance(one, (list, tuple)) for item in one]


def _scrub_one(error: BaseException) -> None:
    try:
        args = tuple(_masked(value) for value in error.args)
        if args != error.args:
            error.args = args
        for name, value in list(vars(error).items()):
            masked = _masked(value)
            if masked != value:
                vars(error)[name] = masked
    except Exception:  # noqa: BLE001 - an exception of any library; what it does not let us change stays
        return


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, bytes):
        text = value.decode("latin-1")
        masked = mask(text)
        return value if masked is text else masked.encode("latin-1", "replace")
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if type(value) is tuple:
        return tuple(_masked(item) for item in value)
    return value
