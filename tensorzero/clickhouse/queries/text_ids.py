"""A statement whose ids come as text, for engines whose Arrow output knows no UUID (before ClickHouse 26.5)."""

# ruff: noqa: S608 - what is formatted in is a statement of this package and names that are quoted; values are bound

from __future__ import annotations

from collections.abc import Mapping

from tensorzero.clickhouse.query import Query

UNKNOWN_TYPE = 50
"""ClickHouse's error code for a column that a format has no type for."""

_OF_A_COLUMN = "toTypeName(any("
# The order of the inner statement is wanted, though nothing of the outer one asks for it.
_SETTINGS = "query_plan_remove_redundant_sorting = 0, optimize_duplicate_order_by_and_distinct = 0"


def column_types_query(query: Query) -> Query:
    """One row, whose columns are the types of those of `query`, which is not run for it: see `with_text_ids`.

    A `DESCRIBE` would say the same, and is none of the reads that a holder takes from other processes.
    """
    return Query(f"SELECT COLUMNS('') APPLY(any) APPLY(toTypeName) FROM ({query.sql}) WHERE 0", query.parameters)


def with_text_ids(query: Query, types: Mapping[str, object]) -> Query:
    """The same rows and columns in the same order, UUIDs as their 36 characters. `types`: the row of `column_types_query`."""
    names = {name.removeprefix(_OF_A_COLUMN).removesuffix("))"): str(kind) for name, kind in types.items()}
    shown = ", ".join(_shown(name, kind) for name, kind in names.items())
    return Query(f"SELECT {shown} FROM ({query.sql}) SETTINGS {_SETTINGS}", query.parameters)


def _shown(name: str, kind: str) -> str:
    quoted = "`" + name.strip("`").replace("`", "``") + "`"
    return f"toString({quoted}) AS {quoted}" if kind in ("UUID", "Nullable(UUID)") else quoted
