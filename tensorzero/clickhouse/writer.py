"""Rows from the spool to the database: one thread for each database, in batches, in order, for as long as an outage lasts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from tensorzero.clickhouse.engine import expect_release
from tensorzero.clickhouse.errors import DatabaseUnavailable, QueryRefused, StorageError
from tensorzero.clickhouse.link import Link
from tensorzero.clickhouse.pending import PendingTargets
from tensorzero.clickhouse.refused import REFUSAL_CODES, set_aside
from tensorzero.clickhouse.replay import complete
from tensorzero.clickhouse.schema_tables import TABLES
from tensorzero.clickhouse.segment import Batch, Row, Segment
from tensorzero.clickhouse.spool import RowStore, Spool, claim_orphans, segment_batches
from tensorzero.clickhouse.tables import CACHE_TABLE, INFERENCE_TABLES, TARGET_TABLES, delivery_rank

BATCH_ROWS = 1000
ORPHANED_ROWS = 2000
"""In a batch of what a dead process left: asking and inserting cost by the call more than by the row."""
BATCH_SECONDS = 0.2
BUSY_ROWS, BUSY_BATCH_SECONDS = 100, 1.0
"""After a batch of that many rows the next one may take longer to come together: an insert costs much, a row little."""
SCAN_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
ARRIVAL_SECONDS = 0.1
"""How long bytes that a dead process sent may take until the database has begun what they ask for."""
PROBE_SECONDS = 2.0
"""Whoever waits for delivery asks this often whether the database still answers at all: an insert would wait for minutes."""
PATIENCE = 3
"""So many times in a row a holder may be gone before it counts as a failure: each time its successor is looked for."""

_REMEMBERED = {*TARGET_TABLES, CACHE_TABLE}
_SCHEMA = {table.name for table in TABLES}
_GONE_CODES = (60, 81)
"""UNKNOWN_TABLE, UNKNOWN_DATABASE: of a table of the schema, it says that the database was replaced."""

logger = logging.getLogger("tensorzero")


class HolderGone(DatabaseUnavailable):
    """The process that held the chdb directory ended during a call."""


class Stopped(Exception):
    """The rest stays in the spool."""


_abandoned_threads: list[threading.Thread] = []


def join_abandoned(seconds: float) -> None:
    """Wait for the threads of dropped databases: a process that ends inside the engine would end with a crash."""
    until = time.monotonic() + seconds
    while _abandoned_threads:
        _abandoned_threads.pop().join(max(0.0, until - time.monotonic()))


class Writer:
    """Delivers what `store` holds, and what dead processes left in `directory`. Thread-safe."""

    def __init__(self, store: RowStore, link: Link, directory: Path | None, *, delivers: bool = True) -> None:
        self.pending = PendingTargets()
        self.orphans = PendingTargets()
        self.directory = directory
        self.last_error: str | None = None
        self.last_refusal: str | None = None
        self.refused_rows = 0
        self._store = store
        self._link = link
        self._delivers = delivers
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._resting = True
        self._last_batch = 0
        self._written = 0
        self._settled = 0
        self._attempts = 0
        self._hurry = False
        self._stopping = False
        self._abandoned = False
        self._claimed: list[Segment] = []
        self._thread: threading.Thread | None = None

    # What callers use

    def write(self, record: bytes, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> bool:
        """Keep one record; False when this writer was stopped. Raises SpoolError: then nothing of it is kept."""
        with self._lock:
            if self._stopping:
                return False
            self._store.append(record)
            self._written += len(rows)
            self.pending.add(self._written, rows)
            waiting = self._written - self._settled
        if self._resting and (waiting == len(rows) or waiting >= BATCH_ROWS):
            self._wake.set()
        if self._thread is None:
            self.start()
        return True

    def start(self) -> None:
        """Start the thread, once; in a process that may not deliver, do nothing."""
        with self._lock:
            if self._thread is not None or not self._delivers or self._stopping:
                return
            self._thread = threading.Thread(target=self._run, name="tensorzero-writer", daemon=True)
            self._thread.start()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every row accepted before this call is in the database.

        Raises DatabaseUnavailable when an attempt made meanwhile fails, or when `timeout` seconds pass.
        """
        if not self._delivers:
            return
        until = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            goal, attempts = self._written, self._attempts
            if self._reached(goal):
                return
            self._hurry = True
            self._wake.set()
        while True:
            reason = self._await(goal, attempts, until)
            if reason is None:
                return
            try:
                if not reason:
                    self._link.probe()
            except DatabaseUnavailable as error:
                reason = error.message
            if reason:
                raise DatabaseUnavailable(
                    f"{self._written - self._settled} rows are not in the database yet: {reason}",
                    hint="They are kept, and written as soon as the database takes them.",
                )

    def _await(self, goal: int, attempts: int, until: float | None) -> str | None:
        """Wait for a while: None when the rows up to `goal` are delivered, why they are not, or nothing known yet (empty)."""
        seconds = PROBE_SECONDS if until is None else min(PROBE_SECONDS, until - time.monotonic())
        with self._lock:
            self._changed.wait_for(
                lambda: self._reached(goal) or self._attempts > attempts or self._stopping, max(0.0, seconds)
            )
            if self._reached(goal):
                return None
            if self._attempts > attempts or self._stopping:
                return self.last_error or "closed"
            return "the flush took too long" if seconds < PROBE_SECONDS else ""

    def _reached(self, goal: int) -> bool:
        return self._settled >= goal and not self._claimed

    @property
    def waiting_rows(self) -> int:
        return self._written - self._settled

    def stop(self, timeout: float) -> bool:
        """Deliver what can be delivered within `timeout` seconds, then end the thread; False when it is stuck in a call."""
        until = time.monotonic() + timeout
        if self._thread is not None:
            try:
                self.flush(timeout)
            except StorageError as error:
                if self.waiting_rows:
                    logger.warning("%d rows wait in %s for the next start: %s", self.waiting_rows, self._place, error.message)
        with self._lock:
            self._stopping = True
            self._changed.notify_all()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(max(0.1, until - time.monotonic()) + 0.5)
            if self._thread.is_alive():
                return False
        self._store.close()
        return True

    def forget_after_fork(self) -> None:
        """In a forked child: close the parent's files without touching their locks. This writer is not used again."""
        for segment in self._claimed:
            segment.release()
        if isinstance(self._store, Spool):
            self._store.forget_after_fork()

    def abandon(self) -> None:
        """Its database was dropped: the thread delivers what it can, then closes everything. No lock: collectors call it."""
        if not self._stopping:
            expect_release()
            self._abandoned = self._stopping = True
            if self._thread is not None:
                _abandoned_threads.append(self._thread)

    @property
    def _place(self) -> str:
        return f"the spool `{self.directory}`" if self.directory else "memory"

    # The thread

    def _run(self) -> None:
        scanned = -SCAN_SECONDS
        try:
            while True:
                if self.directory and time.monotonic() - scanned >= SCAN_SECONDS:
                    self.claim()
                    scanned = time.monotonic()
                self._deliver_orphans()
                if not self._deliver_own():
                    if self._stopping:
                        return
                    if not self.waiting_rows:  # a row may have come while nobody was to be woken
                        self._wake.wait(SCAN_SECONDS)
                self._wake.clear()
                self._gather_batch()
        except Stopped:
            return
        finally:
            for segment in self._claimed:
                segment.release()
            if self._abandoned:
                self._store.close()
                self._link.close()

    def _gather_batch(self) -> None:
        """Let a batch come together: a fifth of a second, a second under load; less when it is full or somebody waits."""
        if self._hurry or self._stopping or not self.waiting_rows or self.waiting_rows >= BATCH_ROWS:
            return
        self._wake.wait(BUSY_BATCH_SECONDS if self._last_batch >= BUSY_ROWS else BATCH_SECONDS)
        self._wake.clear()

    def _deliver_own(self) -> bool:
        """Everything that waits now; False when there was nothing. Rows that come meanwhile make the next batch."""
        found = False
        self._resting = False
        first, until = self._settled, self._written
        try:
            batch: Batch | None = None
            while (not found or self._settled < until) and (batch := self._read_own()) is not None:
                found = True
                self._deliver(batch.rows, ask=False)
                with self._lock:
                    self._store.settle(batch)
                    self._settled += len(batch.rows)
                    self.pending.forget(self._settled)
                    self._changed.notify_all()
            if batch is None:
                self._write_off()
            if not self.waiting_rows:
                self._hurry = False
            self._last_batch = self._settled - first
        finally:
            self._resting = True
        return found

    def _read_own(self) -> Batch | None:
        while True:
            try:
                return self._store.read(BATCH_ROWS)
            except OSError as error:
                self._note_failure(StorageError(f"The spool cannot be read: {error}"))
                self._pause(1.0)

    def _write_off(self) -> None:
        """What was accepted and stands in no readable record any more (a disk that lost it) must not be waited for."""
        with self._lock:
            lost = self._written - self._settled
            if not lost or self._store.unread():
                return
            self._settled = self._written
            self.pending.forget(self._settled)
            self._changed.notify_all()
        logger.error("%d rows in %s cannot be read any more; what is left of the file is kept as .damaged", lost, self._place)

    def claim(self) -> None:
        """Take over files of dead processes; from then on feedback on their inferences is accepted."""
        if self.directory is None:
            return
        for segment in claim_orphans(self.directory):
            with self._lock:
                try:
                    for batch in segment_batches(segment, BATCH_ROWS):
                        self.orphans.add(1, [(table, orjson.loads(row)) for table, row in batch.rows if table in _REMEMBERED])
                except (OSError, ValueError, KeyError) as error:
                    logger.warning("The spool file `%s` cannot be read now: %s", segment.path, error)
                    segment.release()
                else:
                    self._claimed.append(segment)

    def _deliver_orphans(self) -> None:
        """Inferences of all files first, then the feedback: it may be about another file's inferences."""
        if not self._claimed:
            return
        time.sleep(ARRIVAL_SECONDS)
        segments = list(self._claimed)
        for first in (True, False):
            for segment in segments:
                for batch in self._orphaned_batches(segment):
                    rows = [row for row in batch.rows if (row[0] in INFERENCE_TABLES) is first]
                    self._deliver(rows, ask=True)
        with self._lock:
            for segment in segments:
                if segment.damaged:
                    logger.warning("The spool file `%s` is damaged; it is kept as .damaged beside it", segment.path)
                segment.mark(segment.size)
                segment.remove()
                self._claimed.remove(segment)
            self.orphans.forget(1)
            self._changed.notify_all()

    def _orphaned_batches(self, segment: Segment) -> Iterator[Batch]:
        segment.rewind()
        while True:
            try:
                batch = segment.read(ORPHANED_ROWS)
            except OSError as error:
                self._note_failure(StorageError(f"The spool file `{segment.path}` cannot be read: {error}"))
                self._pause(1.0)
                continue
            if batch is None:
                return
            yield batch

    def _deliver(self, rows: Iterable[Row], *, ask: bool) -> None:
        groups: dict[str, list[bytes]] = {}
        for table, line in rows:
            groups.setdefault(table, []).append(line)
        for table in sorted(groups, key=delivery_rank):
            self._deliver_table(table, groups[table], ask=ask)

    def _deliver_table(self, table: str, lines: list[bytes], *, ask: bool) -> None:
        """Until the rows are in the database or set aside. After any failure the database is asked what it has."""
        pause, patience = FIRST_PAUSE_SECONDS, PATIENCE
        while True:
            try:
                refused = self._attempt(table, lines, ask=ask)
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, the rows stay and the thread lives
                ask = True
                if isinstance(error, HolderGone) and patience:
                    patience -= 1
                    self._pause(ARRIVAL_SECONDS)
                    continue
                self._note_failure(error)
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
            self._note_failure(StorageError(f"A refused row could not be set aside: {failure}"))
            self._pause(1.0)
            return False
        self.refused_rows += 1
        self.last_refusal = error.message
        logger.error("ClickHouse refused a row of %s; it is kept in %s: %s", table, place, error.message)
        return True

    def _note_failure(self, error: Exception) -> None:
        reason = error.message if isinstance(error, StorageError) else f"{type(error).__name__}: {error}"
        if self.last_error is None:
            logger.warning(
                "Rows wait in %s: %s does not take them (%s). They are written when it does.",
                self._place,
                self._link.where,
                reason,
            )
        with self._lock:
            self.last_error = reason
            self._attempts += 1
            self._changed.notify_all()

    def _note_success(self) -> None:
        if self.last_error is not None:
            logger.warning("%s takes rows again", self._link.where)
            self.last_error = None

    def _pause(self, seconds: float) -> None:
        """Wait before another try; a flush or a stop ends it early."""
        if self._stopping:
            raise Stopped
        self._wake.wait(seconds)
        self._wake.clear()
        if self._stopping:
            raise Stopped
