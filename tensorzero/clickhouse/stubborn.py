"""A row that the database did not take when it stood alone, while nobody knows yet which of the two is at fault."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tensorzero.clickhouse.errors import QueryRefused
from tensorzero.clickhouse.refused import BUSY_CODES
from tensorzero.clickhouse.segment import Segment

FAILURES = 2
"""So many attempts alone must fail after others of the table went through, besides the first one: then it is the row."""
BUSY_FAILURES = 9
"""The same, where the error may come from what else the database has to do, or from the way to it."""
LONGEST_PAUSE_SECONDS = 5.0
DEAR = 3
"""An attempt is not repeated before this many times its own duration has passed."""


@dataclass
class Stubborn:
    """One row of `table`, and the file that keeps it meanwhile (None: memory)."""

    table: str
    line: bytes
    segment: Segment | None
    reason: str
    taken_before: int
    """How many inserts into the table had succeeded when its batch first failed."""
    attempts: int = 1
    due: float = 0.0
    _failures: int = 0

    def postpone(self, seconds_taken: float) -> None:
        """Try again later; the longer, the more an attempt costs."""
        pause = min(2.0 ** (self.attempts - 1), LONGEST_PAUSE_SECONDS)
        self.due = time.monotonic() + max(pause, DEAR * seconds_taken)

    def failed(self, error: Exception, taken: int) -> bool:
        """Note another failure. True when it is the row's fault: `taken` inserts into the table have succeeded by now."""
        self.attempts += 1
        self.reason = str(error)
        if taken <= self.taken_before:
            return False
        self._failures += 1
        plain = isinstance(error, QueryRefused) and error.code not in BUSY_CODES
        return self._failures >= (FAILURES if plain else BUSY_FAILURES)
