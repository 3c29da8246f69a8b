"""Several processes on one chdb directory: everybody reads and writes, whoever holds it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from other_process import OtherProcess
from sample_rows import inference
from stored_rows import OpenDatabase, assert_inferences_once

from tensorzero.clickhouse import holder
from tensorzero.clickhouse.database import Database, encode_row
from tensorzero.clickhouse.errors import DatabaseHeld, DatabaseUnavailable
from tensorzero.clickhouse.query import Query

pytestmark = pytest.mark.slow

HOLDER = """
import sys
sys.path.insert(0, sys.argv[2])
from sample_rows import inference
from tensorzero.clickhouse.database import Database
database = Database.open(sys.argv[1])
inference_id, rows = inference()
database.write(rows)
database.flush()
print(inference_id, flush=True)
sys.stdin.readline()
database.close()
print("closed", flush=True)
sys.stdin.readline()
"""


class OtherNotebook(OtherProcess):
    """It opened the database, wrote one inference and waits."""

    def __init__(self, url: str) -> None:
        super().__init__(HOLDER, url)
        self.inference_id = self.ready

    def close_database(self) -> None:
        self.tell("")
        assert self.line() == "closed"


@pytest.fixture
def url(prepared_database: Callable[..., str]) -> str:
    return prepared_database()


@pytest.fixture
def other(url: str) -> Iterator[OtherNotebook]:
    process = OtherNotebook(url)
    yield process
    process.kill()


def count(database: Database) -> int:
    return database.query(Query("SELECT count() AS n FROM ChatInference"))[0]["n"]


def test_a_second_process_works_through_the_holder(other: OtherNotebook, url: str, open_database: OpenDatabase) -> None:
    database = open_database(url)
    inference_id, rows = inference(tags={"a": "it's"})
    database.write(rows)
    assert f"held by process {other.process.pid}" in database.status()["database"]
    found = database.query(
        Query("SELECT toString(id) AS found FROM ChatInference WHERE tags['a'] = {tag:String}", {"tag": "it's"})
    )
    assert found == [{"found": inference_id}]
    assert count(database) == 2


def test_large_results_come_whole(other: OtherNotebook, url: str, open_database: OpenDatabase) -> None:
    database = open_database(url)
    sql = "SELECT number, repeat('x', 100) AS text FROM numbers(300000)"
    assert database.arrow(Query(sql)).num_rows == 300_000
    assert len(database.query(Query(sql))) == 300_000


def test_many_threads_ask_the_holder_at_once(other: OtherNotebook, url: str, open_database: OpenDatabase) -> None:
    database = open_database(url)
    answers: list[int] = []

    def ask(number: int) -> None:
        query = Query("SELECT {n:UInt32} AS n", {"n": number})
        answers.extend(database.query(query)[0]["n"] - number for _ in range(5))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [0] * 40


def test_a_survivor_takes_over_from_a_killed_holder(other: OtherNotebook, url: str, open_database: OpenDatabase) -> None:
    database = open_database(url)
    assert count(database) == 1
    other.kill()
    inference_id, rows = inference()
    database.write(rows)
    assert_inferences_once(database, {other.inference_id, inference_id})
    assert "held by" not in database.status()["database"]


def test_a_survivor_takes_over_from_a_holder_that_closed(other: OtherNotebook, url: str, open_database: OpenDatabase) -> None:
    database = open_database(url)
    assert count(database) == 1
    other.close_database()
    inference_id, rows = inference()
    database.write(rows)
    assert_inferences_once(database, {other.inference_id, inference_id})


def test_a_restarted_process_never_meets_the_lock_of_the_dead_one(url: str, open_database: OpenDatabase) -> None:
    dead = OtherNotebook(url)
    dead.kill()
    assert count(open_database(url)) == 1


def test_a_holder_that_hangs_is_named(
    other: OtherNotebook, url: str, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.process.send_signal(signal.SIGSTOP)
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(holder, "PING_SECONDS", 0.5)
            with pytest.raises(DatabaseHeld, match=f"held by process {other.process.pid}, which does not answer") as raised:
                open_database(url)
    finally:
        other.process.send_signal(signal.SIGCONT)
    assert str(other.process.pid) in (raised.value.hint or "")
    assert count(open_database(url)) == 1


def test_a_holder_that_hangs_inside_an_insert_is_named_soon(
    other: OtherNotebook, url: str, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The insert itself would wait for minutes."""
    database = open_database(url)
    assert count(database) == 1
    other.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(holder, "PING_SECONDS", 0.5)
            impatient.setattr("tensorzero.clickhouse.writer.PROBE_SECONDS", 0.2)
            database.write(inference()[1])
            with pytest.raises(DatabaseUnavailable, match=f"held by process {other.process.pid}, which does not answer"):
                count(database)
    finally:
        other.process.send_signal(signal.SIGCONT)
    assert time.monotonic() - began < 60
    assert count(database) == 2


