"""Where a part of a value stands in the JSON text that the original's client makes of the whole with `json.dumps`.

Worked out from the value, and only when there is an error to report: errors say at which column the reader stood.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, cast


class Span(NamedTuple):
    """Characters from the beginning of the text to the part's first one, to the end of its key (0 without one) and to its
    end; `last`: no other part of its object or list follows."""

    start: int
    key_end: int
    end: int
    last: bool


def span_of(whole: Any, steps: Sequence[str | int]) -> Span:
    """Of the part of `whole` to which the keys and indices lead; as far as they lead where an object is given as the list of
    its values, which the original reads too."""
    span = Span(0, 0, _length(whole), last=True)
    value = whole
    for step in steps:
        found = _within(value, step, span.start + 1)
        if found is None:
            break
        span, value = found
    return span


def _within(value: Any, step: str | int, position: int) -> tuple[Span, Any] | None:
    """The part under one key or index of an object or list whose first part begins at `position`."""
    if isinstance(value, dict):
        items = list(cast("dict[Any, Any]", value).items())
        for index, (key, item) in enumerate(items):
            key_end = position + _length(str(key))
            if key == step:
                start = key_end + 2
                return Span(start, key_end, start + _length(item), index == len(items) - 1), item
            position = key_end + 2 + _length(item) + 2
        return None
    for index, item in enumerate(value):
        if index == step:
            return Span(position, 0, position + _length(item), index == len(value) - 1), item
        position += _length(item) + 2
    return None


def _length(value: Any) -> int:
    return len(json.dumps(value, default=str))
