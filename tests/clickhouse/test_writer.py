"""Delivery: order, outages, refused rows, and rows of which nobody knows whether they arrived."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from clickhouse_server import PASSWORD, ClickHouseServer
from sample_rows import Rows, inference, thumbs_up
from stored_rows import OpenDatabase, assert_inferences_once, assert_thumbs_once

from tensorzero.clickhouse.connection import EngineConnection
from tensorzero.clickhouse.database import Database, encode_row
from tensorzero.clickhouse.engine import Engine
from tensorzero.clickhouse.errors import DatabaseUnavailable
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.schema_views import VIEWS
from tensorzero.clickhouse.segment import Batch, Segment, encode_record
from tensorzero.clickhouse.spool import Spool
from tensorzero.clickhouse.tables import DERIVED

pytestmark = pytest.mark.slow

DERIVED_VIEWS = [(table, derived.view) for table, views in DERIVED.items() for derived in views]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouseServer]:
    running = ClickHouseServer(tmp_path / "server")
    running.start()
    yield running
    running.kill()


def leave_in_spool(directory: Path, records: list[Rows]) -> None:
    """What a process leaves that was killed before it could deliver these rows, or before it could say that it had."""
    spool = Spool(directory)
    for rows in records:
        spool.append(encode_record([table.encode() + b"\t" + encode_row(row) + b"\n" for table, row in rows]))
    spool.close()


def run(directory: Path, *statements: str) -> None:
    """Statements on a database that nobody has open."""
    engine = Engine(directory)
    with engine.handle("tensorzero") as handle:
        for statement in statements:
            handle.query(statement)
    engine.close()


def wait_until_delivered(database: Database, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while database.status()["pending_rows"]:
        assert time.monotonic() < until, database.status()
        time.sleep(0.02)


def test_rows_of_a_dead_process_are_written_by_the_next(tmp_path: Path, open_database: OpenDatabase) -> None:
    inference_id, rows = inference(tags={"a": "b"})
    feedback_id, feedback = thumbs_up(inference_id)
    # The feedback lies in the older file: the inference must reach the database first all the same.
    leave_in_spool(tmp_path / "db.spool" / "tensorzero", [feedback])
    leave_in_spool(tmp_path / "db.spool" / "tensorzero", [rows])
    database = open_database(f"chdb://{tmp_path}/db")
    assert_inferences_once(database, {inference_id}, tagged=True)
    assert_thumbs_once(database, {feedback_id})
    assert list((tmp_path / "db.spool").rglob("*.spool")) == []


def test_a_running_process_adopts_what_another_leaves(tmp_path: Path, open_database: OpenDatabase) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    inference_id, rows = inference()
    leave_in_spool(tmp_path / "db.spool" / "tensorzero", [rows])
    until = time.monotonic() + 60
    while database.query(Query("SELECT count() AS n FROM InferenceById")) == [{"n": 0}]:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert_inferences_once(database, {inference_id})


@pytest.mark.fault
def test_a_file_that_cannot_be_read_holds_no_other_rows_up(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "db.spool" / "tensorzero"
    unreadable_id, rows = inference()
    leave_in_spool(spool, [rows])
    [unreadable] = spool.glob("*.spool")
    readable_id, rows = inference()
    leave_in_spool(spool, [rows])
    broken, read = threading.Event(), Segment.read
    broken.set()

    def read_or_fail(segment: Segment, max_rows: int) -> Batch | None:
        if segment.path == unreadable and broken.is_set():
            raise OSError(5, "Input/output error")
        return read(segment, max_rows)

    monkeypatch.setattr(Segment, "read", read_or_fail)
    database = open_database(f"chdb://{tmp_path}/db")
    own_id, rows = inference()
    database.write(rows)
    until = time.monotonic() + 60
    while database.query(Query("SELECT count() AS n FROM InferenceById")) != [{"n": 2}]:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert_inferences_once(database, {readable_id, own_id})
    broken.clear()
    while unreadable.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert_inferences_once(database, {unreadable_id, readable_id, own_id})


def test_rows_that_had_arrived_are_not_written_again(tmp_path: Path, open_database: OpenDatabase) -> None:
    there, lacking = [inference(tags={"a": "b"}) for _ in range(5)], [inference(tags={"a": "b"}) for _ in range(5)]
    thumbs = [thumbs_up(inference_id) for inference_id, _ in there + lacking]
    database = open_database(f"chdb://{tmp_path}/db")
    for _, rows in there:
        database.write(rows)
    database.write(thumbs[0][1])
    database.close()
    leave_in_spool(tmp_path / "db.spool" / "tensorzero", [rows for _, rows in there + lacking] + [rows for _, rows in thumbs])
    assert_inferences_once(database, {inference_id for inference_id, _ in there + lacking}, tagged=True)
    assert_thumbs_once(database, {feedback_id for feedback_id, _ in thumbs})


@pytest.mark.parametrize("view", [view for table, view in DERIVED_VIEWS if table in ("ChatInference", "BooleanMetricFeedback")])
def test_a_batch_cut_before_a_view_is_completed(tmp_path: Path, open_database: OpenDatabase, view: str) -> None:
    """Killed inside an insert: the rows are there, what one view makes of them is not."""
    database = open_database(f"chdb://{tmp_path}/db")
    whole, cut = inference(tags={"a": "b", "c": "d"}), inference(tags={"a": "b", "c": "d"})
    thumbs = [thumbs_up(whole[0], tags={"e": "f"}), thumbs_up(cut[0], tags={"e": "f"})]
    database.write(whole[1])
    database.write(thumbs[0][1])
    database.close()
    create = next(found for found in VIEWS if found.name == view).create("tensorzero")
    run(tmp_path / "db", f"DROP VIEW {view} SYNC")
    direct = Engine(tmp_path / "db")
    with direct.handle("tensorzero") as handle:
        for table, row in (*cut[1], *thumbs[1][1]):
            handle.query(f"INSERT INTO {table} FORMAT JSONEachRow\n" + orjson.dumps(row).decode())
    direct.close()
    run(tmp_path / "db", create)
    leave_in_spool(tmp_path / "db.spool" / "tensorzero", [whole[1], cut[1], thumbs[0][1], thumbs[1][1]])
    database.flush()
    counts = database.query(Query("SELECT count() AS n FROM InferenceTag UNION ALL SELECT count() FROM TagInference"))
    assert [row["n"] for row in counts] == [4, 4]
    assert_thumbs_once(database, {feedback_id for feedback_id, _ in thumbs}, tagged=True)
    assert database.query(Query("SELECT count() AS n FROM InferenceById")) == [{"n": 2}]
    assert database.query(Query("SELECT count() AS n FROM InferenceByEpisodeId")) == [{"n": 2}]


@pytest.mark.parametrize(("table", "view"), DERIVED_VIEWS)
def test_every_view_can_be_run_for_chosen_rows(table: str, view: str) -> None:
    select = next(found for found in VIEWS if found.name == view).select
    assert f"{{db}}.{table}" in select


def test_a_refused_row_is_set_aside_and_blocks_nobody(
    tmp_path: Path, open_database: OpenDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    good = [inference() for _ in range(9)]
    _, bad = inference()
    bad[0][1]["no_such_column"] = 1
    for _, rows in good[:5]:
        database.write(rows)
    database.write(bad)
    for _, rows in good[5:]:
        database.write(rows)
    with caplog.at_level(logging.ERROR, "tensorzero"):
        database.flush()
    assert "refused a row of ChatInference" in caplog.text
    status = database.status()
    assert status["refused_rows"] == 1
    assert "no_such_column" in status["last_error"]
    [kept] = (tmp_path / "db.spool").rglob("*.refused")
    [entry] = map(json.loads, kept.read_text().splitlines())
    assert entry["table"] == "ChatInference"
    assert json.loads(entry["row"])["id"] == bad[0][1]["id"]
    found = {row["id"] for row in database.query(Query("SELECT toString(id) AS id FROM ChatInference"))}
    assert found == {inference_id for inference_id, _ in good}


def test_rows_for_an_unknown_table_are_set_aside(tmp_path: Path, open_database: OpenDatabase) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    inference_id, rows = inference()
    database.write([*rows, ("NoSuchTable", {"a": 1})])
    database.flush()
    assert database.status()["refused_rows"] == 1
    assert_inferences_once(database, {inference_id})


def test_a_server_gets_the_same_rows(server: ClickHouseServer, open_database: OpenDatabase) -> None:
    database = open_database(server.url)
    written = [inference(tags={"a": "b"}) for _ in range(50)]
    thumbs = [thumbs_up(inference_id) for inference_id, _ in written]
    for (_, rows), (_, feedback) in zip(written, thumbs, strict=True):
        database.write(rows)
        database.write(feedback)
    assert_inferences_once(database, {inference_id for inference_id, _ in written}, tagged=True)
    assert_thumbs_once(database, {feedback_id for feedback_id, _ in thumbs})


def test_the_spool_of_a_server_is_named_without_its_password(
    server: ClickHouseServer, open_database: OpenDatabase, tmp_path: Path
) -> None:
    database = open_database(server.url)
    database.write(inference()[1])
    spool = database.status()["spool"]
    assert Path(spool).is_relative_to(tmp_path / "state")
    assert PASSWORD not in spool
    assert PASSWORD not in json.dumps(database.status())


def test_an_outage_is_waited_out(
    server: ClickHouseServer, open_database: OpenDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(server.url)
    stored, rows = inference()
    database.write(rows)
    database.flush()
    server.kill()
    waiting = [inference() for _ in range(50)]
    for _, rows in waiting:
        database.write(rows)
    assert database.find_inference(uuid.UUID(waiting[0][0])) is not None
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable) as raised:
        database.find_inference(uuid.uuid4())
    assert time.monotonic() - began < 10, "a question waits for minutes where nobody answers it"
    assert PASSWORD not in str(raised.value)
    with pytest.raises(DatabaseUnavailable, match="not in the database yet"):
        database.flush(5)
    assert database.status()["pending_rows"] == 100
    assert "Rows wait in" in caplog.text
    assert PASSWORD not in caplog.text
    server.start()
    wait_until_delivered(database)
    assert_inferences_once(database, {stored, *(inference_id for inference_id, _ in waiting)})
    assert database.status()["last_error"] is None


def test_closing_during_an_outage_leaves_the_rows_for_the_next_start(
    server: ClickHouseServer, open_database: OpenDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(server.url)
    server.kill()
    inference_id, rows = inference()
    database.write(rows)
    database.close(1.0)
    assert "rows wait in" in caplog.text
    server.start()
    assert_inferences_once(open_database(server.url), {inference_id})


def test_a_close_that_could_not_wait_for_a_call_lets_go_when_the_call_ends(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    inside, gate, insert = threading.Event(), threading.Event(), EngineConnection.insert

    def slow(self: EngineConnection, table: str, lines: bytes) -> None:
        inside.set()
        gate.wait(60)
        insert(self, table, lines)

    monkeypatch.setattr(EngineConnection, "insert", slow)
    inference_id, rows = inference()
    database.write(rows)
    assert inside.wait(60)
    database.close(0.1)
    assert list((tmp_path / "db.spool").rglob("*.spool"))
    gate.set()
    until = time.monotonic() + 60
    while list((tmp_path / "db.spool").rglob("*.spool")):
        assert time.monotonic() < until
        time.sleep(0.02)
    other = open_database(f"chdb://{tmp_path}/other")
    assert_inferences_once(other, set())
    other.close()
    assert_inferences_once(database, {inference_id})
