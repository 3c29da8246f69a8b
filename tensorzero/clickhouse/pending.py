"""Rows that were accepted and are not in the database yet, and count as if they were.

Feedback on a pending inference is as good as on a stored one; a pending cache entry is a hit.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Mapping
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


class PendingTargets:
    """Targets by inference and by episode, cache entries by key, forgotten in the order of writing.

    The caller holds a lock while changing it.
    """

    def __init__(self) -> None:
        self._inferences: dict[str, Known] = {}
        self._episodes: dict[str, str] = {}
        self._order: deque[tuple[int, str]] = deque()
        self._entries: dict[str, Mapping[str, Any]] = {}
        self._entry_order: deque[tuple[int, str, Mapping[str, Any]]] = deque()

    def add(self, position: int, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Remember the inferences and cache entries among `rows` until `forget(position)`."""
        for table, row in rows:
            if table in TARGET_TABLES:
                inference_id = str(row["id"])
                known = self._inferences[inference_id] = known_row(table, row)
                self._episodes[known[3]] = inference_id
                self._order.append((position, inference_id))
            elif table == CACHE_TABLE:
                key = str(row["long_cache_key"])
                self._entries[key] = row
                self._entry_order.append((position, key, row))

    def forget(self, position: int) -> None:
        """Everything up to `position` is in the database."""
        while self._order and self._order[0][0] <= position:
            inference_id = self._order.popleft()[1]
            known = self._inferences.pop(inference_id, None)
            if known and self._episodes.get(known[3]) == inference_id:
                del self._episodes[known[3]]
        while self._entry_order and self._entry_order[0][0] <= position:
            _, key, row = self._entry_order.popleft()
            if self._entries.get(key) is row:  # a later one under the same key stays
                del self._entries[key]

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
