"""What other processes may have the holder of a chdb directory do, asked over its real endpoint with the right token."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_rows import inference

from tensorzero.clickhouse import holder, holder_statements, strangers
from tensorzero.clickhouse.connection import PREPARE, HolderConnection
from tensorzero.clickhouse.database import Database, encode_row
from tensorzero.clickhouse.engine import Engine, run_on
from tensorzero.clickhouse.errors import QueryRefused, SchemaMismatch
from tensorzero.clickhouse.query import Query

pytestmark = pytest.mark.slow

SECRET = "never to be read"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("held")


@pytest.fixture(scope="module")
def database(directory: Path) -> Iterator[Database]:
    (directory / "secret.csv").write_text(f"1,{SECRET}\n")
    opened = Database.open(f"chdb://{directory}/db")
    opened.write(inference()[1])
    opened.flush()
    yield opened
    opened.close()


class Asked:
    """The endpoint as an attacker with the token would use it."""

    def __init__(self, directory: Path) -> None:
        found = holder.read_holder(directory / "db.lock")
        assert found
        self.port = found.port
        self.login = {"X-ClickHouse-User": holder.USER, "X-ClickHouse-Key": found.token}

    def __call__(self, statement: str, **arguments: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        path = "/?" + urllib.parse.urlencode({"database": "tensorzero", **arguments})
        connection.request("POST", path, statement.encode(), self.login)
        answer = connection.getresponse()
        told = answer.status, answer.read().decode(errors="replace")
        connection.close()
        return told


@pytest.fixture
def ask(database: Database, directory: Path) -> Asked:
    return Asked(directory)


ATTACKS = [
    "SELECT * FROM file('{dir}/secret.csv', 'CSV', 'a Int8, b String')",
    "SELECT * FROM FILE/**/('{dir}/secret.csv')",
    "SELECT * FROM `file`('{dir}/secret.csv')",
    "SELECT * FROM \"file\" ( '{dir}/secret.csv')",
    "SELECT file('{dir}/secret.csv')",
    "SELECT * APPLY(file) FROM (SELECT '{dir}/secret.csv')",
    "SELECT * APPLY file FROM (SELECT '{dir}/secret.csv')",
    "SELECT * FROM '{dir}/secret.csv'",
    "SELECT * FROM default.`{dir}/secret.csv`",
    "WITH x AS (SELECT * FROM file('{dir}/secret.csv')) SELECT * FROM x",
    "(SELECT * FROM file('{dir}/secret.csv'))",
    "SELECT 1 UNION ALL SELECT a FROM file('{dir}/secret.csv', 'CSV', 'a Int8, b String')",
    "SELECT 'a\\'' , * FROM file('{dir}/secret.csv') -- '",
    "SELECT 'a''', * FROM file('{dir}/secret.csv')",
    "SELECT $tag$ ' $tag$, * FROM file('{dir}/secret.csv') -- '",
    "SELECT 1 # '\n , * FROM file('{dir}/secret.csv') -- '",
    "SELECT \u2018 '\u2019, * FROM file('{dir}/secret.csv') -- '",
    "DESCRIBE TABLE file('{dir}/secret.csv')",
    "DESCRIBE file('{dir}/secret.csv')",
    "EXPLAIN SELECT * FROM file('{dir}/secret.csv')",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM file('{dir}/secret.csv')))",
    "SELECT * FROM loop(file('{dir}/secret.csv')) LIMIT 1",
    "SELECT 1 INTO OUTFILE '{dir}/out'",
    "SELECT 1\ninto/**/outfile '{dir}/out'",
    "SELECT * FROM url('http://127.0.0.1:{port}/x.csv', 'CSV', 'a Int8')",
    "DESCRIBE url('http://127.0.0.1:{port}/x.csv')",
    "SELECT * FROM s3('http://127.0.0.1:{port}/bucket/x.csv')",
    "SELECT * FROM remote('127.0.0.1:{port}', 'a.b')",
    "SELECT hasColumnInTable('127.0.0.1:{port}', 'u', 'p', 'a', 'b', 'c')",
    "SELECT * FROM executable('id', 'CSV', 'a String')",
    "SELECT * FROM python(SECRET)",
    "SELECT * FROM eval('SELECT 1')",
    "INSERT INTO FUNCTION file('{dir}/out', 'CSV') SELECT 1",
    "INSERT INTO ChatInference SELECT * FROM ChatInference",
    "INSERT INTO ChatInference (id) VALUES ('x')",
    "INSERT INTO ChatInference FORMAT CSV\n1",
    "INSERT INTO InferenceById (id_uint) SELECT id_uint FROM InferenceById",
    "INSERT INTO system.one FORMAT JSONEachRow\n{{}}",
    "CREATE TABLE t (a Int8) ENGINE = Memory",
    "CREATE FUNCTION f AS x -> x",
    "DROP TABLE ChatInference",
    "TRUNCATE TABLE ChatInference",
    "ALTER TABLE ChatInference DELETE WHERE 1",
    "OPTIMIZE TABLE ChatInference",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "BACKUP TABLE ChatInference TO File('{dir}/out')",
    "GRANT ALL ON *.* TO default",
    "SET readonly = 0",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_threads = 1, insert_deduplicate = 0",
    "SELECT 1; DROP TABLE ChatInference",
    "",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_but_reads_of_tables_and_our_rows_is_done(attack: str, ask: Asked, directory: Path) -> None:
    knocks: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as outside:
        outside.settimeout(0.2)
        statement = attack.format(dir=directory, port=outside.getsockname()[1])
        status, body = ask(statement)
        with contextlib.suppress(TimeoutError):
            knocks.append(outside.accept())
    assert status >= 400
    assert SECRET not in body
    assert not (directory / "out").exists()
    assert knocks == []
    assert ask("SELECT count() FROM ChatInference WHERE function_name = 'draft'") == (200, "1\n")


@pytest.mark.parametrize("setting", ["readonly", "allow_ddl", "output_format_schema", "format_template_row", "user_files_path"])
def test_a_request_brings_no_setting_that_is_not_known(setting: str, ask: Asked) -> None:
    before = ask(f"SELECT value, changed FROM system.settings WHERE name = '{setting}'")
    after = ask(f"SELECT value, changed FROM system.settings WHERE name = '{setting}'", **{setting: "0"})
    assert after == before


def test_reads_of_every_usual_kind_are_done(ask: Asked, database: Database) -> None:
    for statement in (
        "SELECT 'into a file' AS file, count() FROM ChatInference -- file(x)",
        "/* file('x') */ WITH 1 AS x SELECT x FROM numbers(3)",
        "SELECT format('{} {}', 'file(', variant_name) FROM tensorzero.ChatInference SETTINGS max_block_size = 10",
        "DESCRIBE TABLE ChatInference",
        "SHOW CREATE TABLE ChatInference",
        "EXISTS ChatInference",
        "show tables",
        "SELECT name, value, readonly FROM system.settings LIMIT 10000",
    ):
        status, body = ask(statement)
        assert status == 200, body


def test_a_row_for_an_unknown_table_is_refused_as_the_engine_would(ask: Asked) -> None:
    status, body = ask("INSERT INTO Other FORMAT JSONEachRow\n{}")
    assert status == 404
    assert body.startswith("Code: 60.")


def test_rows_may_hold_any_words(ask: Asked) -> None:
    row = inference()[1][0][1] | {"function_name": "INTO OUTFILE file('x') # $a$"}
    assert ask("INSERT INTO ChatInference FORMAT JSONEachRow\n" + encode_row(row).decode())[0] == 200
    assert ask("SELECT count() FROM ChatInference WHERE function_name LIKE '%$a$'") == (200, "1\n")


def test_another_database_is_made_by_the_holder(ask: Asked, database: Database, directory: Path) -> None:
    """Nobody needs definitions through the endpoint."""
    found = holder.read_holder(directory / "db.lock")
    assert found
    other = HolderConnection(found.address("other"))
    assert other.prepare("other").created
    assert not other.prepare("other").created
    database.query(Query("SELECT 1"))
    other.close()
    with pytest.raises(QueryRefused):
        HolderConnection(found.address("other")).run("DROP DATABASE other")


def test_a_database_that_is_not_whole_is_refused_in_the_same_words(ask: Asked, database: Database, directory: Path) -> None:
    found = holder.read_holder(directory / "db.lock")
    assert found
    engine = Engine(directory / "db")
    with engine.handle() as here:
        run_on(here, "CREATE DATABASE partly", "Null")
        run_on(here, "CREATE TABLE partly.ChatInference (id UUID) ENGINE = Memory", "Null")
    engine.close()
    with pytest.raises(SchemaMismatch, match="only partly there: it lacks the migrations") as raised:
        HolderConnection(found.address("partly")).prepare("partly")
    assert "another database in the URL" in (raised.value.hint or "")


def exchange(port: int, head: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:{port}", "127.0.0.1.attacker.example", "[::2]:{port}", ""]
)
def test_a_request_for_another_host_is_refused_whatever_it_carries(host: str, ask: Asked) -> None:
    """A page whose name leads to 127.0.0.1 makes a browser ask here."""
    login = "".join(f"{name}: {value}\r\n" for name, value in ask.login.items())
    host = host.format(port=ask.port)
    head = f"GET /?query=SELECT%2042 HTTP/1.1\r\nHost: {host}\r\n{login}Connection: close\r\n\r\n"
    assert exchange(ask.port, head).startswith(b"HTTP/1.1 421 ")
    good = head.replace(f"Host: {host}\r\n", f"Host: localhost:{ask.port}\r\n")
    assert exchange(ask.port, good).endswith(b"42\n")
    assert exchange(ask.port, head.replace(f"Host: {host}\r\n", "")).startswith(b"HTTP/1.1 421 ")


def test_silent_strangers_take_few_descriptors_and_keep_nobody_out(ask: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(os.listdir("/proc/self/fd"))
    silent = [socket.create_connection(("127.0.0.1", ask.port)) for _ in range(150)]
    assert ask("SELECT 42") == (200, "42\n")
    until = time.monotonic() + 20
    while (taken := len(os.listdir("/proc/self/fd")) - before - len(silent)) > strangers.MOST + 4:
        assert time.monotonic() < until, taken
        time.sleep(0.05)
    for one in silent:
        one.close()


def test_a_stranger_has_little_time_for_its_head(ask: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that sends a byte now and then."""
    monkeypatch.setattr(strangers, "SECONDS", 0.6)
    with socket.create_connection(("127.0.0.1", ask.port), timeout=30) as connection:
        began = time.monotonic()
        stop = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not stop.wait(0.1):
                    connection.sendall(b"G")

        threading.Thread(target=drip, daemon=True).start()
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
        stop.set()
        assert time.monotonic() - began < 20


