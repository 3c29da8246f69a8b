"""Where a frame is read from, and how it is handed over."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from tensorzero.clickhouse.queries.frame_query import FrameQuery
from tensorzero.clickhouse.queries.selection import Selection
from tensorzero.clickhouse.query import Query
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.frames.arrow_types import named_table, pandas_frame
from tensorzero_notebook.frames.filters import DefaultLimit
from tensorzero_notebook.nearest import did_you_mean

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Database
    from tensorzero.gateway.config.sections import MetricConfig

Kind = Literal["pandas", "arrow"]
KINDS = get_args(Kind)


class FrameCut(UserWarning):
    """The limit left rows out."""


class NoRows(UserWarning):
    """Nothing fits, and the configuration does not know the function that was named."""


class Source:
    """Where a frame is read from: the given database, or the notebook's session."""

    def __init__(self, database: Database | None, as_: str) -> None:
        if as_ not in KINDS:
            raise UserError(f'as_ must be "pandas" or "arrow", not {as_!r}.')
        if isinstance(database, str):
            raise UserError("database is a Database, not its URL.", hint="database=Database.open(…)")
        self._session: Any = None
        if database is None:
            from tensorzero_notebook.session import current_session

            self._session = current_session()
            database = self._session.database
        if database is None:
            raise UserError(
                "There is no database to read from.", hint="Set TENSORZERO_CLICKHOUSE_URL, or pass database=Database.open(…)."
            )
        self.database = database

    def rows(self, query: Query) -> list[dict[str, Any]]:
        return self.database.query(query)

    def metrics(self) -> dict[str, MetricConfig]:
        return dict(self._session.config.metrics) if self._session is not None and self._session.config is not None else {}

    def read(self, query: FrameQuery, count: Any, chosen: Selection, asked: int | None, what: str) -> Made:
        """Run it; say aloud when a limit that the caller did not ask for left rows out."""
        table = named_table(self.database.arrow(query.query), query.columns)
        limit = chosen.limit
        total = table.num_rows
        if limit is not None and total >= limit:
            total = int(self.rows(count())[0]["total"])
        if not total:
            self._doubt(chosen.functions)
        if total > table.num_rows and isinstance(asked, DefaultLimit):
            warnings.warn(
                f"{table.num_rows:,} of {total:,} {what}: the newest ones. limit=None reads all.", FrameCut, stacklevel=4
            )
        attributes = {
            "query": query.query.sql,
            "parameters": dict(query.query.parameters),
            "rows": table.num_rows,
            "total": total if limit is not None else table.num_rows,
            "cut": total > table.num_rows,
        }
        return Made(table, attributes)

    def _doubt(self, functions: Sequence[str]) -> None:
        """A function that is in no configuration may have rows all the same; where it has none, it is a mistake."""
        config = self._session.config if self._session is not None else None
        if config is None:
            return
        unknown = [name for name in functions if name not in config.functions]
        if unknown:
            near = did_you_mean(unknown[0], config.functions)
            told = f"No rows, and the configuration has no function {', '.join(unknown)}. {near}"
            warnings.warn(told.strip(), NoRows, stacklevel=5)


class Made:
    def __init__(self, table: Any, attributes: dict[str, Any]) -> None:
        self.table = table
        self._attributes = attributes

    def delivered(self, as_: str, columns: Sequence[str] | None) -> Any:
        """In the order of `columns`, where given, as pandas or Arrow."""
        table = self.table if columns is None else self.table.select(list(columns))
        if as_ == "arrow":
            return table
        frame = pandas_frame(table)
        frame.attrs.update(self._attributes)
        return frame


def database_or_current(database: Database | None) -> Database:
    """The given database, else that of the notebook's session. Raises `UserError` where there is neither."""
    return Source(database, "pandas").database
