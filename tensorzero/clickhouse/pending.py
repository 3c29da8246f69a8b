"""Rows that were accepted and are not in the database yet, and count as if they were.

Feedback on a pending inference is as good as on a stored one; a pending cache entry is a hit.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorzero.clickhouse.queries.asked import ASKED_COLUMNS
from tensorzero.clickhouse.tables import CACHE_TABLE, TARGET_TABLES


@dataclass(frozen=True, slots=True)
class Target:
    """What feedback can be about. For an episode: its latest inference."""

    function_name: str
    variant_name: str
    episode_id: uuid.UUID
    function_type: str


Known = tuple[str, str, str, str, Mapping[str, Any]]
"""Function type, function, variant and episode of an inference, and its columns of `ASKED_COLUMNS`: an outage may be long."""


STRETCH_BITS = 48
"""A position is the number of a stretch of the spool (a file from one start to the next), and an offset in it."""

Waiting = tuple[int, int, Sequence[tuple[str, Known]], Sequence[tuple[str, Mapping[str, Any]]]]
"""A record: the position of its end, its number of rows, its inferences by id, its cache entries by key."""


class PendingTargets:
    """Targets by inference and by episode, cache entries by key, forgotten as each stretch of the spool is delivered.

    Every change is one step: what one thread adds, another one can look up and forget without a lock.
    """

    def __init__(self) -> None:
        self._inferences: dict[str, Known] = {}
        self._episodes: dict[str, str] = {}
        self._entries: dict[str, Mapping[str, Any]] = {}
        self._stretches: dict[int, deque[Waiting]] = {}

    def add(self, position: int, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
        """Remember the inferences and cache entries among `rows` until `forget(position)`; how many records wait there."""
        inferences: list[tuple[str, Known]] = []
        cached: Sequence[tuple[str, Mapping[str, Any]]] = ()
        for table, row in rows:
            if table in TARGET_TABLES:
                inferences.append((str(row["id"]), known_row(table, row)))
            elif table == CACHE_TABLE:
                cached = [*cached, (str(row["long_cache_key"]), row)]
        stretch = self._stretches.get(position >> STRETCH_BITS)
        if stretch is None:
            stretch = self._stretches.setdefault(position >> STRETCH_BITS, deque())
        stretch.append((position, len(rows), inferences, cached))
        for inference_id, known in inferences:
            self._inferences[inference_id] = known
            self._episodes[known[3]] = inference_id
        for key, row in cached:
            self._entries[key] = row
        return len(stretch)

    def forget(self, position: int) -> None:
        """Everything in the stretch of `position` and up to it is in the database. One thread may do this."""
        stretch = self._stretches.get(position >> STRETCH_BITS)
        while stretch and stretch[0][0] <= position:
            _, _, inferences, cached = stretch.popleft()
            for inference_id, known in inferences:
                self._inferences.pop(inference_id, None)
                if self._episodes.get(known[3]) == inference_id:
                    self._episodes.pop(known[3], None)
            for key, row in cached:
                if self._entries.get(key) is row:  # a later one under the same key stays
                    self._entries.pop(key, None)

    def forget_stretch(self, stretch: int) -> None:
        """All of it is in the database, and nothing is added to it any more."""
        self.forget(((stretch + 1) << STRETCH_BITS) - 1)
        self._stretches.pop(stretch, None)

    def rows_within(self, start: int, end: int) -> int:
        """How many rows have their position behind `start`, and not behind `end`."""
        stretch = self._stretches.get(start >> STRETCH_BITS, ())
        return sum(waiting[1] for waiting in list(stretch) if start < waiting[0] <= end)

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return sum(waiting[1] for stretch in list(self._stretches.values()) for waiting in list(stretch))

    def cache_entry(self, long_key: str) -> Mapping[str, Any] | None:
        """The latest row of `ModelInferenceCache` under this key."""
        return self._entries.get(long_key)

    def inference(self, inference_id: uuid.UUID) -> Target | None:
        return target_of(self._inferences.get(str(inference_id)))

    def asked(self, inference_id: uuid.UUID) -> Mapping[str, Any] | None:
        """The columns of `ASKED_COLUMNS`, as they were written."""
        known = self._inferences.get(str(inference_id))
        return known[4] if known else None

    def episode(self, episode_id: uuid.UUID) -> Target | None:
        inference_id = self._episodes.get(str(episode_id))
        return target_of(self._inferences.get(inference_id)) if inference_id else None


def known_row(table: str, row: Mapping[str, Any]) -> Known:
    """What is remembered of a row of `TARGET_TABLES`."""
    function_type = TARGET_TABLES[table]
    asked = {name: row[name] for name in ASKED_COLUMNS[function_type] if name in row}
    return function_type, str(row["function_name"]), str(row["variant_name"]), str(row["episode_id"]), asked


def target_of(known: Known | None) -> Target | None:
    return Target(known[1], known[2], uuid.UUID(known[3]), known[0]) if known else None
