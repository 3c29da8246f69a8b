"""A row that the database does not take, for whatever reason, blocks no other one; and an outage is no row's fault."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_rows import inference, thumbs_up
from stored_rows import OpenDatabase, assert_inferences_once, ids

from tensorzero.clickhouse import replay, stubborn
from tensorzero.clickhouse.connection import EngineConnection
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.division import Division
from tensorzero.clickhouse.errors import DatabaseUnavailable, QueryRefused
from tensorzero.clickhouse.query import Query

pytestmark = pytest.mark.fault

CODES = [241, 159, 252, 307, 1, 9999]
Refuse = Callable[[str, bytes], Exception | None]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stubborn, "LONGEST_PAUSE_SECONDS", 0.1)


def refuse_inserts(monkeypatch: pytest.MonkeyPatch, refuse: Refuse) -> list[tuple[str, int]]:
    """Every insert goes through `refuse(table, lines)`; returns what was tried: table, number of rows."""
    tried: list[tuple[str, int]] = []
    insert = EngineConnection.insert

    def inserting(self: EngineConnection, table: str, lines: bytes) -> None:
        tried.append((table, lines.count(b"\n") + 1))
        error = refuse(table, lines)
        if error is not None:
            raise error
        insert(self, table, lines)

    monkeypatch.setattr(EngineConnection, "insert", inserting)
    return tried


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def set_aside(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in (tmp_path / "db.spool").rglob("*.refused") for line in path.read_text().splitlines()]


def delivered(database: Database) -> bool:
    return database.status()["pending_rows"] == 0


def refusal(code: int) -> Exception:
    return QueryRefused(f"Code: {code}. DB::Exception: not now", code=code)


@pytest.mark.parametrize("code", CODES)
def test_a_row_that_keeps_failing_is_set_aside_in_words_and_the_others_go_through(
    tmp_path: Path,
    open_database: OpenDatabase,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: int,
) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    written = [inference() for _ in range(60)]
    culprit = written[23][0]

    def refuse(table: str, lines: bytes) -> Exception | None:
        return refusal(code) if table == "ChatInference" and culprit.encode() in lines else None

    tried = refuse_inserts(monkeypatch, refuse)
    for _, rows in written:
        database.write(rows)
    with caplog.at_level(logging.WARNING, "tensorzero"):
        wait_until(lambda: delivered(database))
    [entry] = set_aside(tmp_path)
    assert json.loads(entry["row"])["id"] == culprit
    assert f"Code: {code}" in entry["error"]
    assert "refused a row of ChatInference" in caplog.text
    assert database.status()["refused_rows"] == 1
    others = {found for found, _ in written} - {culprit}
    assert set(ids(database, "ChatInference")) == others
    assert set(ids(database, "ChatInference").values()) == {1}
    assert len(tried) < 60, "the good rows went one by one"


def test_rows_behind_the_culprit_are_read_while_it_is_still_tried(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stubborn, "FAILURES", 10**6)
    database = open_database(f"chdb://{tmp_path}/db")
    culprit, rows = inference()
    refuse_inserts(
        monkeypatch, lambda table, lines: refusal(241) if table == "ChatInference" and culprit.encode() in lines else None
    )
    database.write(rows)
    wait_until(lambda: database._opened().writer.delivery.stubborn)  # pyright: ignore[reportPrivateUsage]
    later, rows = inference()
    database.write(rows)
    rows_found = database.query(Query("SELECT toString(id) AS id FROM ChatInference"))
    assert [row["id"] for row in rows_found] == [later]
    assert database.find_inference(uuid.UUID(culprit)), "feedback on it is still accepted"
    with pytest.raises(DatabaseUnavailable, match=r"1 rows are not in the database yet.*241"):
        database.flush()
    assert database.status()["pending_rows"] == 1
    assert set_aside(tmp_path) == []


def test_a_row_that_stands_aside_survives_its_process(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"chdb://{tmp_path}/db"
    database = open_database(url)
    culprit, rows = inference()
    other, more = inference()
    with monkeypatch.context() as patched:
        patched.setattr(stubborn, "FAILURES", 10**6)
        refuse_inserts(
            patched, lambda table, lines: refusal(241) if table == "ChatInference" and culprit.encode() in lines else None
        )
        database.write(rows)
        database.write(more)
        wait_until(lambda: database._opened().writer.delivery.stubborn)  # pyright: ignore[reportPrivateUsage]
        database.close()
    assert_inferences_once(open_database(url), {culprit, other})
    assert set_aside(tmp_path) == []


@pytest.mark.parametrize("code", [241, 252, 243])
def test_a_database_that_takes_nothing_is_waited_for_and_nothing_is_set_aside(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """It answers questions and takes no insert: its disk is full, or it has too many parts."""
    database = open_database(f"chdb://{tmp_path}/db")
    broken = True
    tried = refuse_inserts(monkeypatch, lambda table, lines: refusal(code) if broken else None)
    written = []
    for _ in range(8):
        for _ in range(3):
            inference_id, rows = inference()
            database.write(rows)
            written.append(inference_id)
        time.sleep(0.3)
    assert set_aside(tmp_path) == []
    assert database.status()["pending_rows"] == 2 * len(written)
    assert len(tried) < 60, "a database in trouble is asked again and again"
    broken = False
    wait_until(lambda: delivered(database))
    assert_inferences_once(database, set(written))
    assert set_aside(tmp_path) == []


def test_a_row_that_cuts_the_connection_is_found_too(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too large for a proxy on the way, say: the database answers everything else."""
    database = open_database(f"chdb://{tmp_path}/db")
    written = [inference() for _ in range(9)]
    culprit = written[4][0]

    def refuse(table: str, lines: bytes) -> Exception | None:
        cut = table == "ChatInference" and culprit.encode() in lines
        return DatabaseUnavailable("The database does not answer: broken pipe") if cut else None

    refuse_inserts(monkeypatch, refuse)
    for _, rows in written:
        database.write(rows)
    wait_until(lambda: delivered(database))
    assert [json.loads(entry["row"])["id"] for entry in set_aside(tmp_path)] == [culprit]
    assert set(ids(database, "ChatInference")) == {found for found, _ in written} - {culprit}


