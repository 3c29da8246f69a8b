"""How the bytes of a spool file are laid out. docs/durability.md has the same in prose.

A file is a head and records after it, whole numbers little-endian:

    head    8 bytes `TZSPOOL2`, u64 offset of the first byte that is not known to be delivered, u32 CRC-32 of these 16 bytes
    record  4 bytes `REC1`, u32 length of the payload, u32 CRC-32 of the payload, payload
    payload a line for each row: table name, tab, JSON object

Behind damage, reading goes on at the next whole record. Text in a payload is never taken for one: its bytes would mean a length
of half a gigabyte. Version 1 (`TZSPOOL1`: its head has no checksum, 16 bytes in all) is read, and never written.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEAD = struct.Struct("<8sQI")
RECORD = struct.Struct("<4sII")
MAGIC = b"TZSPOOL2"
RECORD_MAGIC = b"REC1"

_FIRST_MAGIC, _FIRST_HEAD = b"TZSPOOL1", struct.Struct("<8sQ")
_A_RECORD = re.compile(re.escape(RECORD_MAGIC))
_NEWER = re.compile(rb"TZSPOOL[3-9]")
_PIECE = 256 * 1024

Row = tuple[str, bytes]
"""Table name, and the row as one line of JSONEachRow without its line end."""

ReadAt = Callable[[int, int], bytes]
"""Offset and length; fewer bytes where the file ends."""


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
            rows.append((table.decode(errors="replace"), row))
    return rows


def encode_head(delivered: int) -> bytes:
    start = HEAD.pack(MAGIC, delivered, 0)[:16]
    return start + zlib.crc32(start).to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class Head:
    """What a file's first bytes say. `delivered` can be trusted; `damage` says in words what is wrong with them."""

    version: int
    delivered: int
    damage: str | None = None


def parse_head(data: bytes, size: int) -> Head:
    """The head of a file of `size` bytes. Where it is damaged, reading starts at the first byte that may be a record's.

    `version` is 0 where no version of ours can be made out, and 3 or more for a file of a later version.
    """
    magic = data[:8]
    if len(data) >= HEAD.size and zlib.crc32(MAGIC + data[8:16]).to_bytes(4, "little") == data[16:20]:
        delivered = int.from_bytes(data[8:16], "little")
        if not HEAD.size <= delivered <= size:
            return Head(2, HEAD.size, "its end is missing")
        return Head(2, delivered, None if magic == MAGIC else "its first bytes are not as they were written")
    if magic == MAGIC:
        return Head(2, min(size, HEAD.size), "its head is not as it was written")
    if magic == _FIRST_MAGIC:
        return Head(1, min(size, _FIRST_HEAD.size), None if size >= _FIRST_HEAD.size else "its head is cut short")
    if _NEWER.fullmatch(magic):
        return Head(magic[7] - ord("0"), 0)
    return Head(0, 0, "it does not begin as a spool file")


class Reader:
    """Reads the records of a file in order, through a stretch of it in memory."""

    def __init__(self, read_at: ReadAt, end: int) -> None:
        self._read_at = read_at
        self._end = end
        self._start = 0
        self._data = b""

    def _get(self, offset: int, length: int) -> bytes:
        start = offset - self._start
        if start < 0 or start + length > len(self._data):
            self._start, self._data, start = offset, self._read_at(offset, min(max(length, _PIECE), self._end - offset)), 0
        return self._data[start : start + length]

    def payload_at(self, offset: int) -> bytes | None:
        """The payload of the whole record at `offset`; None where there is none."""
        head = self._get(offset, RECORD.size)
        if len(head) < RECORD.size:
            return None
        magic, length, checksum = RECORD.unpack(head)
        if magic != RECORD_MAGIC or length > self._end - offset - RECORD.size:
            return None
        payload = self._get(offset + RECORD.size, length)
        return payload if len(payload) == length and zlib.crc32(payload) == checksum else None

    def next_record(self, offset: int) -> int:
        """Where the first whole record after `offset` starts; the end, where there is none."""
        offset += 1
        while offset < self._end:
            stretch = self._get(offset, min(_PIECE, self._end - offset))
            if not stretch:
                break
            for found in _A_RECORD.finditer(stretch):
                if self.payload_at(offset + found.start()) is not None:
                    return offset + found.start()
            if offset + len(stretch) >= self._end:
                break
            offset += max(1, len(stretch) - len(RECORD_MAGIC) + 1)
        return self._end

    def cut_short(self, offset: int) -> bool:
        """Whether what starts at `offset` begins as a record that would go on behind the end."""
        head = self._get(offset, RECORD.size)
        if len(head) < RECORD.size:
            return RECORD_MAGIC.startswith(head[:4])
        magic, length, _ = RECORD.unpack(head)
        return magic == RECORD_MAGIC and length > self._end - offset - RECORD.size