def test_the_endpoint_answers_only_with_the_token(tmp_path: Path, url: str, open_database: OpenDatabase) -> None:
    open_database(url)
    lock = tmp_path / "db.lock"
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    written = json.loads(lock.read_text())

    def ask(headers: dict[str, str], path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", written["port"], timeout=60)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    query = "/?" + urllib.parse.urlencode({"query": "SELECT 42"})
    good = {"X-ClickHouse-User": holder.USER, "X-ClickHouse-Key": written["token"]}
    assert ask(good, query) == (200, b"42\n")
    for headers in ({}, {**good, "X-ClickHouse-Key": "wrong"}, {**good, "X-ClickHouse-User": "default"}):
        status, body = ask(headers, query)
        assert status == 403
        assert b"42\n" not in body
        assert ask(headers, "/ping")[0] == 403


def test_no_token_is_shown(tmp_path: Path, url: str, open_database: OpenDatabase) -> None:
    open_database(url)
    token = json.loads((tmp_path / "db.lock").read_text())["token"]
    assert token not in repr(holder.read_holder(tmp_path / "db.lock"))


STARTS = """
import sys
from tensorzero.clickhouse.database import Database
Database.open(sys.argv[1]).close()
"""


def test_a_start_survives_a_holder_that_ends_at_that_moment(
    tmp_path: Path, url: str, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answered, and is gone before the first question."""
    subprocess.run([sys.executable, "-c", STARTS, url], check=True, timeout=100)
    gone = holder.Elsewhere(pid=1, port=free_port(), token="t")
    real, told = holder.Holder.settle, []

    def settle(self: holder.Holder, until: float | None = None) -> object:
        if not told:
            told.append(True)
            return gone
        return real(self, until)

    monkeypatch.setattr(holder.Holder, "settle", settle)
    assert count(open_database(url)) == 0
    assert told


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def raw_exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def secrets_of(tmp_path: Path) -> tuple[int, str]:
    found = holder.read_holder(tmp_path / "db.lock")
    assert found
    return found.port, f"Host: 127.0.0.1\r\nX-ClickHouse-User: {holder.USER}\r\nX-ClickHouse-Key: {found.token}\r\n"


@pytest.mark.parametrize(
    "request_text",
    [
        "nonsense\r\n\r\n",
        "POST / HTTP/1.1\r\n{key}Content-Length: many\r\n\r\nSELECT 1",
        "POST / HTTP/1.1\r\n{key}Content-Length: -5\r\n\r\nSELECT 1",
        "POST / HTTP/1.1\r\n{key}Transfer-Encoding: chunked\r\n\r\nzz\r\nSELECT 1",
        "POST / HTTP/1.1\r\n{key}Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nSELECT 1",
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-ClickHouse-User: tensorzero\r\nX-ClickHouse-Key: kl\u00fc\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic !!!\r\nContent-Length: 8\r\n\r\nSELECT 1",
    ],
)
def test_nonsense_at_the_endpoint_hurts_nobody(
    tmp_path: Path, url: str, open_database: OpenDatabase, request_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes: list[object] = []
    monkeypatch.setattr(threading, "excepthook", crashes.append)
    database = open_database(url)
    port, key = secrets_of(tmp_path)
    answer = raw_exchange(port, request_text.replace("{key}", key).encode("latin-1"))
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert count(database) == 0
    assert crashes == []


def test_a_request_that_was_cut_short_does_nothing(tmp_path: Path, url: str, open_database: OpenDatabase) -> None:
    """Its sender died while sending: half of its rows would be neither refused nor whole."""
    database = open_database(url)
    port, key = secrets_of(tmp_path)
    _, rows = inference()
    body = b"INSERT INTO ChatInference FORMAT JSONEachRow\n" + encode_row(rows[0][1]) + b"\n"
    head = f"POST /?database=tensorzero HTTP/1.1\r\n{key}Content-Length: {len(body) + 700}\r\n\r\n".encode()
    assert raw_exchange(port, head + body) == b""
    assert count(database) == 0


def test_a_strangers_large_body_is_not_read(tmp_path: Path, url: str, open_database: OpenDatabase) -> None:
    open_database(url)
    port, _ = secrets_of(tmp_path)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000000000\r\n\r\n" + b"x" * 70_000)
        assert b" 403 " in connection.recv(65536)


def test_a_holder_that_ran_out_of_files_serves_again(
    other: OtherNotebook, url: str, open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other.kill()
    database = open_database(url)
    port, key = secrets_of(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 1, limits[1]))
    try:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.settimeout(0.3)
            connection.recv(1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert b" 200 " in raw_exchange(port, f"GET /ping HTTP/1.1\r\n{key}\r\n".encode())
    assert count(database) == 1
