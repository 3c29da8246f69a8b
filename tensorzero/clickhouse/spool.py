"""Rows on their way to the database: files that one process appends to and whoever comes next can finish.

`Spool.append` is one write of one record: when it returns, the rows survive the process (with `TENSORZERO_SPOOL_FSYNC=1` the
machine too). A segment is locked as long as its process lives; a file whose lock is free belongs to a dead process, and
`claim_orphans` takes it over. What a file looks like stands in layout.py.

Callers append under a guard. One thread reads and settles; it never waits long for the guard, since a signal handler that waits
for that thread may have interrupted an append.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tensorzero.clickhouse.errors import SpoolError
from tensorzero.clickhouse.guard import Guard
from tensorzero.clickhouse.pending import STRETCH_BITS, PendingTargets
from tensorzero.clickhouse.private import private_directory
from tensorzero.clickhouse.segment import HEAD, RECORD, SUFFIX, Batch, Row, Segment, payload_rows

SEGMENT_BYTES = 16 * 1024 * 1024
GUARD_SECONDS = 0.05
"""How long the thread that delivers waits for callers to finish an append."""
LITTER_SECONDS = 3600.0
"""A file without a name of its own, after this long, is of a process that was killed while it made it."""

logger = logging.getLogger("tensorzero")

Rows = Sequence[tuple[str, Mapping[str, Any]]]


class RowStore(Protocol):
    """Where accepted rows wait: a Spool, or a MemorySpool in front of a database that lives in memory only."""

    pending: PendingTargets
    guard: Guard

    def append(self, record: bytes, rows: Rows = ()) -> int: ...

    def read(self, max_rows: int) -> Batch | None: ...

    def settle(self, batch: Batch) -> None: ...

    def tidy(self) -> None: ...

    def unread(self) -> bool: ...

    def goal(self) -> Any: ...

    def reached(self, goal: Any) -> bool: ...

    def close(self) -> None: ...


Goal = list[tuple[Segment, int, int]]
"""File, stretch, and how far it must be delivered."""


class Spool:
    """This process's own segments in `directory`. Thread-safe; the first file appears with the first row."""

    def __init__(self, directory: Path, *, fsync: bool = False, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory = directory
        self.pending = PendingTargets()
        self.guard = Guard()
        self.stem = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._fsync = fsync
        self._segment_bytes = segment_bytes
        self._numbers = itertools.count(1)
        self._stretches = itertools.count(1)
        self._segments: list[Segment] = []
        self._closed = False

    def append(self, record: bytes, rows: Rows = ()) -> int:
        """Keep one record. How many records wait in its file now; 0 when the spool was closed, and nothing is kept.

        `rows` are found in `pending` from then on until they are delivered. Raises SpoolError: then nothing of it is kept.
        """
        return self.guard.run_two(self._append, record, rows)

    def _append(self, record: bytes, rows: Rows) -> int:
        if self._closed:
            return 0
        segments = self._segments
        try:
            live = segments[-1] if segments else None
            if live is None or not live.accepting or live.kept > self._segment_bytes:
                live = self._new_segment()
            end = live.append(record, fsync=self._fsync)
        except (OSError, SpoolError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise SpoolError(
                f"Rows could not be kept in the spool `{self.directory}`: {reason}",
                hint="Nothing of this call was recorded. Free some space, or set TENSORZERO_SPOOL_DIR to another disk.",
            ) from error
        waiting = self.pending.add(live.stretch << STRETCH_BITS | end, rows)
        if end > live.kept:  # else a signal handler has appended behind it
            live.kept = end
        if self._closed:  # by a signal handler, since this call began
            self._close()
        return waiting

    def _new_segment(self) -> Segment:
        segment = self._made_segment()
        segment.stretch = next(self._stretches)
        self._segments.append(segment)
        return segment

    def _made_segment(self) -> Segment:
        make_private(self.directory)
        return Segment.create(self.directory, f"{self.stem}-{next(self._numbers):06d}")

    def set_apart(self, record: bytes) -> Segment:
        """A file of its own for a record that holds up others. It is the caller's to remove. Raises OSError, SpoolError."""
        segment = self._made_segment()
        try:
            segment.append(record, fsync=self._fsync)
        except BaseException:
            segment.remove()
            raise
        return segment

    def read(self, max_rows: int) -> Batch | None:
        """The oldest rows that were not read yet; a batch never spans two files. Raises OSError."""
        for segment in list(self._segments):
            end = self.guard.attempt(GUARD_SECONDS, _size_of, segment)
            segment.limit = segment.kept if end is None else end
            batch = segment.read(max_rows)
            self._tell_lost(segment)
            if batch is not None:
                return batch
        return None

    def _tell_lost(self, segment: Segment) -> None:
        """What was accepted and stands in no readable record any more: a disk lost it."""
        lost, segment.lost = segment.lost, []
        base = segment.stretch << STRETCH_BITS
        rows = sum(self.pending.rows_within(base | start, base | end) for start, end in lost)
        if rows:
            logger.error(
                "%d rows in `%s` cannot be read any more; what is left of the file is kept as .damaged", rows, segment.path
            )

    def unread(self) -> bool:
        """Whether something was not read yet. Raises OSError."""
        return any(segment.read_to < segment.size for segment in list(self._segments))

    def settle(self, batch: Batch) -> None:
        """Everything in `batch` (and before it) is in the database, or set aside: forget it."""
        segment = batch.segment
        if segment is not None:
            segment.delivered = batch.end  # whoever waits for it sees it, even while the guard is taken
            self.pending.forget(segment.stretch << STRETCH_BITS | batch.end)
            self.tidy()

    def tidy(self) -> None:
        """Note what is delivered in the files, empty them, and remove those that take no more."""
        self.guard.attempt(GUARD_SECONDS, self._tidy)

    def _tidy(self) -> None:
        for segment in list(self._segments):
            with contextlib.suppress(OSError):
                self._tidy_file(segment)

    def _tidy_file(self, segment: Segment) -> None:
        stretch, live = segment.stretch, segment is self._segments[-1] and segment.accepting and not segment.damage
        self.pending.forget(stretch << STRETCH_BITS | segment.delivered)
        if segment.delivered < segment.size or (live and segment.delivered == HEAD.size):
            segment.mark(segment.delivered)
        elif live and segment.start_over(next(self._stretches)):
            self.pending.forget_stretch(stretch)
        elif segment.delivered >= segment.size:
            segment.mark(segment.delivered)
            self._segments.remove(segment)
            self.pending.forget_stretch(stretch)
            segment.remove()

    def goal(self) -> Goal:
        """What stands in the files now and is not delivered: for `reached`."""
        return [
            (segment, segment.stretch, segment.kept) for segment in list(self._segments) if segment.delivered < segment.kept
        ]

    def reached(self, goal: Goal) -> bool:
        """Whether all that `goal` told of is delivered."""
        return all(segment.stretch != stretch or segment.delivered >= end for segment, stretch, end in goal)

    def close(self) -> None:
        """Remove what is delivered, release the rest for whoever comes next; nothing is accepted from then on."""
        self._closed = True
        if not self.guard.mine:  # else this call interrupted an append, which closes everything when it ends
            self.guard.run(self._close)

    def _close(self) -> None:
        for segment in list(self._segments):
            settled = False
            with contextlib.suppress(OSError):
                settled = segment.settled
            if settled:
                segment.remove()
            else:
                segment.release()
        self._segments.clear()

    def forget_after_fork(self) -> None:
        """In a forked child: close the parent's files without touching them or their locks."""
        for segment in list(self._segments):
            segment.release()
        self._segments = []


class MemorySpool:
    """Rows that wait for a database in memory: both end with the process, so no disk is involved."""

    def __init__(self) -> None:
        self.pending = PendingTargets()
        self.guard = Guard()
        self._records: deque[bytes] = deque()
        self._taken = 0
        self._settled = 0

    def append(self, record: bytes, rows: Rows = ()) -> int:
        """How many records wait now."""
        return self.guard.run_two(self._append, record, rows)

    def _append(self, record: bytes, rows: Rows) -> int:
        self._records.append(record)
        return self.pending.add(self._taken + len(self._records), rows)

    def read(self, max_rows: int) -> Batch | None:
        return self.guard.attempt(GUARD_SECONDS, self._read, max_rows)

    def _read(self, max_rows: int) -> Batch | None:
        rows: list[Row] = []
        while self._records and len(rows) < max_rows:
            self._taken += 1
            rows.extend(payload_rows(self._records.popleft()[RECORD.size :]))
        return Batch(rows, None, self._taken) if rows else None

    def unread(self) -> bool:
        return bool(self._records)

    def settle(self, batch: Batch) -> None:
        """Reading already took the rows out."""
        self._settled = batch.end
        self.pending.forget(batch.end)

    def tidy(self) -> None:
        """There are no files."""

    def goal(self) -> int:
        """How many records there were so far: for `reached`."""
        return self.guard.run(lambda: self._taken + len(self._records))

    def reached(self, goal: int) -> bool:
        return self._settled >= goal

    def close(self) -> None:
        self._records.clear()


def claim_orphans(directory: Path) -> list[Segment]:
    """Take over every file in `directory` whose process is gone, oldest first. A missing directory has none."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return []
    claimed = [Segment.claim(directory / entry.name) for entry in entries if entry.name.endswith(SUFFIX)]
    for entry in entries:
        if entry.name.endswith(".new"):
            _remove_litter(entry)
    return [segment for segment in claimed if segment is not None]


def _remove_litter(entry: os.DirEntry[str]) -> None:
    with contextlib.suppress(OSError):
        if time.time() - entry.stat().st_mtime > LITTER_SECONDS:
            Path(entry.path).unlink()


def _size_of(segment: Segment) -> int:
    return segment.size


def make_private(directory: Path) -> None:
    """Create a directory that only this user can read. Raises NotPrivate, OSError."""
    private_directory(directory)
