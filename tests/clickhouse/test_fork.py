"""After a fork the child has a spool and connections of its own, chdb stays the parent's, and nothing hangs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_server import ClickHouseServer

pytestmark = pytest.mark.fault

PROGRAM = """
import json, multiprocessing, os, sys, time
sys.path.insert(0, sys.argv[3])
from sample_rows import inference
from stored_rows import assert_inferences_once
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.errors import AfterFork, DatabaseUnavailable
from tensorzero.clickhouse.query import Query

way, url = sys.argv[1:3]
database = Database.open(url)
here, rows = inference()
database.write(rows)
count = Query("SELECT count() AS n FROM ChatInference")
assert database.query(count) == [{"n": 1}]
waiting, rows = inference()
reader, writer = os.pipe()


def child():
    inference_id, rows = inference()
    database.write(rows)
    os.write(writer, inference_id.encode())
    began = time.monotonic()
    if url.startswith("chdb"):
        try:
            database.query(count)
        except AfterFork as error:
            assert "fork" in error.message and error.hint
        else:
            raise SystemExit("a read in the child was answered")
    else:
        assert database.query(count)[0]["n"] >= 2
    assert time.monotonic() - began < 5


def wait(pid):
    until = time.monotonic() + 20  # it may take two seconds to say goodbye
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, 9)
    raise SystemExit("the child hung")


database.write(rows)  # still in the parent's spool when the child begins
if way == "fork":
    pid = os.fork()
    if pid == 0:
        child()
        sys.exit(7)
    assert wait(pid) == 7
else:
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(20)
    if process.is_alive():
        process.kill()
        raise SystemExit("the child hung")
    assert process.exitcode == 0, process.exitcode
there = os.read(reader, 100).decode()
until = time.monotonic() + 30
while database.query(count) != [{"n": 3}]:
    assert time.monotonic() < until, "the child's row did not arrive"
    time.sleep(0.05)
assert_inferences_once(database, {here, waiting, there})
database.close()
print("well")
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouseServer]:
    running = ClickHouseServer(tmp_path / "server")
    running.start()
    yield running
    running.kill()


def run(way: str, url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, way, url, str(Path(__file__).parent)], capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stdout.strip()) == (0, "well"), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
@pytest.mark.parametrize("way", ["fork", "multiprocessing"])
class TestFork:
    def test_with_a_chdb_directory(self, way: str, tmp_path: Path) -> None:
        run(way, f"chdb://{tmp_path}/db")

    def test_with_a_database_in_memory(self, way: str) -> None:
        run(way, "chdb://memory")

    def test_with_a_server(self, way: str, server: ClickHouseServer) -> None:
        run(way, server.url)
