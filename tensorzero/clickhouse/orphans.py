"""Spool files of dead processes, taken over by this one until their rows are delivered; and this one's rows that stand aside.

What they hold counts as stored. It is looked for in the files as they lie there: a database opens at once, however many rows an
outage has left behind.
"""

from __future__ import annotations

import logging
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
    """Answers the same questions as `PendingTargets`. Every change is one step: no lock is needed."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._apart: list[Segment] = []
        self._unreadable: set[Path] = set()

    def __bool__(self) -> bool:
        return bool(self._segments)

    def claim(self, directory: Path) -> None:
        """Take over what has lost its process since the last call."""
        self._segments.extend(claim_orphans(directory))

    def segments(self) -> list[Segment]:
        """What is to be delivered."""
        return list(self._segments)

    def stand_aside(self, segment: Segment) -> None:
        """Rows that the database does not take now: found here, until `taken`."""
        self._apart.append(segment)

    def taken(self, segment: Segment) -> None:
        """The rows that stood aside are in the database, or set aside for good: their file goes."""
        self._apart.remove(segment)
        segment.remove()

    def delivered(self, segment: Segment) -> None:
        """All its rows are in the database: the file goes."""
        self._segments.remove(segment)
        segment.mark(segment.read_to)
        segment.remove()

    def give_back(self, segment: Segment, error: OSError) -> None:
        """It cannot be read now, which the log says once; whoever looks for orphans next may try again."""
        if segment.path not in self._unreadable:
            logger.warning("The spool file `%s` cannot be read now: %s", segment.path, error)
        self._unreadable.add(segment.path)
        self._segments.remove(segment)
        segment.release()

    def release(self) -> None:
        """Let go of all files, in a process that ends or in a forked child."""
        for segment in self._all():
            segment.release()

    def _all(self) -> list[Segment]:
        return [*self._segments, *self._apart]

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
        segments = self._all()
        if segments:
            needle = orjson.dumps(value)
            for segment in segments:
                yield from _latest(segment, needle, tables, column, value)


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
