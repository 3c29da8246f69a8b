"""Nobody knows what has arrived: inserts still under way, answers that say nothing, a database that was replaced."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_rows import inference, thumbs_up
from stored_rows import OpenDatabase, assert_inferences_once, assert_thumbs_once, ids

from tensorzero.clickhouse.connection import EngineConnection
from tensorzero.clickhouse.database import Database, encode_row
from tensorzero.clickhouse.engine import Engine
from tensorzero.clickhouse.errors import DatabaseUnavailable
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.replay import complete
from tensorzero.clickhouse.segment import Segment

pytestmark = pytest.mark.slow

SLOW_INSERT = """INSERT INTO ChatInference (id, function_name, variant_name, episode_id, input, output, inference_params)
    SELECT '{id}', 'draft', toString(sleep(1.5)), '{episode}', '', '', ''"""
UNDER_WAY = Query("SELECT count() AS n FROM system.processes WHERE query_kind = 'Insert'")


def test_an_insert_under_way_is_waited_for_before_its_rows_are_written_again(
    tmp_path: Path, open_database: OpenDatabase
) -> None:
    """A killed process's insert goes on in the server, or in the holder of the directory."""
    database = open_database(f"chdb://{tmp_path}/db")
    inference_id, rows = inference()
    chat = rows[0][1]
    engine = Engine(tmp_path / "db")
    with engine.handle("tensorzero") as handle:
        sql = SLOW_INSERT.format(id=inference_id, episode=chat["episode_id"])
        insert = threading.Thread(target=handle.query, args=(sql,))
        insert.start()
        while database.query(UNDER_WAY) == [{"n": 0}]:
            assert insert.is_alive()
            time.sleep(0.01)
        complete(EngineConnection(engine, "tensorzero"), "tensorzero", "ChatInference", [encode_row(chat)])
        insert.join()
    assert ids(database, "ChatInference") == {inference_id: 1}
    engine.close()


def fail_first(monkeypatch: pytest.MonkeyPatch, failure: Callable[[], Exception], *, applied: bool) -> None:
    """The next insert into ChatInference ends in an exception, before or after it is done."""
    real, failed = EngineConnection.insert, []

    def insert(self: EngineConnection, table: str, lines: bytes) -> None:
        if applied or failed or table != "ChatInference":
            real(self, table, lines)
        if not failed and table == "ChatInference":
            failed.append(table)
            raise failure()

    monkeypatch.setattr(EngineConnection, "insert", insert)


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("failure", [lambda: ValueError("no JSON"), lambda: KeyError("data"), MemoryError])
def test_whatever_an_insert_raises_its_rows_arrive_once(
    tmp_path: Path,
    open_database: OpenDatabase,
    monkeypatch: pytest.MonkeyPatch,
    failure: Callable[[], Exception],
    applied: bool,
) -> None:
    """Half an answer makes a driver fail in ways of its own."""
    database = open_database(f"chdb://{tmp_path}/db")
    fail_first(monkeypatch, failure, applied=applied)
    inference_id, rows = inference()
    database.write(rows)
    wait_until_delivered(database)
    assert_inferences_once(database, {inference_id})


def wait_until_delivered(database: Database, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while database.status()["pending_rows"]:
        assert time.monotonic() < until, database.status()
        time.sleep(0.02)


def test_rows_for_a_database_that_was_replaced_go_into_a_new_one(tmp_path: Path, open_database: OpenDatabase) -> None:
    """A server that came back with an empty disk: the rows are not what is wrong."""
    database = open_database(f"chdb://{tmp_path}/db")
    engine = Engine(tmp_path / "db")
    with engine.handle() as handle:
        handle.query("DROP DATABASE tensorzero")
        handle.query("CREATE DATABASE tensorzero")
    inference_id, rows = inference()
    database.write(rows)
    feedback_id, rows = thumbs_up(inference_id)
    database.write(rows)
    wait_until_delivered(database)
    assert_inferences_once(database, {inference_id})
    assert_thumbs_once(database, {feedback_id})
    assert database.status()["refused_rows"] == 0
    engine.close()


def refuse(self: Segment, offset: int, length: int) -> bytes:
    """In place of a read."""
    raise OSError(5, "Input/output error")


def test_rows_that_the_disk_lost_are_said_and_not_waited_for(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    later, later_rows = inference()
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "_read_at", refuse)
        database.write(inference()[1])
        database.write(later_rows)
        [path] = (tmp_path / "db.spool").rglob("*.spool")
        content = bytearray(path.read_bytes())
        content[40] ^= 255
        path.write_bytes(content)
    wait_until_delivered(database)
    assert "2 rows" in caplog.text
    assert "cannot be read any more" in caplog.text
    assert_inferences_once(database, {later})
    assert [found.suffix for found in path.parent.iterdir()] == [".damaged"]


def test_a_spool_that_cannot_be_read_now_is_tried_again(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(f"chdb://{tmp_path}/db")

    inference_id, rows = inference()
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "_read_at", refuse)
        database.write(rows)
        with pytest.raises(DatabaseUnavailable, match="Input/output error"):
            database.flush(5)
    assert database.find_inference(uuid.UUID(inference_id)) is not None
    wait_until_delivered(database)
    assert database.query(Query("SELECT count() AS n FROM ChatInference")) == [{"n": 1}]
