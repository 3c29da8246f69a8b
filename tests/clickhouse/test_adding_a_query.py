"""A query added as CONTRIBUTING.md tells it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.queries.frame_query import FrameQuery, Output, tag_value
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.query import Query
from tensorzero.gateway.identifiers import new_id
from tensorzero_notebook.frames.arrow_types import named_table

HOSTILE = "it's {x:String} ` \\ \n"


def slowest_query(function: str, limit: int) -> Query:
    """The slowest inferences of a function: `id`, `ms`."""
    sql = (
        "SELECT id, processing_time_ms AS ms FROM ChatInference WHERE function_name = {function:String} "
        "ORDER BY processing_time_ms DESC LIMIT {limit:UInt32}"
    )
    return Query(sql, {"function": function, "limit": limit})


def tagged_query(functions: Sequence[str], tag: str) -> FrameQuery:
    """One column named as the tag."""
    parameters, output = Parameters(), Output()
    output.add(tag, tag_value(tag, parameters))
    return output.finish(
        f"FROM ChatInference WHERE function_name IN {parameters.bind(list(functions), 'Array(String)')}", parameters
    )


@pytest.fixture
def database() -> Database:
    database = Database.open("chdb://memory")
    for ms in (30, 10, 20):
        database.write([("ChatInference", row(ms))])
    database.flush()
    return database


def row(ms: int) -> dict[str, object]:
    return {
        "id": new_id(),
        "function_name": HOSTILE,
        "variant_name": "a",
        "episode_id": new_id(),
        "input": "{}",
        "output": "[]",
        "inference_params": "{}",
        "processing_time_ms": ms,
        "tags": {HOSTILE: str(ms)},
    }


def test_values_are_values_whatever_stands_in_them(database: Database) -> None:
    assert [found["ms"] for found in database.query(slowest_query(HOSTILE, 2))] == [30, 20]
    assert database.query(slowest_query("another", 2)) == []


def test_a_column_has_the_name_that_a_user_gave(database: Database) -> None:
    query = tagged_query([HOSTILE, "another"], HOSTILE)
    table = named_table(database.arrow(query.query), query.columns)
    assert table.column_names == [HOSTILE]
    assert sorted(table[HOSTILE].to_pylist()) == ["10", "20", "30"]
