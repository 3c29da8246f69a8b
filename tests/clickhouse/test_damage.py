"""Damaged spool files: no bit, no cut and no page of zeros takes more than the record that it hits, nor anything in silence."""

from __future__ import annotations

import json
import logging
import os
import struct
import zlib
from collections import Counter
from itertools import accumulate
from pathlib import Path

import pytest
from sample_rows import inference
from stored_rows import OpenDatabase, assert_inferences_once

from tensorzero.clickhouse.database import encode_row
from tensorzero.clickhouse.neighbours import Neighbours
from tensorzero.clickhouse.orphans import Orphans
from tensorzero.clickhouse.segment import HEAD, RECORD, Segment, encode_record
from tensorzero.clickhouse.spool import Spool

RECORDS = 4


def record(number: int) -> bytes:
    return encode_record([b'ChatInference\t{"n":%d}\n' % number])


SIZE = len(record(0))


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """A file of four records, the first of them delivered."""
    spool = Spool(tmp_path / "whole")
    for number in range(RECORDS):
        spool.append(record(number))
    batch = spool.read(1)
    assert batch
    spool.settle(batch)
    spool.close()
    [path] = (tmp_path / "whole").iterdir()
    return path.read_bytes()


@pytest.fixture
def first_version() -> bytes:
    """The same, as version 1 wrote it."""
    head = struct.pack("<8sQ", b"TZSPOOL1", 16 + SIZE)
    return head + b"".join(record(number) for number in range(RECORDS))


def delivered(directory: Path, content: bytes) -> tuple[Counter[int], str]:
    """What the next process delivers of a file with this content, and what became of the file: its suffix, or nothing."""
    directory.mkdir(exist_ok=True)
    path = directory / "1-0123abcd-000001.spool"
    path.write_bytes(content)
    orphans = Orphans()
    orphans.claim(directory)
    found: Counter[int] = Counter()
    for segment in orphans.segments():
        while (batch := segment.read(2)) is not None:
            found.update(json.loads(row)["n"] for _, row in batch.rows)
        orphans.delivered(segment)
    [*left] = directory.iterdir()
    suffix = left[0].suffix if left else ""
    if suffix == ".damaged":
        assert left[0].read_bytes() == content
    for one in left:
        one.unlink()
    return found, suffix


def test_an_undamaged_file_is_delivered_from_where_it_was_noted_and_goes(
    tmp_path: Path, whole: bytes, first_version: bytes
) -> None:
    assert delivered(tmp_path / "s", whole) == (Counter([1, 2, 3]), "")
    # The head of version 1 has no checksum: all is asked again, which doubles nothing.
    assert delivered(tmp_path / "s", first_version) == (Counter([0, 1, 2, 3]), "")


@pytest.mark.parametrize("version", [1, 2])
def test_a_flipped_bit_takes_one_record_at_most_and_the_file_is_kept_and_named(
    tmp_path: Path, whole: bytes, first_version: bytes, caplog: pytest.LogCaptureFixture, version: int
) -> None:
    content = whole if version == 2 else first_version
    head = HEAD.size if version == 2 else 16
    for position in range(len(content)):
        for bit in range(8):
            spoiled = bytearray(content)
            spoiled[position] ^= 1 << bit
            caplog.clear()
            found, suffix = delivered(tmp_path / f"{version}-{position}-{bit}", bytes(spoiled))
            hit = None if position < head else (position - head) // SIZE
            assert set(found.values()) == {1}
            assert {1, 2, 3} - {hit} <= set(found), (position, bit)
            assert hit not in found
            if hit == 0 and version == 2:
                continue  # it was delivered: nobody reads it again
            if version == 1 and 8 <= position < head and not suffix:
                continue  # it still tells where a record begins, and is not relied on
            assert suffix == ".damaged", (position, bit)
            assert "is damaged" in caplog.text
            assert ".damaged" in caplog.text


def test_a_file_cut_anywhere_gives_what_is_whole_and_is_kept(tmp_path: Path, whole: bytes) -> None:
    for length in range(len(whole)):
        found, suffix = delivered(tmp_path / str(length), whole[:length])
        whole_records = {number for number in range(RECORDS) if HEAD.size + (number + 1) * SIZE <= length}
        assert whole_records - {0} <= set(found) <= whole_records, length
        at_a_boundary = length > HEAD.size and (length - HEAD.size) % SIZE == 0
        assert suffix == ("" if at_a_boundary else ".damaged"), length


