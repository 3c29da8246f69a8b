"""Killed processes, a dead database, a full disk: rows afterwards are what was acknowledged, each once."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_server import ClickHouseServer
from sample_rows import inference, thumbs_up
from stored_rows import OpenDatabase, assert_inferences_once, assert_thumbs_once, ids

from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.query import Query

pytestmark = pytest.mark.fault

WRITING = """
import sys
sys.path.insert(0, sys.argv[2])
from sample_rows import inference, thumbs_up
from tensorzero.clickhouse.database import Database
database = Database.open(sys.argv[1])
for number in range(int(sys.argv[3])):
    inference_id, rows = inference(tags={"n": str(number)})
    database.write(rows)
    print("i", inference_id, flush=True)
    feedback_id, rows = thumbs_up(inference_id, tags={"n": str(number)})
    database.write(rows)
    print("f", feedback_id, flush=True)
database.close()
print("done", flush=True)
"""


def writing_process(url: str, count: int = 500, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITING, url, str(Path(__file__).parent), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]


def kill_after(process: subprocess.Popen[str], acknowledgements: int, seconds: float) -> tuple[set[str], set[str]]:
    """Read that many acknowledgements, wait, `kill -9`; returns every inference and feedback acknowledged till then."""
    assert process.stdout
    assert process.stderr
    lines = [process.stdout.readline() for _ in range(acknowledgements)]
    time.sleep(seconds)
    process.kill()
    lines += process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    pairs = [line.split() for line in lines if len(line.split()) == 2]
    whole = {found for kind, found in pairs if kind == "i" and len(found) == 36}
    return whole, {found for kind, found in pairs if kind == "f" and len(found) == 36}


def assert_acknowledged_once(database: Database, inferences: set[str], thumbs: set[str], *, kills: int = 1) -> None:
    """All of them, once; and nothing else but the one record of each kill that was kept while its process died."""
    kept = set(ids(database, "ChatInference")), set(ids(database, "BooleanMetricFeedback"))
    assert inferences <= kept[0]
    assert thumbs <= kept[1]
    assert len(kept[0] - inferences) + len(kept[1] - thumbs) <= kills
    assert_inferences_once(database, kept[0], tagged=True)
    assert_thumbs_once(database, kept[1], tagged=True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouseServer]:
    running = ClickHouseServer(tmp_path / "server")
    running.start()
    yield running
    running.kill()


def test_a_process_killed_among_its_writes_loses_nothing(tmp_path: Path, open_database: OpenDatabase) -> None:
    url = f"chdb://{tmp_path}/db"
    inferences: set[str] = set()
    thumbs: set[str] = set()
    rounds = [(1, 0.0), (300, 0.0), (700, 0.0), (120, 0.21), (240, 0.23), (360, 0.25), (999, 0.27)]
    for acknowledgements, seconds in rounds:
        found = kill_after(writing_process(url), acknowledgements, seconds)
        inferences |= found[0]
        thumbs |= found[1]
    assert len(inferences) > 500
    assert_acknowledged_once(open_database(url), inferences, thumbs, kills=len(rounds))


def test_a_server_killed_inside_inserts_gets_every_row_once(server: ClickHouseServer, open_database: OpenDatabase) -> None:
    database = open_database(server.url)
    inferences: set[str] = set()
    thumbs: set[str] = set()
    for pause in (0.2, 0.25, 0.3):
        for _ in range(150):
            inference_id, rows = inference(tags={"a": "b"})
            database.write(rows)
            inferences.add(inference_id)
            feedback_id, rows = thumbs_up(inference_id, tags={"a": "b"})
            database.write(rows)
            thumbs.add(feedback_id)
        time.sleep(pause)
        server.kill()
        server.start()
    until = time.monotonic() + 60
    while database.status()["pending_rows"]:
        assert time.monotonic() < until, database.status()
        time.sleep(0.05)
    assert_inferences_once(database, inferences, tagged=True)
    assert_thumbs_once(database, thumbs, tagged=True)


def test_an_outage_during_five_hundred_inferences_loses_nothing(server: ClickHouseServer, open_database: OpenDatabase) -> None:
    database = open_database(server.url)
    inferences: set[str] = set()
    thumbs: set[str] = set()
    for number in range(500):
        if number == 100:
            database.flush()  # aggregates can be off where an insert was under way
            server.kill()
        inference_id, rows = inference(tags={"a": "b"})
        database.write(rows)
        inferences.add(inference_id)
        feedback_id, rows = thumbs_up(inference_id, tags={"a": "b"})
        database.write(rows)
        thumbs.add(feedback_id)
    time.sleep(1.0)
    server.start()
    until = time.monotonic() + 60
    while database.status()["pending_rows"]:
        assert time.monotonic() < until, database.status()
        time.sleep(0.05)
    assert_inferences_once(database, inferences, tagged=True)
    assert_thumbs_once(database, thumbs, tagged=True)
    statistics = "SELECT sum(count) AS n, avgMerge(feedback_mean) AS mean FROM FeedbackByVariantStatistics"
    assert database.query(Query(statistics)) == [{"n": 500, "mean": 1.0}]


def test_a_process_killed_in_an_outage_is_finished_by_the_next(server: ClickHouseServer, open_database: OpenDatabase) -> None:
    process = writing_process(server.url, 5000)
    assert process.stdout
    first = process.stdout.readline().split()[1]
    server.kill()
    inferences, thumbs = kill_after(process, 400, 0)
    server.start()
    assert_acknowledged_once(open_database(server.url), {first, *inferences}, thumbs)


KILLED_INSIDE = """
import os, signal, sys, threading
sys.path.insert(0, sys.argv[2])
from sample_rows import inference, thumbs_up
from tensorzero.clickhouse import connection
from tensorzero.clickhouse.database import Database

