"""Two notebooks in one folder: what one was promised, the other one reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from other_process import OtherProcess
from stored_rows import OpenDatabase

from tensorzero.clickhouse.neighbours import Neighbours
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.segment import encode_record
from tensorzero.clickhouse.spool import Spool

pytestmark = pytest.mark.fault

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from sample_rows import inference
from tensorzero.clickhouse.database import Database
database = Database.open(sys.argv[1])
print("open", flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        database.write(inference()[1])
    print("written", flush=True)
"""


class Neighbour(OtherProcess):
    """Another process on the same database, which writes as many inferences as it is told to."""

    def __init__(self, url: str) -> None:
        super().__init__(WRITER, url)

    def write(self, inferences: int) -> None:
        """Until they are acknowledged, which says nothing of the database."""
        self.tell(str(inferences))
        assert self.line() == "written"


@pytest.fixture
def url(prepared_database: Callable[..., str]) -> str:
    return prepared_database()


@pytest.fixture
def neighbours(url: str) -> Iterator[list[Neighbour]]:
    started: list[Neighbour] = []
    yield started
    for neighbour in started:
        neighbour.kill()


RECORD = encode_record([b"ChatInference\t{}\n"])
COUNT = Query("SELECT count() AS n FROM ChatInference")


@pytest.mark.parametrize("reader", ["holder", "second"])
def test_a_read_sees_what_another_process_has_acknowledged(
    url: str, open_database: OpenDatabase, neighbours: list[Neighbour], reader: str
) -> None:
    if reader == "holder":
        database = open_database(url)
        neighbours.append(Neighbour(url))
    else:
        neighbours.append(Neighbour(url))
        database = open_database(url)
    for total in range(1, 13):
        neighbours[0].write(1)
        assert database.query(COUNT)[0]["n"] == total
    neighbours[0].write(300)
    assert database.query(COUNT)[0]["n"] == 312


def test_a_read_sees_what_a_killed_process_has_acknowledged(
    url: str, open_database: OpenDatabase, neighbours: list[Neighbour]
) -> None:
    database = open_database(url)
    neighbours.append(Neighbour(url))
    neighbours[0].write(50)
    neighbours[0].process.kill()
    assert database.query(COUNT)[0]["n"] == 50


def test_a_file_that_does_not_move_holds_readers_up_only_once_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stopped = Spool(tmp_path)
    stopped.append(RECORD)
    neighbours = Neighbours(tmp_path, "own")
    began = time.monotonic()
    neighbours.wait(0.2)
    assert time.monotonic() - began >= 0.2
    neighbours.wait(600)  # pytest's own limit would end this
    assert caplog.text.count("this read lacks them") == 1
    stopped.append(RECORD)
    began = time.monotonic()
    neighbours.wait(0.2)
    assert time.monotonic() - began >= 0.2
    stopped.close()


def test_own_files_delivered_ones_and_strange_ones_are_not_waited_for(tmp_path: Path) -> None:
    own = Spool(tmp_path)
    own.append(RECORD)
    (tmp_path / "strange.spool").write_bytes(b"TZSPOOL9" + bytes(100))
    (tmp_path / "short.spool").write_bytes(b"TZ")
    delivered = Spool(tmp_path)
    delivered.append(RECORD)
    batch = delivered.read(10)
    assert batch
    delivered.settle(batch)
    Neighbours(tmp_path, own.stem).wait(600)  # pytest's own limit would end this
    own.close()
    delivered.close()
