"""An interrupt at any step loses no acknowledged row, doubles none, and stops nothing: Stop is an everyday key."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from interruptions import MODULES, Interrupt
from sample_rows import Rows, inference, thumbs_up
from stored_rows import OpenDatabase, assert_inferences_once, ids

from tensorzero.clickhouse.database import Database, encode_row
from tensorzero.clickhouse.errors import SpoolError
from tensorzero.clickhouse.link import Link
from tensorzero.clickhouse.segment import Segment, encode_record
from tensorzero.clickhouse.spool import Spool, claim_orphans
from tensorzero.clickhouse.url import parse_url
from tensorzero.clickhouse.writer import Writer

pytestmark = pytest.mark.fault

DATABASE_MODULES = (*MODULES, "database")

STRIDE = int(os.environ.get("TENSORZERO_TEST_STRIDE", "7"))
"""A step that starts a thread costs a while: every so many are tried. With 1 all of them are, in some minutes."""


def record(number: int) -> bytes:
    return encode_record([b'ChatInference\t{"n":%d}\n' % number])


def numbers_in(segments: list[Segment]) -> Counter[int]:
    found: Counter[int] = Counter()
    for segment in segments:
        while (batch := segment.read(1000)) is not None:
            found.update(json.loads(row)["n"] for _, row in batch.rows)
        segment.release()
    return found


def encoded(rows: Rows) -> bytes:
    return encode_record([table.encode() + b"\t" + encode_row(row) + b"\n" for table, row in rows])


def assert_kept(found: Counter[str], acknowledged: set[str], interrupted: set[str]) -> None:
    """What was acknowledged once; what was interrupted once or never; nothing else."""
    assert set(found.values()) <= {1}
    assert acknowledged <= set(found)
    assert set(found) <= acknowledged | interrupted


@pytest.mark.parametrize("opcodes", [False, True], ids=["line", "bytecode"])
@pytest.mark.parametrize("before", [0, 1, 5], ids=["the first record", "the second", "one that needs another file"])
def test_an_append_interrupted_at_any_step_spoils_no_other(tmp_path: Path, before: int, opcodes: bool) -> None:
    for step in itertools.count(1):
        directory = tmp_path / str(step)
        spool = Spool(directory, segment_bytes=200)
        for number in range(before):
            spool.append(record(number))
        interrupt = Interrupt(step, opcodes=opcodes)
        returned = interrupt.call(spool.append, record(100))
        for number in (200, 201):
            spool.append(record(number))
        spool.close()
        found = numbers_in(claim_orphans(directory))
        promised = {*range(before), 200, 201, *([100] if returned else [])}
        assert promised <= set(found) <= promised | {100}, interrupt.where
        assert set(found.values()) == {1}, interrupt.where
        assert not list(directory.glob("*.damaged"))
        if returned:
            assert step > 10
            return


@pytest.mark.parametrize("lacking", [1, 10, 40], ids=["a byte", "ten", "all but the start"])
def test_a_short_write_interrupted_at_any_step_cuts_nothing_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: int
) -> None:
    """A full disk and Ctrl-C: whatever stands behind the torn record was acknowledged."""
    real = os.write

    def short(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: max(1, len(data) - lacking)])

    def refused(spool: Spool) -> None:
        with pytest.raises(SpoolError):
            spool.append(record(2))

    for step in itertools.count(1):
        directory = tmp_path / str(step)
        spool = Spool(directory)
        spool.append(record(1))
        interrupt = Interrupt(step, opcodes=True)
        with monkeypatch.context() as patched:
            patched.setattr("tensorzero.clickhouse.segment.os.write", short)
            returned = interrupt.call(refused, spool)
        spool.append(record(3))
        spool.append(record(4))
        spool.close()
        assert numbers_in(claim_orphans(directory)) == Counter([1, 3, 4]), interrupt.where
        if returned:
            assert step > 50
            return


def test_a_write_interrupted_at_any_step_leaves_a_database_that_goes_on(tmp_path: Path, open_database: OpenDatabase) -> None:
    """Rows, pending targets, flush and counts, all on one database that is interrupted again and again."""
    database = open_database(f"chdb://{tmp_path}/db")
    acknowledged: set[str] = set()
    interrupted: set[str] = set()
    step = 0
    while True:
        step += 1
        inference_id, rows = inference()
        interrupt = Interrupt(step, modules=DATABASE_MODULES, opcodes=True)
        returned = interrupt.call(database.write, rows)
        (acknowledged if returned else interrupted).add(inference_id)
        inference_id, rows = inference()
        database.write(rows)
        acknowledged.add(inference_id)
        assert database.find_inference(uuid.UUID(inference_id)), interrupt.where
        if step % 100 == 0:
            database.flush(60)
            assert database.status()["pending_rows"] == 0, interrupt.where
        if returned:
            break
    assert step > 200
    database.flush(60)
    assert database.status()["pending_rows"] == 0
    found = ids(database, "ChatInference")
    assert_kept(found, acknowledged, interrupted)
    assert_inferences_once(database, set(found))


def test_a_start_of_the_thread_interrupted_at_any_step_is_made_up_for(tmp_path: Path, open_database: OpenDatabase) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    link = Link(parse_url(f"chdb://{tmp_path}/db"))
    acknowledged: set[str] = set()
    interrupted: set[str] = set()
    for step in itertools.count(1, STRIDE):
        directory = tmp_path / "spools" / str(step)
        writer = Writer(Spool(directory), link, directory)
        inference_id, rows = inference()
        interrupt = Interrupt(step, modules=(*MODULES, "database"))
        returned = interrupt.call(writer.write, encoded(rows), rows)
        (acknowledged if returned else interrupted).add(inference_id)
        inference_id, rows = inference()
        assert writer.write(encoded(rows), rows), interrupt.where
        acknowledged.add(inference_id)
        writer.flush(60)
        assert writer.stop(60), interrupt.where
        assert not list(directory.glob("*.spool")), interrupt.where
        if returned:
            break
    link.close()
    found = ids(database, "ChatInference")
    assert_kept(found, acknowledged, interrupted)


@pytest.mark.parametrize("call", ["flush", "stop"])
def test_a_flush_or_stop_interrupted_at_any_step_can_be_repeated(
    tmp_path: Path, open_database: OpenDatabase, call: str
) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    link = Link(parse_url(f"chdb://{tmp_path}/db"))
    acknowledged: set[str] = set()
    for step in itertools.count(1, STRIDE):
        directory = tmp_path / "spools" / str(step)
        writer = Writer(Spool(directory), link, directory)
        for _ in range(2):
            inference_id, rows = inference()
            assert writer.write(encoded(rows), rows)
            acknowledged.add(inference_id)
        interrupt = Interrupt(step)
        returned = interrupt.call(getattr(writer, call), 60.0)
        inference_id, rows = inference()
        if writer.write(encoded(rows), rows):
            acknowledged.add(inference_id)
        assert writer.stop(60), interrupt.where
        for segment in claim_orphans(directory):  # what came while it was stopping waits for the next one
            rows_left = [row for _, row in iter_rows(segment)]
            database.write([("ChatInference", json.loads(row)) for row in rows_left if b"function_name" in row])
            segment.remove()
        if returned:
            break
    link.close()
    assert set(ids(database, "ChatInference")) == acknowledged
    assert set(ids(database, "ChatInference").values()) == {1}


def iter_rows(segment: Segment) -> Iterator[tuple[str, bytes]]:
    while (batch := segment.read(1000)) is not None:
        yield from batch.rows


@pytest.mark.fault
@pytest.mark.slow
def test_an_opening_and_a_close_interrupted_anywhere_lose_nothing(tmp_path: Path) -> None:
    """What a dead process left is there to be claimed each time."""
    random.seed(7)
    acknowledged: set[str] = set()
    interrupted: set[str] = set()
    database = Database(f"chdb://{tmp_path}/db")

    def one_session() -> None:
        inference_id, rows = inference()
        interrupted.add(inference_id)
        database.write(rows)
        interrupted.discard(inference_id)
        acknowledged.add(inference_id)
        database.close()

    for _ in range(12):
        left, rows = inference()
        spool = Spool(tmp_path / "db.spool" / "tensorzero")
        spool.append(encoded(rows))
        spool.close()
        acknowledged.add(left)
        Interrupt(random.randint(1, 400), modules=DATABASE_MODULES).call(one_session)
        inference_id, rows = inference()
        database.write(rows)
        acknowledged.add(inference_id)
    database.close()
    database = Database(f"chdb://{tmp_path}/db")
    database.flush(60)
    assert_kept(ids(database, "ChatInference"), acknowledged, interrupted)
    database.close()
    assert not list((tmp_path / "db.spool").rglob("*.spool"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no interval timer")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an interrupt inside a finalizer is dropped
def test_real_interrupts_at_random_moments_lose_nothing(tmp_path: Path, open_database: OpenDatabase) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    acknowledged: set[str] = set()
    interrupted: set[str] = set()
    writing = False

    def stop(number: int, frame: FrameType | None) -> None:
        if writing:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    random.seed(11)
    until, stops = time.monotonic() + 3, 0
    try:
        while time.monotonic() < until:
            inference_id, rows = inference()
            feedback = thumbs_up(inference_id)[1]
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 2e-4))
            try:
                writing = True
                database.write(rows)
                writing = False
                acknowledged.add(inference_id)
            except KeyboardInterrupt:
                stops += 1
                interrupted.add(inference_id)
            finally:
                writing = False
            if inference_id in acknowledged:
                database.write(feedback)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert stops > 50
    database.flush(60)
    assert database.status()["pending_rows"] == 0
    assert_kept(ids(database, "ChatInference"), acknowledged, interrupted)
    assert set(ids(database, "BooleanMetricFeedback", "target_id")) == acknowledged
