"""Rows on their way to the database: files that one process appends to and whoever comes next can finish.

A segment file is a 16-byte head (magic with version, how far its records are delivered) and records after it:

    head    8 bytes `TZSPOOL1`, u64 offset of the first record that is not known to be delivered
    record  4 bytes `REC1`, u32 length, u32 CRC-32 of the payload, payload
    payload a line for each row: table name, tab, JSON object

`Spool.append` is one write of one record: when it returns, the rows survive the process (with `TENSORZERO_SPOOL_FSYNC=1` the
machine too). A segment is locked as long as its process lives; a file whose lock is free belongs to a dead process, and
`claim_orphans` takes it over. A record that was cut short by the end of its process was never acknowledged and is not read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
import threading
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tensorzero.clickhouse.errors import SpoolError
from tensorzero.clickhouse.file_lock import try_lock

HEAD = struct.Struct("<8sQ")
RECORD = struct.Struct("<4sII")
MAGIC = b"TZSPOOL1"
RECORD_MAGIC = b"REC1"
SUFFIX = ".spool"
SEGMENT_BYTES = 16 * 1024 * 1024

_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

Row = tuple[str, bytes]
"""Table name, and the row as one line of JSONEachRow without its line end."""


def encode_record(lines: Sequence[bytes]) -> bytes:
    """A record out of payload lines, each `table TAB json LF`."""
    payload = b"".join(lines)
    return RECORD.pack(RECORD_MAGIC, len(payload), zlib.crc32(payload)) + payload


def payload_rows(payload: bytes) -> list[Row]:
    """The rows of one record, in order."""
    rows: list[Row] = []
    for line in payload.split(b"\n"):
        if line:
            table, _, row = line.partition(b"\t")
            rows.append((table.decode(), row))
    return rows


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows in the order of their writing; `segment` and `end` say what `settle` may forget."""

    rows: list[Row]
    segment: Segment | None
    end: int


class RowStore(Protocol):
    """Where accepted rows wait: a Spool, or a MemorySpool in front of a database that lives in memory only."""

    def append(self, record: bytes) -> None: ...

    def read(self, max_rows: int) -> Batch | None: ...

    def settle(self, batch: Batch) -> None: ...

    def close(self) -> None: ...


