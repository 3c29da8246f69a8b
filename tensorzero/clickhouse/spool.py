"""Rows on their way to the database: files that one process appends to and whoever comes next can finish.

`Spool.append` is one write of one record: when it returns, the rows survive the process (with `TENSORZERO_SPOOL_FSYNC=1` the
machine too). A segment is locked as long as its process lives; a file whose lock is free belongs to a dead process, and
`claim_orphans` takes it over. What a file looks like stands in segment.py.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import deque
from pathlib import Path
from typing import Protocol

from tensorzero.clickhouse.errors import SpoolError
from tensorzero.clickhouse.private import private_directory
from tensorzero.clickhouse.segment import RECORD, SUFFIX, Batch, Row, Segment, payload_rows

SEGMENT_BYTES = 16 * 1024 * 1024


class RowStore(Protocol):
    """Where accepted rows wait: a Spool, or a MemorySpool in front of a database that lives in memory only."""

    def append(self, record: bytes) -> None: ...

    def read(self, max_rows: int) -> Batch | None: ...

    def settle(self, batch: Batch) -> None: ...

    def unread(self) -> bool: ...

    def close(self) -> None: ...


class Spool:
    """This process's own segments in `directory`. Thread-safe; the first file appears with the first row."""

    def __init__(self, directory: Path, *, fsync: bool = False, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory = directory
        self._fsync = fsync
        self._segment_bytes = segment_bytes
        self.stem = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._count = 0
        self._lock = threading.Lock()
        self._segments: deque[Segment] = deque()

    def append(self, record: bytes) -> None:
        """Keep one record. Raises SpoolError: then nothing of it is kept."""
        with self._lock:
            try:
                live = self._segments[-1] if self._segments else self._new_segment()
                if live.torn or live.size > self._segment_bytes:
                    live = self._new_segment()
                live.append(record, fsync=self._fsync)
            except (OSError, SpoolError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                raise SpoolError(
                    f"Rows could not be kept in the spool `{self.directory}`: {reason}",
                    hint="Nothing of this call was recorded. Free some space, or set TENSORZERO_SPOOL_DIR to another disk.",
                ) from error

    def _new_segment(self) -> Segment:
        make_private(self.directory)
        self._count += 1
        segment = Segment.create(self.directory, f"{self.stem}-{self._count:06d}")
        self._segments.append(segment)
        return segment

    def read(self, max_rows: int) -> Batch | None:
        """The oldest rows that were not read yet; a batch never spans two files."""
        with self._lock:
            segments = list(self._segments)
        for segment in segments:
            batch = segment.read(max_rows)
            if batch is not None:
                return batch
        return None

    def unread(self) -> bool:
        """Whether something accepted was not read yet."""
        with self._lock:
            return any(segment.read_to < segment.size for segment in self._segments)

    def settle(self, batch: Batch) -> None:
        """Everything in `batch` (and before it) is in the database, or set aside: forget it."""
        segment = batch.segment
        if segment is None:
            return
        with self._lock:
            if batch.end < segment.size:
                segment.mark(batch.end)
                return
            reusable = segment is self._segments[-1] and not segment.torn and not segment.damaged
            if not (reusable and segment.empty()):
                segment.mark(batch.end)
                self._segments.remove(segment)
                segment.remove()

    def close(self) -> None:
        """Remove what is delivered, release the rest for whoever comes next. A later `append` starts a new file."""
        with self._lock:
            for segment in self._segments:
                if segment.settled:
                    segment.remove()
                else:
                    segment.release()
            self._segments.clear()

    def forget_after_fork(self) -> None:
        """In a forked child: close the parent's files without touching them or their locks."""
        for segment in list(self._segments):
            segment.release()
        self._segments = deque()


class MemorySpool:
    """Rows that wait for a database in memory: both end with the process, so no disk is involved."""

    def __init__(self) -> None:
        self._records: deque[bytes] = deque()

    def append(self, record: bytes) -> None:
        self._records.append(record)

    def read(self, max_rows: int) -> Batch | None:
        rows: list[Row] = []
        while self._records and len(rows) < max_rows:
            rows.extend(payload_rows(self._records.popleft()[RECORD.size :]))
        return Batch(rows, None, 0) if rows else None

    def unread(self) -> bool:
        return bool(self._records)

    def settle(self, batch: Batch) -> None:
        """Reading already took the rows out."""

    def close(self) -> None:
        self._records.clear()


def claim_orphans(directory: Path) -> list[Segment]:
    """Take over every file in `directory` whose process is gone, oldest first. A missing directory has none."""
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if entry.name.endswith(SUFFIX))
    except OSError:
        return []
    claimed = [Segment.claim(directory / name) for name in names]
    return [segment for segment in claimed if segment is not None]


def make_private(directory: Path) -> None:
    """Create a directory that only this user can read. Raises NotPrivate, OSError."""
    private_directory(directory)
