"""An inference's output, and what it was asked for besides its input: its tools, or the schema of its output."""

from __future__ import annotations

import uuid

from tensorzero.clickhouse.query import Query

ASKED_COLUMNS = {"chat": ("output", "tool_params", "dynamic_tools"), "json": ("output", "output_schema")}
_TABLES = {"chat": "ChatInference", "json": "JsonInference"}


def asked_query(
    function_type: str, function_name: str, variant_name: str, episode_id: uuid.UUID, inference_id: uuid.UUID
) -> Query:
    """The columns of `ASKED_COLUMNS[function_type]`; the first three values are the table's key."""
    columns = ", ".join(ASKED_COLUMNS[function_type])
    return Query(
        f"SELECT {columns} FROM {_TABLES[function_type]} "  # noqa: S608 - fixed names; values are bound
        "WHERE function_name = {function_name:String} AND variant_name = {variant_name:String} "
        "AND episode_id = {episode_id:UUID} AND id = {id:UUID} LIMIT 1",
        {"function_name": function_name, "variant_name": variant_name, "episode_id": episode_id, "id": inference_id},
    )
