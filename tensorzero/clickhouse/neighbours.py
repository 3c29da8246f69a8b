"""What other processes on this machine have accepted for the same database, seen from outside through their spool files.

Somebody who clicks 👍 in one notebook and reads a frame in another expects to see it, and the row may still be on its way.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from tensorzero.clickhouse.segment import SUFFIX, standing

WAIT_SECONDS = 10.0
LOOK_SECONDS = 0.01

logger = logging.getLogger("tensorzero")


class Neighbours:
    """The other files in a spool directory. `own` is how the names of this process's files begin. Thread-safe."""

    def __init__(self, directory: Path, own: str) -> None:
        self._directory = directory
        self._own = own
        self._stuck: dict[str, tuple[int, int]] = {}

    def wait(self, seconds: float = WAIT_SECONDS) -> None:
        """Until what stands in their files now is delivered, or `seconds` have passed.

        Then the log says so, and a file that did not move (its process is stopped, say) holds nobody up again until it does.
        """
        goals = self._waiting()
        until = time.monotonic() + seconds
        while goals:
            if time.monotonic() >= until:
                self._stuck = {name: standing(self._directory / name) for name in goals}
                logger.warning("Rows that other processes have accepted are not in the database yet: this read lacks them")
                return
            time.sleep(LOOK_SECONDS)
            goals = {name: goal for name, goal in goals.items() if not self._reached(name, goal)}

    def _waiting(self) -> dict[str, int]:
        """Names of files with undelivered rows, and where those end."""
        try:
            names = [entry.name for entry in os.scandir(self._directory) if entry.name.endswith(SUFFIX)]
        except OSError:
            return {}
        goals: dict[str, int] = {}
        for name in names:
            if not name.startswith(self._own):
                found = delivered, size = standing(self._directory / name)
                if delivered < size and self._stuck.get(name) != found:
                    goals[name] = size
        return goals

    def _reached(self, name: str, goal: int) -> bool:
        delivered, size = standing(self._directory / name)
        return delivered >= goal or size < goal
