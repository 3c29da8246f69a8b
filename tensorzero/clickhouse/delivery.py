"""Rows into tables, for as long as it takes: through outages, moved databases and rows that ClickHouse refuses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from tensorzero.clickhouse.errors import DatabaseUnavailable, QueryRefused, StorageError
from tensorzero.clickhouse.link import Link
from tensorzero.clickhouse.refused import REFUSAL_CODES, set_aside
from tensorzero.clickhouse.replay import complete
from tensorzero.clickhouse.schema_tables import TABLES
from tensorzero.clickhouse.segment import Row
from tensorzero.clickhouse.tables import delivery_rank

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
SUCCESSION_SECONDS = 0.1
PATIENCE = 3
"""So many times in a row a holder may be gone before it counts as a failure: each time its successor is looked for."""

_SCHEMA = {table.name for table in TABLES}
_GONE_CODES = (60, 81)
"""UNKNOWN_TABLE, UNKNOWN_DATABASE: of a table of the schema, it says that the database was replaced."""

logger = logging.getLogger("tensorzero")


class HolderGone(DatabaseUnavailable):
    """The process that held the chdb directory ended during a call."""


class Delivery:
    """Used by one thread. `pause(seconds)` waits for another try, or raises to end it; `failed()` hears of failures."""

    def __init__(self, link: Link, pause: Callable[[float], None], failed: Callable[[], None]) -> None:
        self.last_error: str | None = None
        self.last_refusal: str | None = None
        self.refused_rows = 0
        self.directory: Path | None = None
        self._link = link
        self._pause = pause
        self._failed = failed

    @property
    def place(self) -> str:
        """Where rows wait, in words."""
        return f"the spool `{self.directory}`" if self.directory else "memory"

    def deliver(self, rows: Iterable[Row], *, ask: bool) -> None:
        """Every row is in the database, or set aside, when this returns. `ask`: some may be there already."""
        groups: dict[str, list[bytes]] = {}
        for table, line in rows:
            groups.setdefault(table, []).append(line)
        for table in sorted(groups, key=delivery_rank):
            self._deliver_table(table, groups[table], ask=ask)

    def _deliver_table(self, table: str, lines: list[bytes], *, ask: bool) -> None:
        """After any failure the database is asked what it has."""
        pause, patience = FIRST_PAUSE_SECONDS, PATIENCE
        while True:
            try:
                refused = self._attempt(table, lines, ask=ask)
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, the rows stay and the thread lives
                ask = True
                if isinstance(error, HolderGone) and patience:
                    patience -= 1
                    self._pause(SUCCESSION_SECONDS)
                    continue
                self.note_failure(error)
                self._pause(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            if refused is None:
                self._note_success()
                return
            ask = True
            if len(lines) > 1:
                middle = len(lines) // 2
                self._deliver_table(table, lines[:middle], ask=True)
                self._deliver_table(table, lines[middle:], ask=True)
                return
            if self._set_aside(table, lines[0], refused):
                return

    def _attempt(self, table: str, lines: list[bytes], *, ask: bool) -> QueryRefused | None:
        """One insert; the refusal when the rows themselves are wrong. Raises StorageError for what may pass."""
        connection = self._link.connection()
        try:
            if ask:
                complete(connection, self._link.address.database, table, lines)
            else:
                connection.insert(table, b"\n".join(lines))
        except QueryRefused as error:
            if error.code in _GONE_CODES and table in _SCHEMA:
                self._link.check_schema_again()
            elif error.code in REFUSAL_CODES:
                return error
            self._link.lost(connection)
            raise
        except DatabaseUnavailable as error:
            if self._link.lost(connection):
                raise HolderGone(error.message, hint=error.hint) from error
            raise
        return None

    def _set_aside(self, table: str, line: bytes, error: QueryRefused) -> bool:
        try:
            place = set_aside(self.directory, table, line, error.message)
        except OSError as failure:
            self.note_failure(StorageError(f"A refused row could not be set aside: {failure}"))
            self._pause(1.0)
            return False
        self.refused_rows += 1
        self.last_refusal = error.message
        logger.error("ClickHouse refused a row of %s; it is kept in %s: %s", table, place, error.message)
        return True

    def note_failure(self, error: Exception) -> None:
        """Say it once in the log, until something succeeds again."""
        reason = error.message if isinstance(error, StorageError) else f"{type(error).__name__}: {error}"
        if self.last_error is None:
            logger.warning(
                "Rows wait in %s: %s does not take them (%s). They are written when it does.",
                self.place,
                self._link.where,
                reason,
            )
        self.last_error = reason
        self._failed()

    def _note_success(self) -> None:
        if self.last_error is not None:
            logger.warning("%s takes rows again", self._link.where)
            self.last_error = None
