"""The database's user and password, and the holder's token, are in nothing that is shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from everything_shown import all_of, leaked, written_logs

from tensorzero import TensorZeroGateway, TensorZeroInternalError
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.errors import StorageError
from tensorzero.clickhouse.url import parse_url

USER, PASSWORD = "house-user", "h0use-p@ss/word"
LOGIN = "house-user:h0use-p%40ss%2Fword"
BASIC = "aG91c2UtdXNlcjpoMHVzZS1wQHNzL3dvcmQ"


@pytest.fixture
def refusing() -> Iterator[int]:
    """A server that pings, and refuses every statement with what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            body, status = b"Ok.\n", 200
            if not self.path.startswith("/ping"):
                sent = {name.lower(): value for name, value in self.headers.items()}
                told = f"{USER}: Authentication failed: {PASSWORD} {sent} (AUTHENTICATION_FAILED)"
                body, status = f"Code: 516. DB::Exception: {told}".encode(), 403
            self.send_response(status)
            if status != 200:
                self.send_header("X-ClickHouse-Exception-Code", "516")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def shows(text: str) -> list[str]:
    words = [word for word in (USER, PASSWORD, "h0use-p%40ss", "p%40ss%2Fword", BASIC) if word in text]
    return words + leaked(PASSWORD, text)


@pytest.mark.parametrize(
    "url",
    [
        f"http://{LOGIN}@127.0.0.1:1/db",
        f"http://{LOGIN}@127.0.0.1:99999/db",
        f"http://{LOGIN}@[::/db",
        f"tcp://{LOGIN}@127.0.0.1:1/db",
        f"http://{LOGIN}@127.0.0.1:1/a/b",
        f"http://{LOGIN}@127.0.0.1:1/db?database=x",
        f"http://127.0.0.1:1/db?user={USER}&password=h0use-p%40ss%2Fword",
        f"chdb://{LOGIN}@nowhere",
        f"chdb://./x?password=h0use-p%40ss%2Fword&user={USER}",
        f"{LOGIN}@127.0.0.1:1",
    ],
)
def test_a_database_that_cannot_be_opened_shows_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    with written_logs() as logs:
        with pytest.raises(StorageError) as caught:
            Database.open(url)
        with pytest.raises(TensorZeroInternalError) as public:
            TensorZeroGateway.build_embedded(config_file=str(written(tmp_path)), clickhouse_url=url)
    assert shows(all_of(caught.value) + all_of(public.value) + "\n".join(logs)) == []


def written(folder: Path) -> Path:
    path = folder / "tensorzero.toml"
    path.write_text("[metrics.m]\ntype = 'boolean'\noptimize = 'max'\nlevel = 'inference'\n", encoding="utf-8")
    return path


def test_a_server_that_repeats_the_login_shows_no_password(refusing: int) -> None:
    with written_logs() as logs, pytest.raises(StorageError) as caught:
        Database.open(f"http://{LOGIN}@127.0.0.1:{refusing}/db")
    assert "Authentication failed" in str(caught.value)
    assert shows(all_of(caught.value) + "\n".join(logs)) == []


def test_addresses_and_databases_show_no_login_in_their_repr() -> None:
    address = parse_url(f"http://{LOGIN}@127.0.0.1:1/db?session_token=abcdef-123456")
    database = Database(f"http://{LOGIN}@127.0.0.1:1/db")
    assert "127.0.0.1" in repr(address)
    assert "127.0.0.1" in repr(database)
    assert shows(repr(address) + repr(database) + repr(database.status())) == []
    assert "abcdef-123456" not in repr(address)


@pytest.mark.parametrize("url", [f"http://{LOGIN}@127.0.0.1:1/db", "chdb://memory"])
def test_the_repr_of_a_database_that_was_never_opened_does_not_raise(url: str) -> None:
    assert repr(Database(url))
    assert repr(Database.__new__(Database))
