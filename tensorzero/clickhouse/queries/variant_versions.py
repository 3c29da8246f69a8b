"""Under which configurations variants answered: the way to tell one text from another under the same variant name."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

from collections.abc import Sequence

from tensorzero.clickhouse.queries.expressions import time_of
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.queries.selection import TABLES, Selection, inference_conditions, selected_ids, where
from tensorzero.clickhouse.query import Query


def snapshot_uses_query(selection: Selection, tables: Sequence[str] = TABLES) -> Query:
    """One row a function, variant and configuration: `hash`, `rows`, `first` and `last` (times) of the inferences that fit."""
    parameters = Parameters()
    conditions = inference_conditions(selection, parameters)
    if selection.limit is not None:
        conditions = [f"id IN ({selected_ids(selection, conditions, parameters, tables)})"]
    each = " UNION ALL ".join(
        f"SELECT function_name, variant_name, snapshot_hash, {time_of('id')} AS asked FROM {table}{where(conditions)}"
        for table in tables
    )
    sql = f"""
        SELECT function_name AS function, variant_name AS variant, toString(snapshot_hash) AS hash,
            count() AS rows, toUnixTimestamp64Milli(min(asked)) AS first, toUnixTimestamp64Milli(max(asked)) AS last
        FROM ({each}) GROUP BY function, variant, snapshot_hash ORDER BY first
    """
    return Query(sql, parameters.values)


def snapshot_count_query() -> Query:
    """`snapshots`: how many configurations ever ran."""
    return Query("SELECT uniqExact(hash) AS snapshots FROM ConfigSnapshot")


def snapshot_texts_query(hashes: Sequence[str]) -> Query:
    """`hash`, `config` and `extra_templates` of these configurations."""
    sql = """
        SELECT toString(hash) AS text_hash, any(config) AS config, any(extra_templates) AS extra_templates
        FROM ConfigSnapshot WHERE toString(hash) IN {hashes:Array(String)} GROUP BY hash
    """
    return Query(sql, {"hashes": list(hashes)})
