"""One spool file: made, appended to, read again, and given up. What its bytes mean stands in layout.py.

How far a file goes is asked of the file, never counted: a call that is interrupted between any two steps leaves at most a
record that nobody was promised. Whatever stands in a file and belongs to no whole record is damage: reading goes on at the next
whole record, and in the end the file is kept under another name, which the log says.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tensorzero.clickhouse.errors import SpoolError
from tensorzero.clickhouse.file_lock import try_lock
from tensorzero.clickhouse.layout import HEAD, RECORD, Reader, Row, encode_head, encode_record, parse_head, payload_rows

__all__ = ["HEAD", "RECORD", "SUFFIX", "Batch", "Row", "Segment", "encode_record", "payload_rows", "standing"]

SUFFIX = ".spool"
YOUNG_SECONDS = 10.0
"""Where a new file has its name at once, one without a head may be somebody's who has just begun it."""

_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_POSITIONED = hasattr(os, "pwrite")
"""Elsewhere (Windows) there is no pread and pwrite, and an open file can be neither renamed nor deleted."""

logger = logging.getLogger("tensorzero")
_told: set[tuple[Path, str]] = set()


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows in the order of their writing; `segment` and `end` say what `settle` may forget."""

    rows: list[Row]
    segment: Segment | None
    end: int


class OpenFile:
    """A descriptor that is closed when nobody refers to it any more: not under somebody who is just using it."""

    number = -1
    _close = staticmethod(os.close)

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        if self.number >= 0:
            self._close(self.number)


class Segment:
    """One file. Its owner appends under a guard; one thread reads it, notes what is delivered, and gives it up."""

    def __init__(self, path: Path, file: OpenFile, *, start: int, tail: OpenFile | None = None) -> None:
        self.path = path
        self.file: OpenFile | None = file
        self.tail = tail
        self.accepting = tail is not None
        """Whether records may be appended. Off while the file is shortened, and for good where its end is torn."""
        self.kept = start
        """Where the last record ends whose `append` has returned."""
        self.delivered = start
        self.read_to = start
        self.limit: int | None = None
        """How far the file may be read while a record is appended to it."""
        self.stretch = 0
        """Its number among all files of a spool, and another one when it starts over: see pending.py."""
        self.version = 2
        self.damage: list[str] = []
        self.lost: list[tuple[int, int]] = []
        """From where to where the last readings passed over damage."""
        self._noted = start

    @classmethod
    def create(cls, directory: Path, stem: str) -> Segment:
        """A new, locked, empty file. It gets its name only once it is locked, so that nobody takes it for an orphan."""
        path = directory / f"{stem}{SUFFIX}"
        unnamed = path.with_suffix(".new") if _POSITIONED else path
        file = OpenFile(os.open(unnamed, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            if not _lock_soon(file.number):
                raise SpoolError(f"The spool file `{unnamed}` could not be locked")  # noqa: TRY301 - cleaned up below
            if os.write(file.number, encode_head(HEAD.size)) != HEAD.size:
                raise SpoolError(f"The spool file `{unnamed}` could not be written")  # noqa: TRY301
            tail = OpenFile(os.open(unnamed, _FLAGS | os.O_APPEND))
            if unnamed != path:
                unnamed.rename(path)
            return cls(path, file, start=HEAD.size, tail=tail)
        except BaseException:
            for left in {unnamed, path}:  # an interrupt may come when it has its name
                with contextlib.suppress(OSError):
                    left.unlink()
            raise

    @classmethod
    def claim(cls, path: Path) -> Segment | None:
        """Take over a file whose process is gone; None while somebody owns it, or when it is of a later version."""
        try:
            return cls._claimed(path, OpenFile(os.open(path, _FLAGS)))
        except FileNotFoundError:
            return None
        except OSError as error:
            _tell_once(path, f"cannot be read now: {error}")
            return None

    @classmethod
    def _claimed(cls, path: Path, file: OpenFile) -> Segment | None:
        if not try_lock(file.number) or not _same_file(file.number, path):
            return None
        segment = cls(path, file, start=0)
        size = segment.size
        if not _POSITIONED and size < HEAD.size and time.time() - path.stat().st_mtime < YOUNG_SECONDS:
            return None
        data = segment._read_at(0, HEAD.size)
        head, reader = parse_head(data, size), Reader(segment._read_at, size)
        damage = head.damage
        if head.version > 2:
            if reader.next_record(0) == size:
                _tell_once(path, "was written by a later version of this package, which delivers it")
                return None
            damage = "its version is not as it was written"
        elif head.version == 1 and damage is None and not _starts_a_record(segment, reader, data):
            damage = "its head is not as it was written"
        segment.version = head.version
        segment.kept = segment.delivered = segment.read_to = segment._noted = head.delivered
        if damage is not None:
            segment.damage.append(damage)
        return segment

    @property
    def size(self) -> int:
        """Of the file, in bytes. Raises OSError; 0 when it was given up."""
        file = self.file
        return os.fstat(file.number).st_size if file is not None else 0

    @property
    def damaged(self) -> bool:
        return bool(self.damage)

    def append(self, record: bytes, *, fsync: bool) -> int:
        """Where the record ends. Raises OSError, or SpoolError after a short write; then nothing of it will be read."""
        tail = self.tail
        if tail is None:
            raise SpoolError("The file was given up")
        written = os.write(tail.number, record)
        if written != len(record):
            self._take_back(record[:written])
            raise SpoolError(f"The disk took only {written} of {len(record)} bytes")
        end = os.lseek(tail.number, 0, os.SEEK_CUR)
        if fsync:
            try:
                os.fsync(tail.number)
            except OSError:
                self._take_back(record)
                raise
        return end

    def _take_back(self, left: bytes) -> None:
        """Cut off the end of the file, if it is `left` and nothing was appended meanwhile. Else the file takes no more."""
        self.accepting = False  # from here on, a call that comes in between takes another file
        file = self.file
        if file is None:
            return
        with contextlib.suppress(OSError):
            start = self.size - len(left)
            if start >= self.read_to and self._read_at(start, len(left)) == left:
                os.ftruncate(file.number, start)
                self.accepting = True

    def read(self, max_rows: int) -> Batch | None:
        """The next rows that were not read yet, whole records only; None at the end (of the file, or `limit`).

        A batch without rows has passed over damage. Raises OSError.
        """
        rows: list[Row] = []
        start, end = self.read_to, self.size if self.limit is None else self.limit
        reader = Reader(self._read_at, end)
        while len(rows) < max_rows and self.read_to < end:
            payload = reader.payload_at(self.read_to)
            if payload is None:
                self._pass_over(reader, self.read_to, end)
            else:
                rows.extend(payload_rows(payload))
                self.read_to += RECORD.size + len(payload)
        return Batch(rows, self, self.read_to) if self.read_to > start else None

    def _pass_over(self, reader: Reader, offset: int, end: int) -> None:
        self.accepting = False
        following = reader.next_record(offset)
        if following == end and reader.cut_short(offset):
            found = f"its last record, from byte {offset} on, is cut short"
        else:
            found = f"bytes {offset} to {following} cannot be read"
        if found not in self.damage:  # else it is read a second time
            self.damage.append(found)
        self.lost.append((offset, following))
        self.read_to = following

    def lines_with(self, needle: bytes, tables: Sequence[bytes]) -> Iterator[Row]:
        """Rows of these tables that hold `needle`, the latest first, of a file that takes no more; no checksum is looked at."""
        file = self.file
        if file is None:
            return
        try:
            view = mmap.mmap(file.number, 0, access=mmap.ACCESS_READ)
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
        """Remember in the file that everything before `delivered` reached the database. A lost mark costs a question later.

        A damaged file gets no marks: whoever finds it next is to see the damage too.
        """
        self.delivered = delivered
        if self.damage or self._noted == delivered:
            return True
        marked = self._write_head(delivered)
        self._noted = delivered if marked else -1
        return marked

    def _write_head(self, delivered: int) -> bool:
        if self.version == 1:
            return self._write_at(8, struct.pack("<Q", delivered))
        return self._write_at(0, encode_head(delivered))

    def start_over(self, stretch: int) -> bool:
        """Empty the file, everything in it being delivered; False when something was appended, or the disk does not let us."""
        self.accepting = False  # a call that comes in between takes another file
        file = self.file
        if file is None or self.size != self.delivered:
            self.accepting = file is not None
            return False
        self.stretch = stretch
        if not self.mark(HEAD.size):
            return False
        try:
            os.ftruncate(file.number, HEAD.size)
        except OSError:
            return False
        self.read_to = self.kept = HEAD.size
        self.accepting = True
        return True

    def _write_at(self, offset: int, data: bytes) -> bool:
        file = self.file
        if file is None:
            return False
        try:
            if _POSITIONED:
                os.pwrite(file.number, data, offset)
            else:
                os.lseek(file.number, offset, os.SEEK_SET)
                os.write(file.number, data)
        except OSError:
            return False
        return True

    def _read_at(self, offset: int, length: int) -> bytes:
        """From the open file where possible: it may have lost its name, and the process may be out of descriptors."""
        file = self.file
        if file is None:
            return b""
        if _POSITIONED:
            return os.pread(file.number, length, offset)
        with self.path.open("rb") as named:
            named.seek(offset)
            return named.read(length)

    @property
    def settled(self) -> bool:
        return self.delivered >= self.size

    def remove(self) -> None:
        """Delete the file: all of it is delivered. What could not be read is kept under another name, and told of."""
        if not _POSITIONED:
            self.release()
        with contextlib.suppress(OSError):
            if self.damage:
                self._keep_damaged()
            else:
                self.path.unlink()
        self.release()

    def _keep_damaged(self) -> None:
        kept = self.path.with_suffix(".damaged")
        number = 1
        while kept.exists():
            number += 1
            kept = self.path.with_suffix(f".{number}.damaged")
        damage = self.damage[0] if len(self.damage) == 1 else f"{self.damage[0]}, and {len(self.damage) - 1} more"
        _tell_once(
            self.path, f"is damaged: {damage}. What can be read of it is delivered; it is kept as `{kept}`", logging.ERROR
        )
        self.path.rename(kept)

    def release(self) -> None:
        """Let go of the file; whatever is left in it waits for whoever claims it."""
        self.accepting = False
        self.tail = None
        self.file = None


def standing(path: Path) -> tuple[int, int]:
    """How far another process's file is delivered, and its size; alike when it is gone, or no spool file of ours."""
    try:
        with path.open("rb", buffering=0) as file:
            data, size = file.read(HEAD.size), os.fstat(file.fileno()).st_size
    except OSError:
        return 0, 0
    head = parse_head(data, size)
    if head.version == 1 and size >= 16:
        return int.from_bytes(data[8:16], "little"), size
    return (head.delivered, size) if head.version == 2 else (size, size)


def _starts_a_record(segment: Segment, reader: Reader, head: bytes) -> bool:
    """Whether a file of version 1 is delivered up to where a record begins, as its head says. It has no checksum."""
    delivered = int.from_bytes(head[8:16], "little")
    size = segment.size
    return delivered == size or (16 <= delivered < size and reader.payload_at(delivered) is not None)


def _tell_once(path: Path, what: str, level: int = logging.WARNING) -> None:
    """Say it of this file, and not again at every look."""
    if (path, what) not in _told:
        _told.add((path, what))
        logger.log(level, "The spool file `%s` %s", path, what)


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
