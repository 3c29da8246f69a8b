"""The original's error for an input of the wrong shape: where, why, and the column of the JSON text it was read from.

The original's client writes the input with `json.dumps` and its core reads that text; callers see the column at which
the reader stood. It is worked out here from the value, and only when there is an error to report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tensorzero.parsing.columns import span_of

Stop = Literal["before", "start", "key", "value", "closed"]


class InputShapeError(ValueError):
    """An input that is not of the right shape. `str()` is `<path>: <reason> at line 1 column <n>`.

    `steps` are the keys and indices to the value. `stop` is where the reader stood: before the value, in its first
    byte, after its key, after the value, or after the bracket or comma that follows it. With no steps
    `reason` says itself where.
    """

    def __init__(self, path: str, reason: str, steps: Sequence[str | int] | None, stop: Stop) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason
        self.steps = None if steps is None else tuple(steps)
        self.stop: Stop = stop
        self.column: int | None = None

    def locate(self, raw: Any) -> None:
        """Work out `column` in the JSON text of `raw`, the whole input."""
        if self.steps is not None:
            self.column = _column(raw, self.steps, self.stop)

    def __str__(self) -> str:
        where = "" if self.column is None else f" at line 1 column {self.column}"
        return f"{self.path}: {self.reason}{where}"


def _column(raw: Any, steps: tuple[str | int, ...], stop: Stop) -> int:
    span = span_of(raw, steps)
    if stop in ("before", "start"):
        return span.start + (stop == "start")
    if stop == "key":
        return span.key_end
    if stop == "closed":
        comma = 2 if steps and isinstance(steps[-1], int) else 0
        return span.end + (1 if span.last else comma)
    return span.end