class Segment:
    """One file. Appending and settling are its owner's business; the caller keeps them from overlapping."""

    def __init__(self, path: Path, descriptor: int, *, size: int, delivered: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.size = size
        self.delivered = delivered
        self.read_to = delivered
        self.torn = False
        self.damaged = False

    @classmethod
    def create(cls, directory: Path, stem: str) -> Segment:
        """A new, locked, empty file. It gets its name only once it is locked, so that nobody takes it for an orphan."""
        unnamed = directory / f"{stem}.new"
        descriptor = os.open(unnamed, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if not try_lock(descriptor):
                raise SpoolError(f"The spool file `{unnamed}` could not be locked")  # noqa: TRY301 - cleaned up below
            if os.write(descriptor, HEAD.pack(MAGIC, HEAD.size)) != HEAD.size:
                raise SpoolError(f"The spool file `{unnamed}` could not be written")  # noqa: TRY301
            path = unnamed.with_suffix(SUFFIX)
            unnamed.rename(path)
        except BaseException:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                unnamed.unlink()
            raise
        return cls(path, descriptor, size=HEAD.size, delivered=HEAD.size)

    @classmethod
    def claim(cls, path: Path) -> Segment | None:
        """Take over a file whose process is gone; None while somebody owns it, or when it is no spool of this version."""
        try:
            descriptor = os.open(path, _FLAGS)
        except OSError:
            return None
        try:
            if not try_lock(descriptor) or not _same_file(descriptor, path):
                os.close(descriptor)
                return None
            head = os.read(descriptor, HEAD.size)
            size = os.fstat(descriptor).st_size
        except OSError:
            os.close(descriptor)
            return None
        if len(head) < HEAD.size or head[:8] != MAGIC:
            os.close(descriptor)
            return None
        delivered = HEAD.unpack(head)[1]
        return cls(path, descriptor, size=size, delivered=delivered if HEAD.size <= delivered <= size else HEAD.size)

    def append(self, record: bytes, *, fsync: bool) -> None:
        """Raises OSError, or SpoolError after a short write; then the file is as before."""
        try:
            written = os.write(self.descriptor, record)
            if written != len(record):
                raise SpoolError(f"The disk took only {written} of {len(record)} bytes")  # noqa: TRY301 - undone below
            if fsync:
                os.fsync(self.descriptor)
        except BaseException:
            self._cut(self.size)
            raise
        self.size += len(record)

    def _cut(self, size: int) -> None:
        """Forget what stands after `size`. If even that fails, the file takes no more records: its tail is torn."""
        try:
            os.ftruncate(self.descriptor, size)
            os.lseek(self.descriptor, size, os.SEEK_SET)
        except OSError:
            self.torn = True

    def read(self, max_rows: int) -> Batch | None:
        """The next rows that were not read yet, whole records only; None at the end. Raises OSError."""
        rows: list[Row] = []
        with self.path.open("rb") as file:
            file.seek(self.read_to)
            while len(rows) < max_rows and (payload := self._next_payload(file)) is not None:
                rows.extend(payload_rows(payload))
        return Batch(rows, self, self.read_to) if rows else None

    def _next_payload(self, file: object) -> bytes | None:
        left = self.size - self.read_to
        if left < RECORD.size:
            return None
        head: bytes = file.read(RECORD.size)  # type: ignore[attr-defined]
        magic, length, checksum = RECORD.unpack(head)
        if magic != RECORD_MAGIC or length > left - RECORD.size:
            self.damaged = self.damaged or (magic != RECORD_MAGIC and any(head))
            return None
        payload: bytes = file.read(length)  # type: ignore[attr-defined]
        if zlib.crc32(payload) != checksum:
            self.damaged = self.damaged or left > RECORD.size + length
            return None
        self.read_to += RECORD.size + length
        return payload

    def rewind(self) -> None:
        self.read_to = self.delivered

    def mark(self, delivered: int) -> None:
        """Remember in the file that everything before `delivered` reached the database. A lost mark costs a question later."""
        self.delivered = delivered
        self._write_at(8, struct.pack("<Q", delivered))

    def empty(self) -> None:
        """Start over in the same file, everything in it being delivered."""
        self._cut(HEAD.size)
        if not self.torn:
            self.size = self.read_to = HEAD.size
            self.mark(HEAD.size)

    def _write_at(self, offset: int, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if hasattr(os, "pwrite"):
                os.pwrite(self.descriptor, data, offset)
            else:
                os.lseek(self.descriptor, offset, os.SEEK_SET)
                os.write(self.descriptor, data)
                os.lseek(self.descriptor, self.size, os.SEEK_SET)

    @property
    def settled(self) -> bool:
        return self.delivered >= self.size

    def remove(self) -> None:
        """Delete the file: all of it is delivered. What could not be read is kept under another name."""
        with contextlib.suppress(OSError):
            if self.damaged:
                self.path.rename(self.path.with_suffix(".damaged"))
            elif hasattr(os, "pwrite"):
                self.path.unlink()
        self.release()
        if not hasattr(os, "pwrite") and not self.damaged:
            with contextlib.suppress(OSError):
                self.path.unlink()  # Windows deletes closed files only

    def release(self) -> None:
        """Let go of the file; whatever is left in it waits for whoever claims it."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)
        self.descriptor = -1


class Spool:
    """This process's own segments in `directory`. Thread-safe; the first file appears with the first row."""

    def __init__(self, directory: Path, *, fsync: bool = False, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory = directory
        self._fsync = fsync
        self._segment_bytes = segment_bytes
        self._stem = f"{os.getpid()}-{secrets.token_hex(4)}"
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
        segment = Segment.create(self.directory, f"{self._stem}-{self._count:06d}")
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

    def settle(self, batch: Batch) -> None:
        """Everything in `batch` (and before it) is in the database, or set aside: forget it."""
        segment = batch.segment
        if segment is None:
            return
        with self._lock:
            segment.mark(batch.end)
            if not segment.settled:
                return
            if segment is self._segments[-1] and not segment.torn:
                segment.empty()
            else:
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


def segment_batches(segment: Segment, max_rows: int) -> Iterator[Batch]:
    """All undelivered rows of a claimed segment, from the start each time it is called."""
    segment.rewind()
    while (batch := segment.read(max_rows)) is not None:
        yield batch


def make_private(directory: Path) -> None:
    """Create a directory that only this user can read."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        ours, named = os.fstat(descriptor), path.stat()
    except OSError:
        return False
    return (ours.st_ino, ours.st_dev) == (named.st_ino, named.st_dev)
