"""Deadlines as values: a stage says when it must end, whatever waits below it obeys."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False, slots=True)
class Deadline:
    """A moment on `time.monotonic()`, and the error to raise when it passes.

    Compared by identity: a stage turns `DeadlineExceeded` into its own error only if the deadline is its own.
    """

    at: float
    error: Callable[[], Exception]

    @classmethod
    def after(cls, seconds: float, error: Callable[[], Exception]) -> Deadline:
        return cls(time.monotonic() + seconds, error)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())


class DeadlineExceeded(Exception):
    """Raised by whatever was waiting. Not a `GatewayError`: fallbacks and retries let it pass to its owner.

    `attempts`: what was tried in vain before it passed, as whoever tried says it.
    """

    def __init__(self, deadline: Deadline) -> None:
        super().__init__("deadline exceeded")
        self.deadline = deadline
        self.attempts: tuple[Any, ...] = ()

    def after(self, attempts: Sequence[Any]) -> DeadlineExceeded:
        """The same, with attempts that came before its own."""
        self.attempts = (*attempts, *self.attempts)
        return self


def earliest(*deadlines: Deadline | None) -> Deadline | None:
    """The one that fires first; None where there is none."""
    found: Deadline | None = None
    for deadline in deadlines:
        if deadline is not None and (found is None or deadline.at < found.at):
            found = deadline
    return found