table, seconds = sys.argv[3], float(sys.argv[4])
real = connection.EngineConnection.insert
written = threading.Event()


def insert(self, into, lines):
    written.wait()
    if into == table:
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    real(self, into, lines)


connection.EngineConnection.insert = insert
database = Database.open(sys.argv[1])
for _ in range(300):
    inference_id, rows = inference(tags={"a": "b"})
    database.write(rows)
    print("i", inference_id)
    feedback_id, rows = thumbs_up(inference_id, tags={"a": "b"})
    database.write(rows)
    print("f", feedback_id)
sys.stdout.flush()
written.set()
database.flush()
threading.Event().wait()
"""


def test_a_process_killed_inside_an_insert_is_completed(tmp_path: Path, open_database: OpenDatabase) -> None:
    """Killed some milliseconds into the insert of a batch, at a point that differs from round to round."""
    url = f"chdb://{tmp_path}/db"
    inferences: set[str] = set()
    thumbs: set[str] = set()
    for table, milliseconds in [
        ("ChatInference", 4),
        ("ChatInference", 12),
        ("BooleanMetricFeedback", 4),
        ("BooleanMetricFeedback", 9),
    ]:
        command = [sys.executable, "-c", KILLED_INSIDE, url, str(Path(__file__).parent), table, str(milliseconds / 1000)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        assert done.returncode == -9, done.stderr
        pairs = [line.split() for line in done.stdout.splitlines()]
        assert len(pairs) == 600
        inferences |= {found for kind, found in pairs if kind == "i"}
        thumbs |= {found for kind, found in pairs if kind == "f"}
    database = open_database(url)
    assert_inferences_once(database, inferences, tagged=True)
    assert_thumbs_once(database, thumbs, tagged=True)


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


def test_a_disk_that_refuses_is_said_and_acknowledges_nothing(server: ClickHouseServer, open_database: OpenDatabase) -> None:
    """The database is down, so the spool fills up; the write that does not fit raises, and all before it are kept."""
    process = writing_process(server.url, 5000, preexec_fn=limit_files)
    assert process.stdout
    assert process.stderr
    lines = [process.stdout.readline()]
    server.kill()
    lines += process.stdout.read().splitlines()
    errors = process.stderr.read()
    assert process.wait(60) != 0
    process.stdout.close()
    process.stderr.close()
    assert "SpoolError" in errors
    assert "could not be kept in the spool" in errors
    pairs = [line.split() for line in lines]
    inferences = {found for kind, found in pairs if kind == "i"}
    thumbs = {found for kind, found in pairs if kind == "f"}
    assert 10 < len(inferences) < 5000
    server.start()
    database = open_database(server.url)
    assert_inferences_once(database, inferences, tagged=True)
    assert_thumbs_once(database, thumbs, tagged=True)