def test_a_question_over_a_batch_that_fails_is_divided_too(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that a dead process left: the database is asked which it has before any is inserted."""
    url = f"chdb://{tmp_path}/db"
    written = [inference() for _ in range(20)]
    culprit = written[7][0]
    from test_writer import leave_in_spool

    leave_in_spool(tmp_path / "db.spool" / "tensorzero", [rows for _, rows in written])
    real = replay.complete

    def complete(connection: Any, database: str, table: str, lines: Any) -> None:
        if table == "ChatInference" and any(culprit.encode() in line for line in lines):
            raise refusal(241)
        real(connection, database, table, lines)

    monkeypatch.setattr("tensorzero.clickhouse.delivery.complete", complete)
    database = open_database(url)
    wait_until(lambda: set_aside(tmp_path))
    assert [json.loads(entry["row"])["id"] for entry in set_aside(tmp_path)] == [culprit]
    wait_until(lambda: delivered(database))
    assert set(ids(database, "ChatInference")) == {found for found, _ in written} - {culprit}


def test_an_error_of_ours_over_one_row_blocks_no_other(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    written = [inference() for _ in range(9)]
    culprit = written[0][0]
    refuse_inserts(monkeypatch, lambda table, lines: ValueError("odd") if culprit.encode() in lines else None)
    for _, rows in written:
        database.write(rows)
    wait_until(lambda: delivered(database))
    # The culprit's id stands in its ChatInference row and in its ModelInference row.
    assert {entry["table"] for entry in set_aside(tmp_path)} == {"ChatInference", "ModelInference"}
    assert set(ids(database, "ChatInference")) == {found for found, _ in written} - {culprit}


def test_a_dear_attempt_is_not_repeated_needlessly(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A huge row is suspected first: the others need no search."""
    database = open_database(f"chdb://{tmp_path}/db")
    written = [inference(tags={"t": "x" * (200_000 if number == 70 else 1)}) for number in range(100)]
    culprit = written[70][0]
    refuse_inserts(
        monkeypatch, lambda table, lines: refusal(241) if table == "ChatInference" and culprit.encode() in lines else None
    )
    failing: list[int] = []
    attempt = type(database._opened().writer.delivery)._attempt  # pyright: ignore[reportPrivateUsage]

    def counting(self: Any, table: str, lines: list[bytes], *, ask: bool) -> Any:
        failure = attempt(self, table, lines, ask=ask)
        if failure is not None:
            failing.append(len(lines))
        return failure

    monkeypatch.setattr(f"{attempt.__module__}.Delivery._attempt", counting)
    for _, rows in written:
        database.write(rows)
    wait_until(lambda: delivered(database))
    assert [json.loads(entry["row"])["id"] for entry in set_aside(tmp_path)] == [culprit]
    assert len(failing) <= 6, failing
    assert failing.count(1) == 3


def test_feedback_is_divided_like_inferences(
    tmp_path: Path, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(f"chdb://{tmp_path}/db")
    inference_id, rows = inference()
    database.write(rows)
    thumbs = [thumbs_up(inference_id) for _ in range(12)]
    culprit = thumbs[11][0]
    refuse_inserts(monkeypatch, lambda _, lines: refusal(241) if culprit.encode() in lines else None)
    for _, rows in thumbs:
        database.write(rows)
    wait_until(lambda: delivered(database))
    assert set(ids(database, "BooleanMetricFeedback")) == {found for found, _ in thumbs} - {culprit}


@pytest.mark.parametrize("culprits", [{0}, {99}, {50}, {0, 1, 2}, {7, 8, 60, 99}, set(range(20, 40))])
def test_a_division_finds_every_culprit_with_few_attempts(culprits: set[int]) -> None:
    lines = [b"%03d" % number for number in range(100)]
    division, through, alone, attempts = Division(lines), [], [], 0
    while part := division.part:
        attempts += 1
        if not any(int(line) in culprits for line in part):
            through += part
            division.went_through()
        elif len(part) > 1:
            division.divide()
        else:
            alone += part
            division.take_out()
    assert sorted(alone) == [b"%03d" % number for number in sorted(culprits)]
    assert sorted(through + alone) == lines
    assert attempts < 20 * len(culprits)
