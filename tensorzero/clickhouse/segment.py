"""One spool file: how its bytes are laid out, appended to, read again, and given up.

A segment file is a 16-byte head (magic with version, how far its records are delivered) and records after it:

    head    8 bytes `TZSPOOL1`, u64 offset of the first record that is not known to be delivered
    record  4 bytes `REC1`, u32 length, u32 CRC-32 of the payload, payload
    payload a line for each row: table name, tab, JSON object

A record that was cut short by the end of its process was never acknowledged and is not read. Anything else that does not read
is damage: reading goes on at the next whole record, and the file is kept under another name in the end.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorzero.clickhouse.errors import SpoolError
from tensorzero.clickhouse.file_lock import try_lock

HEAD = struct.Struct("<8sQ")
RECORD = struct.Struct("<4sII")
MAGIC = b"TZSPOOL1"
RECORD_MAGIC = b"REC1"
SUFFIX = ".spool"
PIECE = 256 * 1024

_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_POSITIONED = hasattr(os, "pwrite")
"""Elsewhere (Windows) there is no pread and pwrite, and an open file can be neither renamed nor deleted."""

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
        path = directory / f"{stem}{SUFFIX}"
        unnamed = path.with_suffix(".new") if _POSITIONED else path
        descriptor = os.open(unnamed, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if not _lock_soon(descriptor):
                raise SpoolError(f"The spool file `{unnamed}` could not be locked")  # noqa: TRY301 - cleaned up below
            if os.write(descriptor, HEAD.pack(MAGIC, HEAD.size)) != HEAD.size:
                raise SpoolError(f"The spool file `{unnamed}` could not be written")  # noqa: TRY301
            if unnamed != path:
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
            segment = cls._claimed(path, descriptor)
        except OSError:
            segment = None
        if segment is None:
            os.close(descriptor)
        return segment

    @classmethod
    def _claimed(cls, path: Path, descriptor: int) -> Segment | None:
        if not try_lock(descriptor) or not _same_file(descriptor, path):
            return None
        head = os.read(descriptor, HEAD.size)
        if len(head) < HEAD.size or head[:8] not in (MAGIC, bytes(8)):
            return None
        segment = cls(path, descriptor, size=os.fstat(descriptor).st_size, delivered=HEAD.size)
        segment.damaged = head[:8] != MAGIC  # a head of zeros: the disk lost it, records may follow
        segment._trust(HEAD.unpack(head)[1])
        return segment

    def _trust(self, delivered: int) -> None:
        """Start at `delivered` if a record starts there; else from the first one, asking again costs only time."""
        if HEAD.size <= delivered <= self.size:
            found = self._read_at(delivered, len(RECORD_MAGIC))
            if RECORD_MAGIC.startswith(found):
                self.delivered = self.read_to = delivered

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
        """The next rows that were not read yet, whole records only; None at the end. Raises OSError.

        A batch without rows has passed over damage.
        """
        rows: list[Row] = []
        start, end = self.read_to, self.size
        window = _Window(self)
        while len(rows) < max_rows and end - self.read_to >= RECORD.size:
            payload = self._payload_at(window, self.read_to, end)
            if payload is None:
                self.read_to = self._pass_over(window, self.read_to, end)
            else:
                rows.extend(payload_rows(payload))
                self.read_to += RECORD.size + len(payload)
        return Batch(rows, self, self.read_to) if self.read_to > start else None

    def _payload_at(self, window: _Window, offset: int, end: int) -> bytes | None:
        """The payload of a whole record at `offset`."""
        head = window.get(offset, RECORD.size)
        if len(head) < RECORD.size:
            return None
        magic, length, checksum = RECORD.unpack(head)
        if magic != RECORD_MAGIC or length > end - offset - RECORD.size:
            return None
        payload = window.get(offset + RECORD.size, length)
        return payload if len(payload) == length and zlib.crc32(payload) == checksum else None

    def _pass_over(self, window: _Window, offset: int, end: int) -> int:
        """Where the next whole record starts, or the end; what lies between is damage, unless the end just cut it short."""
        rest = self._read_at(offset, end - offset)
        at = rest.find(RECORD_MAGIC, 1)
        while at >= 0:
            if self._payload_at(window, offset + at, end) is not None:
                self.damaged = True
                return offset + at
            at = rest.find(RECORD_MAGIC, at + 1)
        magic, length, _ = RECORD.unpack(rest[: RECORD.size].ljust(RECORD.size, b"\0"))
        cut_short = magic == RECORD_MAGIC and length > len(rest) - RECORD.size
        self.damaged = self.damaged or (any(rest) and not cut_short)
        return end

    def lines_with(self, needle: bytes, tables: Sequence[bytes]) -> Iterator[Row]:
        """Rows of these tables that hold `needle`, the latest first, of a file that takes no more; no checksum is looked at."""
        try:
            view = mmap.mmap(self.descriptor, self.size, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return
        with view:
            at = view.rfind(needle, self.delivered)
            while at >= 0:
                start = view.rfind(b"\t", self.delivered, at)
                end = view.find(b"\n", at)
                for table in tables:
                    if start >= 0 and end >= 0 and view[max(0, start - len(table)) : start] == table:
                        yield table.decode(), view[start + 1 : end]
                at = view.rfind(needle, self.delivered, at)

    def rewind(self) -> None:
        self.read_to = self.delivered

    def mark(self, delivered: int) -> bool:
        """Remember in the file that everything before `delivered` reached the database. A lost mark costs a question later."""
        self.delivered = delivered
        return self._write_at(8, struct.pack("<Q", delivered))

    def empty(self) -> bool:
        """Start over in the same file, everything in it being delivered; False when the disk does not let us."""
        if not self.mark(HEAD.size):
            return False
        self._cut(HEAD.size)
        self.size = self.read_to = HEAD.size
        return not self.torn

    def _write_at(self, offset: int, data: bytes) -> bool:
        try:
            if _POSITIONED:
                os.pwrite(self.descriptor, data, offset)
            else:
                os.lseek(self.descriptor, offset, os.SEEK_SET)
                os.write(self.descriptor, data)
                os.lseek(self.descriptor, self.size, os.SEEK_SET)
        except OSError:
            return False
        return True

    def _read_at(self, offset: int, length: int) -> bytes:
        """From the open file where possible: it may have lost its name, and the process may be out of descriptors."""
        if _POSITIONED:
            return os.pread(self.descriptor, length, offset)
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    @property
    def settled(self) -> bool:
        return self.delivered >= self.size

    def remove(self) -> None:
        """Delete the file: all of it is delivered. What could not be read is kept under another name."""
        if not _POSITIONED:
            self.release()
        with contextlib.suppress(OSError):
            if self.damaged:
                self.path.rename(self.path.with_suffix(".damaged"))
            else:
                self.path.unlink()
        self.release()

    def release(self) -> None:
        """Let go of the file; whatever is left in it waits for whoever claims it."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def standing(path: Path) -> tuple[int, int]:
    """How far another process's file is delivered, and its size; alike when it is gone, or no spool of this version."""
    try:
        with path.open("rb", buffering=0) as file:
            head, size = file.read(HEAD.size), os.fstat(file.fileno()).st_size
    except OSError:
        return 0, 0
    if len(head) < HEAD.size or head[:8] != MAGIC:
        return size, size
    return HEAD.unpack(head)[1], size


class _Window:
    """A stretch of the file in memory, moved along by reads."""

    def __init__(self, segment: Segment) -> None:
        self._read_at = segment._read_at  # pyright: ignore[reportPrivateUsage] - part of the segment
        self._start = 0
        self._data = b""

    def get(self, offset: int, length: int) -> bytes:
        start = offset - self._start
        if start < 0 or start + length > len(self._data):
            self._start, self._data, start = offset, self._read_at(offset, max(length, PIECE)), 0
        return self._data[start : start + length]


def _lock_soon(descriptor: int) -> bool:
    """Where a new file has its name at once, somebody who looks for orphans may have it locked for a moment."""
    for _ in range(1 if _POSITIONED else 50):
        if try_lock(descriptor):
            return True
        time.sleep(0.01)
    return False


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        ours, named = os.fstat(descriptor), path.stat()
    except OSError:
        return False
    return (ours.st_ino, ours.st_dev) == (named.st_ino, named.st_dev)
