"""Rows into tables, for as long as it takes: through outages, moved databases, and rows that the database does not take.

While nothing answers, rows wait. Where the database answers and a batch keeps failing, whatever the reason, the batch is
divided until the rows at fault stand alone. A row that is wrong in itself is set aside at once. Any other one stands aside, so
that the rest goes on, is tried again alone, and is set aside when the database has taken others of its table meanwhile. Where
it takes none of a table, that is not the rows' fault: they wait.
"""

from __future__ import annotations

import enum
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tensorzero.clickhouse.division import Division
from tensorzero.clickhouse.errors import DatabaseUnavailable, QueryRefused, SpoolError, StorageError
from tensorzero.clickhouse.link import Link
from tensorzero.clickhouse.orphans import Orphans
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.refused import REFUSAL_CODES, set_aside
from tensorzero.clickhouse.replay import InsertUnderWay, complete
from tensorzero.clickhouse.schema_tables import TABLES
from tensorzero.clickhouse.segment import Row, Segment, encode_record
from tensorzero.clickhouse.stubborn import Stubborn
from tensorzero.clickhouse.tables import delivery_rank

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
SUCCESSION_SECONDS = 0.1
PATIENCE = 3
"""So many times in a row a holder may be gone before it counts as a failure: each time its successor is looked for."""
WHOLE_ATTEMPTS = 2
"""So many times a batch is tried whole before it is divided; one whose attempt takes `DEAR_SECONDS`, once."""
DEAR_SECONDS = 1.0
STRIKES = 3
"""So many rows of a table may fail alone, none going through meanwhile, before that is put down to the database."""

_SCHEMA = {table.name for table in TABLES}
_GONE_CODES = (60, 81)
"""UNKNOWN_TABLE, UNKNOWN_DATABASE: of a table of the schema, it says that the database was replaced."""
_ALIVE = Query("SELECT 1 AS alive")

logger = logging.getLogger("tensorzero")


