"""Databases that a test opens are closed after it: chdb takes one directory a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stored_rows import OpenDatabase

from tensorzero.clickhouse.database import Database


@pytest.fixture
def open_database(tmp_path: Path, prepared_database: Callable[..., str]) -> Iterator[OpenDatabase]:
    """What a test opens as `db` in its folder has the schema already; under other names it is made from nothing."""
    opened: list[Database] = []

    def open_one(url: str) -> Database:
        if url == f"chdb://{tmp_path}/db" and not (tmp_path / "db").exists():
            prepared_database("db")
        database = Database.open(url)
        opened.append(database)
        return database

    yield open_one
    for database in opened:
        database.close()
