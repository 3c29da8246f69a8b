"""Rows from the spool to the database: one thread for each database, in batches, in order, for as long as an outage lasts."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tensorzero.clickhouse.delivery import Delivery
from tensorzero.clickhouse.engine import expect_release
from tensorzero.clickhouse.errors import DatabaseUnavailable, StorageError
from tensorzero.clickhouse.guard import Bell, Wake
from tensorzero.clickhouse.leaving import finish_here
from tensorzero.clickhouse.link import Link
from tensorzero.clickhouse.orphans import Orphans
from tensorzero.clickhouse.segment import Batch, Segment
from tensorzero.clickhouse.spool import Rows, RowStore, Spool
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
NESTED_SECONDS = 5.0
"""A call that interrupted another one waits no longer for delivery, which may need what the other one has taken."""

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
    """Delivers what `store` holds, and what dead processes left in `directory`. Thread-safe.

    A caller's call may be interrupted anywhere, or called again by a signal handler: every change of state is one step, and the
    thread that delivers never waits for what a caller holds.
    """

    def __init__(self, store: RowStore, link: Link, directory: Path | None, *, delivers: bool = True) -> None:
        self.pending = store.pending
        self.orphans = Orphans()
        set_apart = store.set_apart if isinstance(store, Spool) else None
        self.delivery = Delivery(link, self.orphans, self._pause, self._note_attempt, set_apart)
        self.delivery.directory = directory
        self._store = store
        self._link = link
        self._delivers = delivers
        self._changed = Bell()
        self._wake = Wake()
        self._starts = itertools.count()
        self._idle = False
        self._last_batch = 0
        self._attempts = 0
        self._hurry = False
        self._stopping = False
        self._abandoned = False
        self._ended = False
        self._running = False
        self._thread: threading.Thread | None = None
        self._scanned = -SCAN_SECONDS

    @property
    def directory(self) -> Path | None:
        """Where rows wait. A database in memory gets one before a fork: children leave their rows there."""
        return self.delivery.directory

    @directory.setter
    def directory(self, directory: Path) -> None:
        self.delivery.directory = directory

    # What callers use

    def write(self, record: bytes, rows: Rows) -> bool:
        """Keep one record; False when this writer was stopped. Raises SpoolError: then nothing of it is kept."""
        if self._stopping:
            return False
        waiting = self._store.append(record, rows)
        if not waiting:
            return False
        if self._idle or waiting * len(rows) >= BATCH_ROWS:
            self._wake.set()
        if not self._running:
            self.start()
        return True

    def start(self) -> None:
        """See that the thread runs; in a process that may not deliver, or that ends, do nothing."""
        thread = self._thread
        if self._running or not self._delivers or self._stopping or sys.is_finalizing():
            return
        if thread is None or not thread.is_alive():
            self._thread = thread = threading.Thread(target=self._run, name="tensorzero-writer", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no thread to be had, or the interpreter is ending: the rows are kept
                self.delivery.note_failure(f"no thread could be started: {error}")

    def flush(self, timeout: float | None = None, *, all_rows: bool = True) -> None:
        """Wait until every row accepted before this call is in the database, or set aside.

        Raises DatabaseUnavailable when an attempt made meanwhile fails, or when `timeout` seconds pass. Rows that stand aside
        (delivery.py) count only with `all_rows`.
        """
        if not self._delivers:
            return
        goal, attempts = self._store.goal(), self._attempts
        if not self._reached(goal):
            self._check_waiting()
            nested = self._store.guard.mine or self._link.nested
            if nested:
                timeout = NESTED_SECONDS if timeout is None else min(timeout, NESTED_SECONDS)
            until = None if timeout is None else time.monotonic() + timeout
            self.start()
            self._hurry = True
            self._wake.set()
            while (reason := self._await(goal, attempts, until)) is not None:
                try:
                    if not reason and not nested:
                        self._link.probe()
                except DatabaseUnavailable as error:
                    reason = error.message
                if reason:
                    raise self._unavailable(reason)
        if all_rows and self.delivery.stubborn:
            raise self._unavailable(self.delivery.stubborn[0].reason)

    def _check_waiting(self) -> None:
        """Whether this thread can wait for the one that delivers."""
        if threading.current_thread() is self._thread:
            raise self._unavailable("this call comes from within the delivery, from a finalizer for example")
        if sys.is_finalizing():
            raise self._unavailable("the interpreter is ending")

    def _unavailable(self, reason: str) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"{self.waiting_rows} rows are not in the database yet: {reason}",
            hint="They are kept, and written as soon as the database takes them.",
        )

    def _await(self, goal: Any, attempts: int, until: float | None) -> str | None:
        """Wait for a while: None when `goal` is reached, why it is not, or nothing known yet (empty)."""
        seconds = PROBE_SECONDS if until is None else min(PROBE_SECONDS, until - time.monotonic())
        self._changed.wait_for(lambda: self._reached(goal) or self._attempts > attempts or self._over, seconds)
        if self._reached(goal):
            return None
        if self._attempts > attempts or self._over:
            return self.delivery.last_error or "closed"
        return "the flush took too long" if seconds < PROBE_SECONDS else ""

    def _reached(self, goal: Any) -> bool:
        return self._store.reached(goal) and not self.orphans

    @property
    def _over(self) -> bool:
        return self._stopping or self._ended

    @property
    def waiting_rows(self) -> int:
        """Acknowledged, and neither in the database nor set aside."""
        return self.pending.rows + self.delivery.apart

    def stop(self, timeout: float) -> bool:
        """Deliver what can be delivered within `timeout` seconds, then end the thread; False when it is stuck in a call.

        It lets go of everything by itself then, when the call ends. May be called again after it was interrupted.
        """
        until = time.monotonic() + timeout
        if self._thread is not None and not self._stopping:
            try:
                self.flush(timeout)
            except StorageError as error:
                if self.waiting_rows:
                    logger.warning(
                        "%d rows wait in %s for the next start: %s", self.waiting_rows, self.delivery.place, error.message
                    )
        self._stopping = True
        self._changed.ring()
        self._wake.set()
        if not self._leave(until):
            expect_release()
            if self._thread is not None:
                _abandoned_threads.append(self._thread)
            return False
        self._store.close()
        return True

    def _leave(self, until: float) -> bool:
        """Wait for the end of the thread; False when it is to close everything itself."""
        thread = self._thread
        if thread is None:
            return True
        if thread is threading.current_thread():
            self._abandoned = True
            return False
        if thread.is_alive() and not sys.is_finalizing():
            thread.join(max(0.1, until - time.monotonic()) + 0.5)
        if self._ended or not (self._running or thread.is_alive()):
            return True
        self._abandoned = True
        return self._ended  # it may have ended before it could see that

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
            self._wake.set()
            if self._thread is not None:
                _abandoned_threads.append(self._thread)

    # The thread

    def _run(self) -> None:
        if next(self._starts):
            return  # there is another thread, whose start was interrupted and seemed to have failed
        self._thread = threading.current_thread()
        self._running = True
        finish_here()
        try:
            if self._stopping and not self._abandoned:
                return  # stopped before it could begin
            while not self._turn():
                self._wake.clear()
                self._gather_batch()
        except Stopped:
            return
        finally:
            self.orphans.release()
            self._ended = True
            self._changed.ring()
            if self._abandoned:
                try:
                    self._link.close()
                finally:  # whoever sees the files gone may take the chdb directory
                    self._store.close()

    def _turn(self) -> bool:
        """Deliver what there is, or wait for it; True when the thread is to end."""
        try:
            if self.directory and time.monotonic() - self._scanned >= SCAN_SECONDS:
                self._scanned = time.monotonic()
                self.claim()
            self._deliver_orphans()
            self.delivery.try_stubborn()
            if not self._deliver_own():
                if self._stopping:
                    return True
                self._rest()
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows are kept and the thread lives
            self.delivery.note_failure(f"{type(error).__name__}: {error}")
            self._pause(1.0)
        return False

    def _rest(self) -> None:
        """Until a row comes; every now and then dead processes and rows that stand aside are looked after."""
        self._store.tidy()
        self._idle = True
        try:
            if not self._store.unread():  # a row may have come while nobody was to be woken
                self._wake.wait(self.delivery.seconds_till_due(SCAN_SECONDS))
        finally:
            self._idle = False

    def _gather_batch(self) -> None:
        """Let a batch come together: a fifth of a second, a second under load; less when it is full or somebody waits."""
        if self._hurry or self._stopping or not self._store.unread() or self.pending.rows >= BATCH_ROWS:
            return
        self._wake.wait(BUSY_BATCH_SECONDS if self._last_batch >= BUSY_ROWS else BATCH_SECONDS)
        self._wake.clear()

    def _deliver_own(self) -> bool:
        """Everything that waits now; False when there was nothing. Rows that come meanwhile make the next batch."""
        found, delivered = False, 0
        until = self._store.goal()
        while not found or not self._store.reached(until):
            batch = self._read_own()
            if batch is None:
                break
            found = True
            self.delivery.deliver(batch.rows, ask=False)
            delivered += len(batch.rows)
            self._store.settle(batch)
            self._changed.ring()
        if not self._store.unread():
            self._hurry = False
        self._last_batch = delivered
        return found

    def _read_own(self) -> Batch | None:
        while True:
            try:
                return self._store.read(BATCH_ROWS)
            except OSError as error:
                self.delivery.note_failure(f"The spool cannot be read: {error}")
                self._pause(1.0)

    def claim(self) -> None:
        """Take over files of dead processes; from then on feedback on their inferences is accepted."""
        if self.directory is not None:
            self.orphans.claim(self.directory)

    def _deliver_orphans(self) -> None:
        """Inferences of all files first, then the feedback: it may be about another file's inferences."""
        if not self.orphans:
            return
        time.sleep(ARRIVAL_SECONDS)
        segments = self.orphans.segments()
        for inferences in (True, False):
            for segment in list(segments):
                try:
                    self._deliver_orphan(segment, inferences=inferences)
                except OSError as error:
                    segments.remove(segment)
                    self.orphans.give_back(segment, error)
        for segment in segments:
            self.orphans.delivered(segment)
        self._changed.ring()

    def _deliver_orphan(self, segment: Segment, *, inferences: bool) -> None:
        segment.rewind()
        while (batch := segment.read(BATCH_ROWS)) is not None:
            rows = [row for row in batch.rows if (row[0] in INFERENCE_TABLES) is inferences]
            self.delivery.deliver(rows, ask=True)

    def _note_attempt(self) -> None:
        """An attempt has failed: whoever waits for delivery is told."""
        self._attempts += 1
        self._changed.ring()

    def _pause(self, seconds: float) -> None:
        """Wait before another try; a flush or a stop ends it early."""
        if self._stopping:
            raise Stopped
        self._wake.wait(seconds)
        if self._stopping:
            raise Stopped
