"""The spool's files: what survives, what is read again, who may read it."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tensorzero.clickhouse import segment as segment_module
from tensorzero.clickhouse.errors import SpoolError
from tensorzero.clickhouse.segment import Segment, encode_record
from tensorzero.clickhouse.spool import MemorySpool, Spool, claim_orphans


def record(*numbers: int) -> bytes:
    return encode_record([b'ChatInference\t{"n":%d}\n' % number for number in numbers])


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.spool"))


def undelivered(segment: Segment) -> list[bytes]:
    rows: list[bytes] = []
    while (batch := segment.read(10)) is not None:
        rows += [row for _, row in batch.rows]
    return rows


def orphaned_rows(directory: Path) -> list[bytes]:
    """What a dead process left; the files are left as they were."""
    rows: list[bytes] = []
    for segment in claim_orphans(directory):
        rows += undelivered(segment)
        segment.release()
    return rows


def test_rows_are_read_in_the_order_of_writing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    spool.append(record(1, 2))
    spool.append(record(3))
    batch = spool.read(100)
    assert batch is not None
    assert batch.rows == [("ChatInference", b'{"n":1}'), ("ChatInference", b'{"n":2}'), ("ChatInference", b'{"n":3}')]
    assert spool.read(100) is None
    spool.close()


def test_files_are_private_to_the_user(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    spool.append(record(1))
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    assert stat.S_IMODE(files(tmp_path / "s")[0].stat().st_mode) == 0o600
    spool.close()


def test_a_file_of_a_living_process_is_nobodys_orphan(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(record(1))
    assert claim_orphans(tmp_path) == []
    spool.close()
    assert orphaned_rows(tmp_path) == [b'{"n":1}']


def test_settled_rows_are_not_read_again_and_delivered_files_vanish(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(6):
        spool.append(record(number))
    batch = spool.read(4)
    assert batch is not None
    spool.settle(batch)
    spool.close()
    assert orphaned_rows(tmp_path) == [b'{"n":4}', b'{"n":5}']
    empty = Spool(tmp_path / "empty")
    empty.append(record(1))
    whole = empty.read(10)
    assert whole is not None
    empty.settle(whole)
    empty.close()
    assert files(tmp_path / "empty") == []


def test_a_record_torn_at_any_byte_hides_no_earlier_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(record(1))
    whole = files(tmp_path)[0].stat().st_size
    spool.append(record(2))
    spool.close()
    path = files(tmp_path)[0]
    content = path.read_bytes()
    for length in range(whole, len(content)):
        path.write_bytes(content[:length])
        assert orphaned_rows(tmp_path) == [b'{"n":1}'], length
    path.write_bytes(content + b"\0" * 100)
    assert orphaned_rows(tmp_path) == [b'{"n":1}', b'{"n":2}']


def spoiled(directory: Path, spoil: Callable[[bytearray], None]) -> tuple[list[bytes], Segment]:
    """What a later process reads of three records after `spoil` changed the file; and the file."""
    spool = Spool(directory)
    for number in range(3):
        spool.append(record(number))
    spool.close()
    path = files(directory)[0]
    content = bytearray(path.read_bytes())
    spoil(content)
    path.write_bytes(content)
    [segment] = claim_orphans(directory)
    return undelivered(segment), segment


def flip(needle: bytes, offset: int = 0) -> Callable[[bytearray], None]:
    def spoil(content: bytearray) -> None:
        content[content.index(needle) + offset] ^= 1

    return spoil


def zero(start: int, end: int) -> Callable[[bytearray], None]:
    def spoil(content: bytearray) -> None:
        content[start:end] = bytes(end - start)

    return spoil


def add_junk(content: bytearray) -> None:
    content.extend(b"junk of somebody else")


SIZE = len(record(0))


@pytest.mark.parametrize(
    ("spoil", "left"),
    [
        (flip(b'{"n":1}', 5), [0, 2]),
        (flip(b'{"n":2}', 5), [0, 1]),
        (flip(b"REC1"), [1, 2]),
        (zero(16, 16 + SIZE), [1, 2]),
        (zero(0, 16 + SIZE), [1, 2]),
        (zero(0, 16), [0, 1, 2]),
        (add_junk, [0, 1, 2]),
    ],
    ids=["a row", "the last row", "a record's head", "a record of zeros", "the first page of zeros", "the head", "junk behind"],
)
def test_damage_hides_no_other_record_and_the_file_is_kept(
    tmp_path: Path, spoil: Callable[[bytearray], None], left: list[int]
) -> None:
    rows, segment = spoiled(tmp_path, spoil)
    assert rows == [b'{"n":%d}' % number for number in left]
    assert segment.damaged
    segment.remove()
    assert [found.suffix for found in tmp_path.iterdir()] == [".damaged"]


@pytest.mark.parametrize("delivered", [17, 16 + SIZE + 3, 10**9])
def test_a_wrong_note_of_what_is_delivered_hides_nothing(tmp_path: Path, delivered: int) -> None:
    def spoil(content: bytearray) -> None:
        content[8:16] = delivered.to_bytes(8, "little")

    rows, segment = spoiled(tmp_path, spoil)
    segment.release()
    assert rows == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


def test_a_file_that_lost_its_name_is_still_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(record(1))
    files(tmp_path)[0].unlink()
    batch = spool.read(10)
    assert batch is not None
    assert batch.rows == [("ChatInference", b'{"n":1}')]
    spool.close()


def test_a_disk_that_refuses_the_note_of_delivery_never_hides_later_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy-on-write disk that is full takes not even eight bytes in the middle."""

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    spool = Spool(tmp_path)
    spool.append(record(1))
    batch = spool.read(10)
    assert batch is not None
    with monkeypatch.context() as patched:
        patched.setattr(segment_module.os, "pwrite", refuse)
        spool.settle(batch)
    spool.append(record(2))
    spool.close()
    assert orphaned_rows(tmp_path) == [b'{"n":2}']


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "1-x-000001.spool"
    path.write_bytes(b"TZSPOOL9" + b"\0" * 50)
    assert Segment.claim(path) is None
    assert path.exists()


def test_steady_load_never_grows_the_files_without_bound(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=2000)
    for number in range(500):
        spool.append(record(number, number, number))
        if number % 7 == 6:  # always something left, never quite empty
            batch = spool.read(18)
            assert batch is not None
            spool.settle(batch)
            assert sum(path.stat().st_size for path in files(tmp_path)) < 40_000
    rows = 0
    while (batch := spool.read(1000)) is not None:
        rows += len(batch.rows)
        spool.settle(batch)
    spool.close()
    assert rows > 0
    assert files(tmp_path) == []


def test_a_short_write_keeps_nothing_of_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    spool.append(record(1))
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as patched:
        patched.setattr(segment_module.os, "write", half)
        with pytest.raises(SpoolError, match="could not be kept") as raised:
            spool.append(record(2))
    assert raised.value.hint
    spool.append(record(3))
    spool.close()
    assert orphaned_rows(tmp_path) == [b'{"n":1}', b'{"n":3}']


def test_records_of_many_threads_stay_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path)

    def write(start: int) -> None:
        for number in range(start, start + 200):
            spool.append(record(number))

    threads = [threading.Thread(target=write, args=(1000 * index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.close()
    rows = orphaned_rows(tmp_path)
    assert len(rows) == len(set(rows)) == 1600


def test_memory_spool_hands_out_each_row_once() -> None:
    spool = MemorySpool()
    spool.append(record(1, 2))
    batch = spool.read(10)
    assert batch is not None
    assert len(batch.rows) == 2
    assert spool.read(10) is None
