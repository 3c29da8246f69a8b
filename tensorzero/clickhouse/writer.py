"""Rows from the spool to the database: one thread for each database, in batches, in order, for as long as an outage lasts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorzero.clickhouse.delivery import Delivery
from tensorzero.clickhouse.engine import expect_release
from tensorzero.clickhouse.errors import DatabaseUnavailable, StorageError
from tensorzero.clickhouse.leaving import finish_here
from tensorzero.clickhouse.link import Link
from tensorzero.clickhouse.orphans import Orphans
from tensorzero.clickhouse.pending import PendingTargets
from tensorzero.clickhouse.segment import Batch, Segment
from tensorzero.clickhouse.spool import RowStore, Spool
from tensorzero.clickhouse.tables import INFERENCE_TABLES

BATCH_ROWS = 10_000
"""At most; the bytes of a spool file bound it too. An insert costs much, a row little: 85 us in 1,000 rows, 20 in 10,000."""
BATCH_SECONDS = 0.2
BUSY_ROWS, BUSY_BATCH_SECONDS = 100, 1.0
"""After a batch of that many rows the next one may take longer to come together."""
SCAN_SECONDS = 2.0
ARRIVAL_SECONDS = 0.5
"""How long bytes that a dead process sent may take until the database has begun what they ask for."""
PROBE_SECONDS = 2.0
"""Whoever waits for delivery asks this often whether the database still answers at all: an insert would wait for minutes."""

logger = logging.getLogger("tensorzero")


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
        self.orphans = Orphans()
        self.delivery = Delivery(link, self._pause, self._note_attempt)
        self.delivery.directory = directory
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
        self._ended = False
        self._thread: threading.Thread | None = None

    @property
    def directory(self) -> Path | None:
        """Where rows wait. A database in memory gets one before a fork: children leave their rows there."""
        return self.delivery.directory

    @directory.setter
    def directory(self, directory: Path) -> None:
        self.delivery.directory = directory

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
                return self.delivery.last_error or "closed"
            return "the flush took too long" if seconds < PROBE_SECONDS else ""

    def _reached(self, goal: int) -> bool:
        return self._settled >= goal and not self.orphans

    @property
    def waiting_rows(self) -> int:
        return self._written - self._settled

    def stop(self, timeout: float) -> bool:
        """Deliver what can be delivered within `timeout` seconds, then end the thread; False when it is stuck in a call.

        It lets go of everything by itself then, when the call ends.
        """
        until = time.monotonic() + timeout
        if self._thread is not None:
            try:
                self.flush(timeout)
            except StorageError as error:
                if self.waiting_rows:
                    logger.warning(
                        "%d rows wait in %s for the next start: %s", self.waiting_rows, self.delivery.place, error.message
                    )
        with self._lock:
            self._stopping = True
            self._changed.notify_all()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(max(0.1, until - time.monotonic()) + 0.5)
            with self._lock:
                self._abandoned = not self._ended
            if self._abandoned:
                expect_release()
                _abandoned_threads.append(self._thread)
                return False
        self._store.close()
        return True

    def forget_after_fork(self) -> None:
        """In a forked child: close the parent's files without touching their locks. This writer is not used again."""
        self.orphans.release()
        if isinstance(self._store, Spool):
            self._store.forget_after_fork()

    def abandon(self) -> None:
        """Its database was dropped: the thread delivers what it can, then closes everything. No lock: collectors call it."""
        if not self._stopping:
            expect_release()
            self._abandoned = self._stopping = True
            if self._thread is not None:
                _abandoned_threads.append(self._thread)

    # The thread

    def _run(self) -> None:
        finish_here()
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
            self.orphans.release()
            with self._lock:
                self._ended = True
            if self._abandoned:
                try:
                    self._link.close()
                finally:  # whoever sees the files gone may take the chdb directory
                    self._store.close()

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
                self.delivery.deliver(batch.rows, ask=False)
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
                self.delivery.note_failure(StorageError(f"The spool cannot be read: {error}"))
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
        logger.error(
            "%d rows in %s cannot be read any more; what is left of the file is kept as .damaged", lost, self.delivery.place
        )

    def claim(self) -> None:
        """Take over files of dead processes; from then on feedback on their inferences is accepted."""
        if self.directory is not None:
            self.orphans.claim(self.directory)

    def _deliver_orphans(self) -> None:
        """Inferences of all files first, then the feedback: it may be about another file's inferences."""
        if not self.orphans:
            return
        time.sleep(ARRIVAL_SECONDS)
        for inferences in (True, False):
            for segment in self.orphans.segments():
                try:
                    self._deliver_orphan(segment, inferences=inferences)
                except OSError as error:
                    self.orphans.give_back(segment, error)
        for segment in self.orphans.segments():
            self.orphans.delivered(segment)
        with self._lock:
            self._changed.notify_all()

    def _deliver_orphan(self, segment: Segment, *, inferences: bool) -> None:
        segment.rewind()
        while (batch := segment.read(BATCH_ROWS)) is not None:
            rows = [row for row in batch.rows if (row[0] in INFERENCE_TABLES) is inferences]
            self.delivery.deliver(rows, ask=True)

    def _note_attempt(self) -> None:
        """An attempt has failed: whoever waits for delivery is told."""
        with self._lock:
            self._attempts += 1
            self._changed.notify_all()

    def _pause(self, seconds: float) -> None:
        """Wait before another try; a flush or a stop ends it early."""
        if self._stopping:
            raise Stopped
        self._wake.wait(seconds)
        self._wake.clear()
        if self._stopping:
            raise Stopped