class Cause(enum.Enum):
    """What a failed attempt says."""

    OUTAGE = "nothing answers"
    HOLDER_GONE = "the process that held the chdb directory ended during the call"
    ROWS = "the database answers, and did not take these rows"
    WRONG_ROW = "the rows themselves are wrong"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt, and how long it took."""

    cause: Cause
    error: Exception
    seconds: float

    @property
    def reason(self) -> str:
        return self.error.message if isinstance(self.error, StorageError) else f"{type(self.error).__name__}: {self.error}"


class Delivery:
    """Used by one thread. `pause(seconds)` waits for another try, or raises to end it; `failed()` hears of failures.

    `set_apart` keeps a record in a file of its own (None: a database in memory has no files).
    """

    def __init__(
        self,
        link: Link,
        orphans: Orphans,
        pause: Callable[[float], None],
        failed: Callable[[], None],
        set_apart: Callable[[bytes], Segment] | None = None,
    ) -> None:
        self.last_error: str | None = None
        self.last_refusal: str | None = None
        self.refused_rows = 0
        self.directory: Path | None = None
        self.stubborn: list[Stubborn] = []
        self.apart = 0
        """How many rows stand aside, of batches that are delivered otherwise."""
        self._link = link
        self._orphans = orphans
        self._pause = pause
        self._failed = failed
        self._set_apart = set_apart
        self._taken: Counter[str] = Counter()
        self._strikes: Counter[str] = Counter()

    @property
    def place(self) -> str:
        """Where rows wait, in words."""
        return f"the spool `{self.directory}`" if self.directory else "memory"

    def deliver(self, rows: Iterable[Row], *, ask: bool) -> None:
        """Every row is in the database, set aside, or stands aside when this returns. `ask`: some may be there already."""
        groups: dict[str, list[bytes]] = {}
        for table, line in rows:
            groups.setdefault(table, []).append(line)
        for table in sorted(groups, key=delivery_rank):
            self._deliver_table(table, groups[table], ask=ask)
        self.apart = len(self.stubborn)

    def _deliver_table(self, table: str, lines: list[bytes], *, ask: bool) -> None:
        """After any failure the database is asked what it has."""
        division, failures = Division(lines), 0
        pause, patience = FIRST_PAUSE_SECONDS, PATIENCE
        taken: int | None = None
        while part := division.part:
            failure = self._attempt(table, part, ask=ask)
            if failure is None:
                division.went_through()
                self._note_success(table)
                pause = FIRST_PAUSE_SECONDS
                continue
            ask = True
            taken = self._taken[table] if taken is None else taken
            cause = failure.cause
            if cause is Cause.HOLDER_GONE:
                if patience:
                    patience -= 1
                    self._pause(SUCCESSION_SECONDS)
                    continue
                cause = self._cause_of_silence()
            if cause is Cause.ROWS:
                failures += WHOLE_ATTEMPTS if failure.seconds >= DEAR_SECONDS else 1
            if cause is Cause.WRONG_ROW or (cause is Cause.ROWS and failures >= WHOLE_ATTEMPTS):
                if len(part) > 1:
                    division.divide()
                    if cause is Cause.ROWS:
                        self._pause(pause if self._strikes[table] >= STRIKES else FIRST_PAUSE_SECONDS)
                    continue
                if self._put_by(table, part[0], failure, taken):
                    division.take_out()
                    continue
                division.put_off()
                failures = 0
            self.note_failure(failure.reason)
            self._pause(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _attempt(self, table: str, lines: list[bytes], *, ask: bool) -> Failure | None:
        """One insert."""
        began = time.monotonic()
        try:
            connection = self._link.connection()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the rows stay and the thread lives
            return Failure(Cause.OUTAGE, error, time.monotonic() - began)
        cause = Cause.ROWS
        try:
            if ask:
                complete(connection, self._link.address.database, table, lines)
            else:
                connection.insert(table, b"\n".join(lines))
        except InsertUnderWay as error:
            cause, caught = Cause.OUTAGE, error
        except QueryRefused as error:
            caught = error
            if error.code in _GONE_CODES and table in _SCHEMA:
                self._link.check_schema_again()
            elif error.code in REFUSAL_CODES:
                cause = Cause.WRONG_ROW
            if cause is Cause.ROWS:
                self._link.lost(connection)
        except DatabaseUnavailable as error:
            caught = error
            cause = Cause.HOLDER_GONE if self._link.lost(connection) else self._cause_of_silence()
        except Exception as error:  # noqa: BLE001 - as above
            caught = error
        else:
            return None
        return Failure(cause, caught, time.monotonic() - began)

    def _cause_of_silence(self) -> Cause:
        """A call was cut off: whether the database answers at all."""
        try:
            self._link.connection().fetch(_ALIVE)
        except Exception:  # noqa: BLE001 - it does not
            return Cause.OUTAGE
        return Cause.ROWS

    def _put_by(self, table: str, line: bytes, failure: Failure, taken: int) -> bool:
        """The row failed alone: set it aside, or let it stand aside. False when it has to be tried again with the others.

        `taken`: how many inserts into the table had succeeded when the batch first failed.
        """
        if failure.cause is Cause.WRONG_ROW:
            return self._set_aside(table, line, failure.reason, "")
        self._strikes[table] += 1
        if self._strikes[table] >= STRIKES:
            return False
        segment: Segment | None = None
        if self._set_apart is not None:
            try:
                segment = self._set_apart(encode_record([table.encode() + b"\t" + line + b"\n"]))
            except (OSError, SpoolError):
                return False
            self._orphans.stand_aside(segment)
        logger.warning(
            "%s does not take a row of %s: it stands aside, and is tried again (%s)", self._link.where, table, failure.reason
        )
        row = Stubborn(table, line, segment, failure.reason, taken)
        row.postpone(failure.seconds)
        self.stubborn.append(row)
        return True

    def seconds_till_due(self, most: float) -> float:
        """Until the next row that stands aside is to be tried, `most` at most."""
        now = time.monotonic()
        return max(0.0, min([most, *(row.due - now for row in self.stubborn)]))

    def try_stubborn(self) -> None:
        """Try the rows that stand aside whose time has come, each alone."""
        for row in list(self.stubborn):
            if row.due > time.monotonic():
                continue
            failure = self._attempt(row.table, [row.line], ask=True)
            if failure is None:
                self._note_success(row.table)
                self._let_go(row)
                continue
            row.postpone(failure.seconds)
            cause = self._cause_of_silence() if failure.cause is Cause.HOLDER_GONE else failure.cause
            if cause is Cause.WRONG_ROW:
                gone = self._set_aside(row.table, row.line, failure.reason, "")
            elif cause is Cause.ROWS and row.failed(failure.error, self._taken[row.table]):
                tries = f" {row.attempts} times, while it took others of that table"
                gone = self._set_aside(row.table, row.line, failure.reason, tries)
            else:
                gone = False
            if gone:
                self._let_go(row)

    def _let_go(self, row: Stubborn) -> None:
        self.stubborn.remove(row)
        self.apart = len(self.stubborn)
        if row.segment is not None:
            self._orphans.taken(row.segment)

    def _set_aside(self, table: str, line: bytes, reason: str, tries: str) -> bool:
        try:
            place = set_aside(self.directory, table, line, f"{reason} (refused{tries})" if tries else reason)
        except OSError as failure:
            self.note_failure(f"A refused row could not be set aside: {failure}")
            return False
        self.refused_rows += 1
        self.last_refusal = reason
        logger.error("ClickHouse refused a row of %s%s; it is kept in %s: %s", table, tries, place, reason)
        return True

    def note_failure(self, reason: str) -> None:
        """Say it once in the log, until something succeeds again."""
        if self.last_error is None:
            logger.warning(
                "Rows wait in %s: %s does not take them (%s). They are written when it does.",
                self.place,
                self._link.where,
                reason,
            )
        self.last_error = reason
        self._failed()

    def _note_success(self, table: str) -> None:
        self._taken[table] += 1
        self._strikes[table] = 0
        if self.last_error is not None:
            logger.warning("%s takes rows again", self._link.where)
            self.last_error = None
