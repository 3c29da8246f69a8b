"""ClickHouse URLs as the original takes and refuses them (observed 2026.6.0)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tensorzero.clickhouse.errors import InvalidDatabaseUrl
from tensorzero.clickhouse.places import spool_directory
from tensorzero.clickhouse.url import EngineAddress, ServerAddress, parse_url, settled_url

PLACE = ("host", 8123, "db")
PATH = "The path of the ClickHouse URL must be of length 0 or 1, and end with the database name if set"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http:host:8123/db", PLACE),
        ("http:/host:8123/db", PLACE),
        ("http:///host:8123/db", PLACE),
        ("http:\\\\host:8123\\db", PLACE),
        (" HTTP://HOST:8123/d\nb\t", PLACE),
        ("http://host:8123/db/", PLACE),
        ("http://host:8123/a/../db", PLACE),
        ("http://host:8123/./db", PLACE),
        ("http://host:8123/%2e%2E/db", PLACE),
        ("http://host:8123/db#rest", PLACE),
        ("http://host:8123/db?", PLACE),
        ("http://host:8123", ("host", 8123, "default")),
        ("http://host:8123/..", ("host", 8123, "default")),
        ("http://host:/db", ("host", 80, "db")),
        ("https://host/db", ("host", 443, "db")),
        ("http://127.1:8123/db", ("127.0.0.1", 8123, "db")),
        ("http://0x7f000001:8123/db", ("127.0.0.1", 8123, "db")),
        ("http://2130706433:8123/db", ("127.0.0.1", 8123, "db")),
        ("http://host:8123/%64b", PLACE),
    ],
)
def test_every_spelling_that_the_original_takes(url: str, place: tuple[str, int, str]) -> None:
    found = parse_url(url)
    assert isinstance(found, ServerAddress)
    assert (found.host, found.port, found.database) == place


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://host//db", PATH),
        ("http://host/db//", PATH),
        ("http://host/a/b", PATH),
        ("http://host/db?database", "The query string 'database' is not allowed in the ClickHouse URL"),
        ("http://u:p#q@host/db", "Invalid ClickHouse database URL"),
        ("http://host:99999/db", "Invalid ClickHouse database URL"),
        ("http://", "Invalid ClickHouse database URL"),
        ("", "Invalid ClickHouse database URL"),
        ("localhost:8123/db", "Invalid scheme in ClickHouse URL: 'localhost'. Only 'http' and 'https' are supported."),
        (
            "http://u%00:p@host/db",
            "Failed to build ClickHouse HTTP client because username contains invalid bytes: failed to parse header value",
        ),
        (
            "http://u:p%0a@host/db",
            "Failed to build ClickHouse HTTP client because password contains invalid bytes: failed to parse header value",
        ),
    ],
)
def test_what_the_original_refuses_in_its_words(url: str, message: str) -> None:
    with pytest.raises(InvalidDatabaseUrl) as raised:
        parse_url(url)
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        ("[::1]", True),
        ("[::ffff:127.0.0.1]", True),
        ("0.0.0.0", True),
        ("2130706433", True),
        ("127.example", False),
        ("localhost.example", False),
        ("10.0.0.1", False),
        ("[fe80::1]", False),
    ],
)
def test_every_name_of_this_machine_is_known_as_such(host: str, here: bool) -> None:
    """What goes there goes through no proxy."""
    found = parse_url(f"http://{host}:8123/db")
    assert isinstance(found, ServerAddress)
    assert found.on_loopback is here


def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


@pytest.mark.parametrize("variable", ["TENSORZERO_SPOOL_DIR", "XDG_STATE_HOME"])
def test_a_relative_spool_stays_where_it_was(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if variable == "XDG_STATE_HOME" and os.uname().sysname != "Linux":
        pytest.xfail("other systems have other places, which are absolute")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, f"state-{variable}-{os.getpid()}")
    server = parse_url("http://host/db")
    before = spool_directory(server)
    assert before is not None
    assert before.is_relative_to(tmp_path)
    moved(tmp_path, monkeypatch)
    assert spool_directory(server) == before


def test_a_relative_chdb_directory_of_a_setting_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"chdb://./folder with {os.getpid()}?database=x"
    before = parse_url(settled_url(url))
    assert before == EngineAddress(tmp_path / f"folder with {os.getpid()}", "x")
    moved(tmp_path, monkeypatch)
    assert parse_url(settled_url(url)) == before
    assert settled_url("http://u:p@host/db") == "http://u:p@host/db"
    assert settled_url("chdb://memory") == "chdb://memory"
