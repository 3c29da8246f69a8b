"""Datapoints, as they are stored and as the API gives them. Both tables keep the newest of several rows with one id."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorzero.clickhouse.queries.filters import FilterWriter
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.query import Query

TABLES = {"chat": "ChatInferenceDatapoint", "json": "JsonInferenceDatapoint"}
_UPDATED = "formatDateTime(i.updated_at, '%Y-%m-%dT%H:%i:%SZ', 'UTC')"
_EACH = {
    "dataset_name": "toString(i.dataset_name)",
    "function_name": "toString(i.function_name)",
    "id": "toString(i.id)",
    "episode_id": "toString(i.episode_id)",
    "input": "i.input",
    "output": "i.output",
    "tags": "i.tags",
    "auxiliary": "i.auxiliary",
    "is_deleted": "i.is_deleted",
    "updated_at": _UPDATED,
    "staled_at": "toString(i.staled_at, 'UTC')",
    "source_inference_id": "toString(i.source_inference_id)",
    "is_custom": "i.is_custom",
    "name": "i.name",
    "snapshot_hash": "toString(i.snapshot_hash)",
}
_TOOLS = {
    "tool_params": ("i.tool_params", "''"),
    "dynamic_tools": ("i.dynamic_tools", "CAST([] AS Array(String))"),
    "dynamic_provider_tools": ("i.dynamic_provider_tools", "CAST([] AS Array(String))"),
    "allowed_tools": ("i.allowed_tools", "CAST(NULL AS Nullable(String))"),
    "tool_choice": ("i.tool_choice", "CAST(NULL AS Nullable(String))"),
    "parallel_tool_calls": ("i.parallel_tool_calls", "CAST(NULL AS Nullable(Bool))"),
}
STORED_TOOLS = tuple(_TOOLS)


@dataclass(frozen=True, slots=True)
class DatapointQuery:
    """What is asked for. `stale`: with those that were changed or deleted since. `limit` None: all.

    `after`: an id; those greater than it, in the order of ids, for whoever goes through a dataset page by page.
    """

    types: Sequence[str] = ("chat", "json")
    dataset_name: str | None = None
    function_name: str | None = None
    ids: Sequence[str] | None = None
    stale: bool = False
    limit: int | None = None
    offset: int = 0
    filters: Mapping[str, Any] | None = None
    order_by: Sequence[Mapping[str, Any]] = ()
    search: str | None = None


def datapoints_query(asked: DatapointQuery) -> Query:
    """Rows for `gateway.stored.datapoints`. Unless told otherwise the newest change comes first (observed 2026.6.0)."""
    parameters = Parameters()
    both = " UNION ALL ".join(f"({_select(kind, asked, parameters)})" for kind in asked.types)
    keys = [f"{_key(term)} {'ASC' if term['direction'] == 'ascending' else 'DESC'}" for term in asked.order_by]
    order = ", ".join(keys or ["updated_at DESC", "toUUID(id) DESC"])
    window = ""
    if asked.limit is not None:
        window = f" LIMIT {parameters.bind(asked.limit, 'UInt64')} OFFSET {parameters.bind(asked.offset, 'UInt64')}"
    return Query(f"SELECT * FROM ({both}) ORDER BY {order}{window}", parameters.values)


def _key(term: Mapping[str, Any]) -> str:
    return "relevance" if term["by"] == "search_relevance" else "updated_at"


def _select(kind: str, asked: DatapointQuery, parameters: Parameters) -> str:
    chat = kind == "chat"
    columns = {"type": f"'{kind}'", **_EACH, **{name: own if chat else none for name, (own, none) in _TOOLS.items()}}
    columns["output_schema"] = "''" if chat else "i.output_schema"
    conditions = _conditions(asked, parameters)
    if asked.search is not None:
        relevance = _relevance(asked.search, parameters)
        columns["relevance"] = relevance
        conditions.append(f"{relevance} > 0")
    listed = ", ".join(f"{expression} AS `{name}`" for name, expression in columns.items())
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {listed} FROM {TABLES[kind]} AS i FINAL{where}"


def _conditions(asked: DatapointQuery, parameters: Parameters) -> list[str]:
    found: list[str] = []
    if asked.dataset_name is not None:
        found.append(f"i.dataset_name = {parameters.bind(asked.dataset_name, 'String')}")
    if asked.function_name is not None:
        found.append(f"i.function_name = {parameters.bind(asked.function_name, 'String')}")
    if asked.ids is not None:
        found.append(f"i.id IN {parameters.bind(list(asked.ids), 'Array(UUID)')}")
    if not asked.stale:
        found.append("i.staled_at IS NULL")
    if asked.filters is not None:
        writer = FilterWriter(parameters, "i.tags", "i.updated_at")
        found.append(f"coalesce({writer.condition(asked.filters)}, 0)")
    return found


def _relevance(search: str, parameters: Parameters) -> str:
    words = parameters.bind(json.dumps(search, ensure_ascii=False)[1:-1], "String")
    each = (f"countSubstringsCaseInsensitiveUTF8({column}, {words})" for column in ("i.input", "ifNull(i.output, '')"))
    return f"({' + '.join(each)})"
