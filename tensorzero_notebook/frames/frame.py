"""What all frames have in common: a description of one, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorzero.clickhouse.queries.frame_query import FrameQuery
from tensorzero.clickhouse.queries.selection import Selection
from tensorzero.clickhouse.query import Query
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.frames.filters import given_ids, names
from tensorzero_notebook.frames.source import Made, Source
from tensorzero_notebook.nearest import did_you_mean


@dataclass(frozen=True, slots=True)
class Frame:
    """`rows`: what messages call them. `columns`: every column of its own. `usual`: those that come unasked; `light`: those
    of `full=False`."""

    rows: str
    columns: Mapping[str, object]
    usual: tuple[str, ...]
    light: tuple[str, ...] = ()

    def own_columns(self, wanted: tuple[str, ...] | None, full: bool = True) -> tuple[str, ...]:
        """Those that were named, else the usual ones. Raises `UserError` with the nearest name of one that is not there."""
        own = wanted if wanted is not None else self.usual if full else self.light
        unknown = [name for name in own if name not in self.columns]
        if unknown:
            near = did_you_mean(unknown[0], self.columns)
            raise UserError(f"No such column: {', '.join(unknown)}.", hint=f"{near}There are: {', '.join(self.columns)}.")
        return own

    def read(self, source: Source, query: FrameQuery, count: Callable[[], Query], chosen: Selection, limit: int | None) -> Made:
        """To be called by the public function itself: a warning points at the line that called that."""
        return source.read(query, count, chosen, limit, self.rows)


def wanted_columns(columns: Any) -> tuple[str, ...] | None:
    """The columns that were named, each once; None where none were."""
    wanted = names(columns, "columns")
    if wanted == ():
        raise UserError("columns names none.", hint="Leave it out for all of them.")
    return wanted


def split_columns(columns: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Own columns, keys of tags, names of metrics."""
    tags = tuple(name.removeprefix("tag.") for name in columns if name.startswith("tag."))
    metrics = tuple(name.removeprefix("feedback.") for name in columns if name.startswith("feedback."))
    return tuple(name for name in columns if not name.startswith(("tag.", "feedback."))), tags, metrics


def id_texts(value: Any, keyword: str) -> list[str] | None:
    found = given_ids(value, keyword)
    return None if found is None else [str(one) for one in found]
