"""Spool files of dead processes, taken over by this one until their rows are delivered.

What they hold counts as stored. It is looked for in the files as they lie there: a database opens at once, however many rows an
outage has left behind.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from tensorzero.clickhouse.pending import Known, Target, known_row, target_of
from tensorzero.clickhouse.segment import Segment
from tensorzero.clickhouse.spool import claim_orphans
from tensorzero.clickhouse.tables import CACHE_TABLE, TARGET_TABLES

logger = logging.getLogger("tensorzero")


class Orphans:
    """Thread-safe. Answers the same questions as `PendingTargets`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        self._unreadable: set[Path] = set()

    def __bool__(self) -> bool:
        return bool(self._segments)

    def claim(self, directory: Path) -> None:
        """Take over what has lost its process since the last call."""
        found = claim_orphans(directory)
        with self._lock:
            self._segments += found

    def segments(self) -> list[Segment]:
        return list(self._segments)

    def delivered(self, segment: Segment) -> None:
        """All its rows are in the database: the file goes."""
        if segment.damaged:
            logger.warning("The spool file `%s` is damaged; it is kept as .damaged beside it", segment.path)
        with self._lock:
            self._segments.remove(segment)
            segment.mark(segment.size)
            segment.remove()

    def give_back(self, segment: Segment, error: OSError) -> None:
        """It cannot be read now, which the log says once; whoever looks for orphans next may try again."""
        if segment.path not in self._unreadable:
            logger.warning("The spool file `%s` cannot be read now: %s", segment.path, error)
        with self._lock:
            self._unreadable.add(segment.path)
            self._segments.remove(segment)
            segment.release()

    def release(self) -> None:
        """Let go of all files, in a process that ends or in a forked child."""
        for segment in self._segments:
            segment.release()

    def inference(self, inference_id: uuid.UUID) -> Target | None:
        return target_of(self._known(inference_id))

    def asked(self, inference_id: uuid.UUID) -> Mapping[str, Any] | None:
        """The columns of `ASKED_COLUMNS`, as they were written."""
        known = self._known(inference_id)
        return known[4] if known else None

    def _known(self, inference_id: uuid.UUID) -> Known | None:
        for table, row in self._rows(TARGET_TABLES, "id", str(inference_id)):
            return known_row(table, row)
        return None

    def episode(self, episode_id: uuid.UUID) -> Target | None:
        found = list(self._rows(TARGET_TABLES, "episode_id", str(episode_id)))
        return target_of(known_row(*max(found, key=lambda item: str(item[1]["id"])))) if found else None

    def cache_entry(self, long_key: str) -> Mapping[str, Any] | None:
        """The latest row of `ModelInferenceCache` under this key."""
        found = [row for _, row in self._rows((CACHE_TABLE,), "long_cache_key", long_key)]
        return max(found, key=lambda row: int(row["timestamp"])) if found else None

    def _rows(
        self, tables: Mapping[str, Any] | tuple[str, ...], column: str, value: str
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """From each file the latest row of one of the tables that has the value in the column."""
        if not self._segments:
            return
        needle = orjson.dumps(value)
        with self._lock:
            lines = [line for segment in self._segments for line in _latest(segment, needle, tables, column, value)]
        yield from lines


def _latest(
    segment: Segment, needle: bytes, tables: Mapping[str, Any] | tuple[str, ...], column: str, value: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for table, line in segment.lines_with(needle, [name.encode() for name in tables]):
        try:
            row = orjson.loads(line)
        except ValueError:
            continue
        if row.get(column) == value:
            yield table, row
            return