def test_a_strangers_endless_head_is_cut(ask: Asked) -> None:
    with socket.create_connection(("127.0.0.1", ask.port), timeout=30) as connection:
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 50_000_000:
                sent += connection.send(b"X-Header: " + b"x" * 60_000 + b"\r\n")
        assert sent < 50_000_000


def test_a_known_client_may_be_silent_for_long(ask: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "SECONDS", 0.3)
    connection = http.client.HTTPConnection("127.0.0.1", ask.port, timeout=60)
    for _ in range(2):
        connection.request("POST", "/", b"SELECT 42", ask.login)
        assert connection.getresponse().read() == b"42\n"
        time.sleep(1)
    connection.close()


def test_preparing_needs_the_token(ask: Asked) -> None:
    head = f"POST {PREPARE}?database=x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    assert exchange(ask.port, head).startswith(b"HTTP/1.1 403 ")


def test_every_table_function_of_the_engine_is_refused_but_harmless_ones(ask: Asked, database: Database) -> None:
    names = [row["name"] for row in database.query(Query("SELECT name FROM system.table_functions"))]
    assert len(names) > 30
    for name in names:
        if name.lower() in holder_statements.HARMLESS:
            continue
        status, body = ask(f"SELECT * FROM {name}('a', 'b')")
        assert (status, body[:9]) == (500, "Code: 497"), name
