"""The real engine for the schema's tests: chdb in a directory, statement by statement, counted."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chdb


class DeathError(Exception):
    """Stands for the death of the process at a statement."""


class Engine:
    """Runs statements; `statements` remembers them, and `die_at` kills before the n-th one from now."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.statements: list[str] = []
        self.die_at: int | None = None

    def execute(self, sql: str) -> list[dict[str, Any]]:
        if self.die_at is not None and len(self.statements) >= self.die_at:
            raise DeathError(sql)
        self.statements.append(sql)
        answer = self.connection.query(sql, "JSONEachRow").bytes()
        return [json.loads(line) for line in bytes(answer or b"").decode().splitlines()]

    def insert(self, table: str, rows: Any) -> None:
        self.execute(f"INSERT INTO {table} FORMAT JSONEachRow " + "\n".join(map(json.dumps, rows)))

    def values(self, sql: str) -> list[Any]:
        """The first column."""
        return [next(iter(row.values())) for row in self.execute(sql)]


@contextlib.contextmanager
def open_engine(directory: Path) -> Iterator[Engine]:
    connection = chdb.connect(str(directory))
    try:
        yield Engine(connection)
    finally:
        connection.close()
