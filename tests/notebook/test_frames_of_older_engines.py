"""Frames from an engine whose Arrow output has no UUID (ClickHouse before 26.5): the same, to the last value and type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from tensorzero.clickhouse.connection import EngineConnection
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.errors import QueryRefused
from tensorzero.clickhouse.query import Query
from tensorzero_notebook import frames
from tensorzero_notebook.frames.arrow_types import is_id
from tests.notebook.stored_rows import boolean, chat, comment, json_inference, model_inference, uuid_at

pytestmark = pytest.mark.slow

ROWS = [
    chat(10, "first", "one", tags={"user": "ada"}),
    model_inference(10, uuid_at(10)),
    chat(20, "second", "two", episode=uuid_at(5, 77)),
    model_inference(20, uuid_at(20), output_tokens=None),
    json_inference(30),
    model_inference(30, uuid_at(30)),
    boolean(100, uuid_at(10), True),
    comment(104, uuid_at(20), "well"),
]
FRAMES: list[Callable[..., pd.DataFrame]] = [frames.inferences, frames.model_inferences, frames.feedback, frames.episodes]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    opened = Database.open("chdb://memory")
    opened.write(ROWS)
    yield opened
    opened.close()


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch, database: Database) -> Iterator[list[str]]:
    """The statements that were asked for as Arrow, of an engine that refuses ids in the words of 26.3."""
    sound, asked = EngineConnection.arrow, []

    def arrow(self: EngineConnection, query: Query, until: float | None = None) -> Any:
        asked.append(query.sql)
        table = sound(self, query, until)
        for field in table.schema:
            if is_id(field.type):
                text = f"Code: 50. DB::Exception: The type 'UUID' of a column '{field.name}' is not supported for conversion"
                raise QueryRefused(text, code=50)
        return table

    monkeypatch.setattr(EngineConnection, "arrow", arrow)
    yield asked
    database._opened().text_ids = False


@pytest.mark.parametrize("read", FRAMES, ids=lambda read: read.__name__)
@pytest.mark.parametrize("limit", [None, 2])
def test_a_frame_is_the_same(database: Database, request: pytest.FixtureRequest, read: Any, limit: int | None) -> None:
    expected = read(database=database, limit=limit)
    asked = request.getfixturevalue("older")
    found = read(database=database, limit=limit)
    assert len(asked) > 1
    order = list(expected.columns[:1])
    if limit is None:  # then rows come as they are stored
        expected, found = (one.sort_values(order, ignore_index=True) for one in (expected, found))
    pd.testing.assert_frame_equal(found, expected)


def test_ids_are_refused_once_and_asked_for_as_text_from_then_on(database: Database, older: list[str]) -> None:
    frames.inferences(database=database, limit=None)
    first = len(older)
    frames.inferences(database=database, limit=None)
    assert len(older) - first < first
    assert all("toString" in statement for statement in older[first:])


def test_an_error_of_another_kind_is_not_asked_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def arrow(self: EngineConnection, query: Query, until: float | None = None) -> pa.Table:
        asked.append(query.sql)
        raise QueryRefused("Code: 241. DB::Exception: Memory limit exceeded", code=241)

    monkeypatch.setattr(EngineConnection, "arrow", arrow)
    with pytest.raises(QueryRefused, match="241"):
        database.arrow(Query("SELECT 1"))
    assert asked == ["SELECT 1"]
