"""The original's rule for stopping early: an evaluator whose interval is narrow enough is not asked any more.

Where wrong answers take longer than right ones, what has not ended yet is not like what has: stopping then is biased, and the
more so the more is in flight. The rule is here because runs are compared with the original's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

LEAST_ANSWERS = 20
Z = 1.96


class Stopping:
    """`targets`: half widths of the 95 % intervals, by evaluator. `kinds`: "boolean" or "float", by evaluator."""

    def __init__(self, targets: Mapping[str, float], kinds: Mapping[str, str]) -> None:
        self._targets = {name: target for name, target in targets.items() if name in kinds}
        self._kinds = kinds
        self._values: dict[str, list[float]] = {name: [] for name in self._targets}
        self._answers = 0
        self.stopped: set[str] = set()

    @property
    def over(self) -> bool:
        """Whether every evaluator of the run has stopped; one without a target never does."""
        return bool(self._kinds) and self.stopped == set(self._kinds)

    def note(self, values: Mapping[str, object]) -> None:
        """What the evaluators said of one more answer."""
        self._answers += 1
        for name, value in values.items():
            if name in self._values and isinstance(value, (bool, int, float)):
                self._values[name].append(float(value))
        if self._answers < LEAST_ANSWERS:
            return
        for name, target in self._targets.items():
            width = half_width(self._values[name], self._kinds[name])
            if width is not None and width <= target:
                self.stopped.add(name)


def half_width(values: list[float], kind: str) -> float | None:
    """Of the 95 % interval: Wilson's for booleans, 1.96 standard errors for floats; None below one or two values."""
    count = len(values)
    if count < (1 if kind == "boolean" else 2):
        return None
    mean = sum(values) / count
    if kind != "boolean":
        variance = sum((value - mean) ** 2 for value in values) / count
        return Z * math.sqrt(variance / count)
    scale = 1 / (1 + Z * Z / count)
    center = mean + Z * Z / (2 * count)
    margin = Z / (2 * count) * math.sqrt(4 * count * mean * (1 - mean) + Z * Z)
    low, high = max(0.0, (center - margin) * scale), min(1.0, (center + margin) * scale)
    return max(mean - low, high - mean)
