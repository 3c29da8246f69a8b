"""Databases that a test opens are closed after it: chdb takes one directory a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stored_rows import OpenDatabase

from tensorzero.clickhouse.database import Database


@pytest.fixture
def open_database() -> Iterator[OpenDatabase]:
    opened: list[Database] = []

    def open_one(url: str) -> Database:
        database = Database.open(url)
        opened.append(database)
        return database

    yield open_one
    for database in opened:
        database.close()
