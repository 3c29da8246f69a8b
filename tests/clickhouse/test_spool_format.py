"""The spool's format as docs/durability.md tells it: a reader that knows nothing but that page reads what the package wrote."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest

from tensorzero.clickhouse.layout import encode_record
from tensorzero.clickhouse.segment import Segment

ROWS = [
    [("ChatInference", {"id": "1", "input": "ein Häuschen\nmit Garten"}), ("ModelInference", {"id": "2"})],
    [("FloatMetricFeedback", {"id": "3", "value": 0.5})],
]


def written(directory: Path) -> Path:
    segment = Segment.create(directory, "spool")
    for rows in ROWS:
        lines = [table.encode() + b"\t" + json.dumps(row, ensure_ascii=False).encode() + b"\n" for table, row in rows]
        segment.append(encode_record(lines), fsync=False)
    return segment.path


def read_as_documented(data: bytes) -> tuple[int, list[list[tuple[str, dict[str, object]]]]]:
    """What is known to be delivered, and the rows of each record."""
    magic, delivered, checksum = data[:8], *struct.unpack("<QI", data[8:20])
    assert magic == b"TZSPOOL2"
    assert checksum == zlib.crc32(data[:16])
    records: list[list[tuple[str, dict[str, object]]]] = []
    at = 20
    while at < len(data):
        mark, length, checksum = struct.unpack("<4sII", data[at : at + 12])
        payload = data[at + 12 : at + 12 + length]
        assert mark == b"REC1"
        assert checksum == zlib.crc32(payload)
        lines = [line.partition(b"\t") for line in payload.split(b"\n") if line]
        records.append([(table.decode(), json.loads(row)) for table, _, row in lines])
        at += 12 + length
    return delivered, records


def test_a_file_is_what_the_documentation_says(tmp_path: Path) -> None:
    delivered, records = read_as_documented(written(tmp_path).read_bytes())
    assert delivered == 20  # the first byte behind the head: nothing is delivered yet
    assert records == ROWS


def test_a_reader_by_the_documentation_notices_a_changed_byte(tmp_path: Path) -> None:
    data = bytearray(written(tmp_path).read_bytes())
    data[40] ^= 1
    with pytest.raises(AssertionError):
        read_as_documented(bytes(data))