def test_pages_of_zeros_take_only_what_they_cover(tmp_path: Path) -> None:
    directory = tmp_path / "s"
    spool = Spool(directory)
    for number in range(2000):
        spool.append(record(number))
    spool.close()
    [path] = directory.iterdir()
    content = path.read_bytes()
    path.unlink()
    ends = list(accumulate((len(record(number)) for number in range(2000)), initial=HEAD.size))
    for start in (0, 4096, 8192, len(content) - 5000):
        found, suffix = delivered(directory, content[:start] + bytes(4096) + content[start + 4096 :])
        untouched = {number for number in range(2000) if ends[number + 1] <= start or ends[number] >= start + 4096}
        assert set(found) == untouched
        assert suffix == ".damaged"
    found, suffix = delivered(directory, content + bytes(4096))
    assert (len(found), suffix) == (2000, ".damaged")


@pytest.mark.parametrize("content", [b"", b"T", b"TZSPOOL", b"TZSPOOL2" + bytes(7), b"not ours\n" * 100, os.urandom(5000)])
def test_what_is_no_spool_file_is_kept_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    assert delivered(tmp_path / "s", content) == (Counter(), ".damaged")
    assert "is damaged" in caplog.text


def test_a_file_of_a_later_version_stays_and_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "1-0123abcd-000001.spool"
    path.write_bytes(b"TZSPOOL9" + b"\0what we do not know yet" * 50)
    for _ in range(3):
        assert Segment.claim(path) is None
    assert path.exists()
    assert caplog.text.count("later version") == 1


def test_a_second_damaged_file_of_that_name_replaces_no_first_one(tmp_path: Path, whole: bytes) -> None:
    for spoiled in (b"one" + whole[3:], b"two" + whole[3:]):
        (tmp_path / "1-0123abcd-000001.spool").write_bytes(spoiled)
        orphans = Orphans()
        orphans.claim(tmp_path)
        orphans.delivered(orphans.segments()[0])
    assert {path.read_bytes()[:3] for path in tmp_path.glob("*.damaged")} == {b"one", b"two"}


def test_a_damaged_file_gets_no_mark_that_would_hide_the_damage(tmp_path: Path, whole: bytes) -> None:
    """Its process is killed before it is through: the next one finds the damage too."""
    path = tmp_path / "1-0123abcd-000001.spool"
    spoiled = bytearray(whole)
    spoiled[HEAD.size + SIZE + RECORD.size] ^= 1
    path.write_bytes(spoiled)
    segment = Segment.claim(path)
    assert segment
    while (batch := segment.read(1)) is not None:
        segment.mark(batch.end)
    segment.release()
    assert delivered(tmp_path / "s", path.read_bytes()) == (Counter([2, 3]), ".damaged")


def test_hostile_text_is_never_taken_for_a_record(tmp_path: Path) -> None:
    """What a model answers may look like our own bytes."""
    inner = record(7)
    spool = Spool(tmp_path / "s")
    spool.append(encode_record([b"ChatInference\t" + encode_row({"n": 1, "text": inner.decode("latin-1") * 3}) + b"\n"]))
    spool.append(record(2))
    spool.close()
    [path] = (tmp_path / "s").iterdir()
    content = bytearray(path.read_bytes())
    path.unlink()
    content[HEAD.size] ^= 255
    assert delivered(tmp_path / "s", bytes(content)) == (Counter([2]), ".damaged")


def test_damage_in_a_living_process_loses_only_that_record(
    tmp_path: Path, open_database: OpenDatabase, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    written = [inference() for _ in range(9)]
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "read", lambda self, rows: None)
        for _, rows in written:
            database.write(rows)
        [path] = (tmp_path / "db.spool").rglob("*.spool")
        content = bytearray(path.read_bytes())
        content[content.index(written[4][0].encode())] ^= 1
        with path.open("r+b") as file:
            file.write(content)
    with caplog.at_level(logging.WARNING):
        database.flush(60)
    assert "2 rows" in caplog.text
    assert "cannot be read any more" in caplog.text
    assert database.status()["pending_rows"] == 0
    assert_inferences_once(database, {found for found, _ in written} - {written[4][0]})
    database.write(inference()[1])
    database.flush(60)
    assert [found.suffix for found in path.parent.iterdir() if found.stem == path.stem] == [".damaged"]


def test_readers_do_not_wait_for_what_is_no_file_of_ours(tmp_path: Path) -> None:
    (tmp_path / "a.spool").write_bytes(b"TZSPOOL9" + bytes(100))
    (tmp_path / "b.spool").write_bytes(os.urandom(1000))
    (tmp_path / "c.spool").write_bytes(b"")
    Neighbours(tmp_path, "own").wait(600)  # pytest's own limit would end this


def test_the_checksum_of_the_head_is_what_the_documentation_says(whole: bytes) -> None:
    magic, noted, checksum = struct.unpack("<8sQI", whole[:20])
    assert (magic, noted, checksum) == (b"TZSPOOL2", 20 + SIZE, zlib.crc32(whole[:16]))
    assert struct.unpack("<4sII", whole[20:32]) == (b"REC1", SIZE - 12, zlib.crc32(whole[32 : 20 + SIZE]))
