"""Stored inferences by id and by query, as the API gives them: every column as JSON has it."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorzero.clickhouse.queries.expressions import time_of
from tensorzero.clickhouse.queries.filters import InferenceFilterWriter
from tensorzero.clickhouse.queries.latest import FeedbackColumn, latest_by_group
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.uuids import number_of

TABLES = {"chat": "ChatInference", "json": "JsonInference"}
_EACH = {
    "inference_id": "toString(i.id)",
    "function_name": "toString(i.function_name)",
    "variant_name": "toString(i.variant_name)",
    "episode_id": "toString(i.episode_id)",
    "timestamp": "formatDateTime(i.timestamp, '%Y-%m-%dT%H:%i:%SZ', 'UTC')",
    "input": "i.input",
    "inference_params": "i.inference_params",
    "processing_time_ms": "i.processing_time_ms",
    "ttft_ms": "i.ttft_ms",
    "tags": "i.tags",
    "extra_body": "i.extra_body",
    "snapshot_hash": "lower(hex(i.snapshot_hash))",
}
_TOOLS = {
    "tool_params": "i.tool_params",
    "dynamic_tools": "i.dynamic_tools",
    "dynamic_provider_tools": "i.dynamic_provider_tools",
    "allowed_tools": "i.allowed_tools",
    "tool_choice": "i.tool_choice",
    "parallel_tool_calls": "i.parallel_tool_calls",
}
_NO_TOOLS = {
    "tool_params": "''",
    "dynamic_tools": "CAST([] AS Array(String))",
    "dynamic_provider_tools": "CAST([] AS Array(String))",
    "allowed_tools": "CAST(NULL AS Nullable(String))",
    "tool_choice": "CAST(NULL AS Nullable(String))",
    "parallel_tool_calls": "CAST(NULL AS Nullable(Bool))",
}


@dataclass(frozen=True, slots=True)
class InferenceQuery:
    """What is asked for; the fields of `ListInferencesRequest`, checked. `limit` None: all.

    `ids`: these inferences and no others. `levels`: of every metric that the filter or the order names.
    """

    types: Sequence[str] = ("chat", "json")
    function_name: str | None = None
    variant_name: str | None = None
    episode_id: str | None = None
    ids: Sequence[str] | None = None
    output_source: str = "inference"
    limit: int | None = None
    offset: int = 0
    before: str | None = None
    after: str | None = None
    filters: Mapping[str, Any] | None = None
    order_by: Sequence[Mapping[str, Any]] = ()
    search: str | None = None
    levels: Mapping[str, str] = field(default_factory=dict[str, str])
    metric_types: Mapping[str, str] = field(default_factory=dict[str, str])


def stored_inferences_query(asked: InferenceQuery) -> Query:
    """Rows for `gateway.stored.inferences`. With `after`, the page comes in reverse: `in_reverse` says so."""
    parameters = Parameters()
    selects = [_select(kind, asked, parameters) for kind in asked.types]
    window = _window(asked.limit, asked.offset, parameters)
    if len(selects) == 1:
        return Query(f"{selects[0]}{window}", parameters.values)
    within = _window(None if asked.limit is None else asked.limit + asked.offset, 0, parameters)
    both = " UNION ALL ".join(f"(SELECT * FROM ({select}{within}))" for select in selects)
    keys = [f"key_{number} {_direction(term, asked)}" for number, term in enumerate(asked.order_by)]
    order = ", ".join([*keys, *_by_id("id", asked)])
    return Query(f"SELECT * FROM ({both}) ORDER BY {order}{window}", parameters.values)


def in_reverse(asked: InferenceQuery) -> bool:
    """A page after a cursor is read from the cursor on, oldest first."""
    return asked.after is not None


def _select(kind: str, asked: InferenceQuery, parameters: Parameters) -> str:
    writer = InferenceFilterWriter(parameters, asked.levels)
    conditions = _conditions(asked, parameters, writer)
    columns, joins = _columns(kind, asked, parameters)
    keys = [_key(term, asked, parameters, writer) for term in asked.order_by]
    single = len(asked.types) == 1
    if not single:
        columns |= {f"key_{number}": key for number, key in enumerate(keys)} | {"id": "i.id"}
    terms = [f"{key} {_direction(term, asked)}" for key, term in zip(keys, asked.order_by, strict=True)]
    nulls = " NULLS LAST" if single else ""
    order = ", ".join([*(f"{term}{nulls}" for term in terms), *_by_id("i.id", asked)])
    listed = ", ".join(f"{expression} AS `{name}`" for name, expression in columns.items())
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {listed} FROM {TABLES[kind]} AS i {' '.join([*writer.joins, *joins])}{where} ORDER BY {order}"


def _columns(kind: str, asked: InferenceQuery, parameters: Parameters) -> tuple[dict[str, str], list[str]]:
    joins: list[str] = []
    output, dispreferred = "i.output", "CAST(NULL AS Nullable(String))"
    if asked.output_source == "demonstration":
        latest = latest_by_group(FeedbackColumn("demonstration", "demonstration"), parameters)
        joins.append(f"INNER JOIN ({latest}) AS demonstrated ON demonstrated.target = i.id")
        output, dispreferred = "demonstrated.latest", "toNullable(i.output)"
    elif asked.output_source == "none":
        output = "CAST(NULL AS Nullable(String))"
    outputs = {"type": f"'{kind}'", "output": f"toNullable({output})", "dispreferred": dispreferred}
    schema = "i.output_schema" if kind == "json" else "''"
    tools = _TOOLS if kind == "chat" else _NO_TOOLS
    own = tools if len(asked.types) == 1 and kind == "chat" else {"output_schema": schema}
    return {**outputs, **_EACH, **(own if len(asked.types) == 1 else {**tools, "output_schema": schema})}, joins


def _conditions(asked: InferenceQuery, parameters: Parameters, writer: InferenceFilterWriter) -> list[str]:
    found: list[str] = []
    for column, value, type_name in (
        ("function_name", asked.function_name, "String"),
        ("variant_name", asked.variant_name, "String"),
        ("episode_id", asked.episode_id, "UUID"),
    ):
        if value is not None:
            found.append(f"i.{column} = {parameters.bind(value, type_name)}")
    if asked.ids is not None:
        found.append(f"i.id IN {parameters.bind(list(asked.ids), 'Array(UUID)')}")
    for cursor, operator in ((asked.before, "<"), (asked.after, ">")):
        if cursor is not None:
            # As texts they are in the order of their numbers, which not every engine can compare.
            found.append(f"toString(i.id) {operator} toString({parameters.bind(cursor, 'UUID')})")
    if asked.filters is not None:
        found.append(f"coalesce({writer.condition(asked.filters)}, 0)")
    if asked.search is not None:
        found.append(f"{_relevance(asked.search, parameters)} > 0")
    return found


def _relevance(search: str, parameters: Parameters) -> str:
    """How often the words stand in the stored texts, whatever the case; they are JSON there."""
    words = parameters.bind(json.dumps(search, ensure_ascii=False)[1:-1], "String")
    return f"(countSubstringsCaseInsensitiveUTF8(i.input, {words}) + countSubstringsCaseInsensitiveUTF8(i.output, {words}))"


def _key(term: Mapping[str, Any], asked: InferenceQuery, parameters: Parameters, writer: InferenceFilterWriter) -> str:
    """A function in each case: a bare column is left to the engine's filter for the first rows, which is wrong in tables of
    several parts (26.5: the type of another column; 26.9: rows without a value)."""
    if term["by"] == "metric":
        return f"toFloat64({writer.latest(asked.metric_types[term['name']], term['name'])})"
    if term["by"] == "search_relevance":
        return _relevance(asked.search or "", parameters)
    return "toUnixTimestamp(i.timestamp)"


def _direction(term: Mapping[str, Any], asked: InferenceQuery) -> str:
    ascending = term["direction"] == "ascending"
    return "ASC" if ascending != in_reverse(asked) else "DESC"


def _by_id(column: str, asked: InferenceQuery) -> list[str]:
    word = "ASC" if in_reverse(asked) else "DESC"
    return [f"{time_of(column)} {word}", f"{number_of(column)} {word}"]


def _window(limit: int | None, offset: int, parameters: Parameters) -> str:
    if limit is None:
        return ""
    window = f" LIMIT {parameters.bind(limit, 'UInt64')}"
    return f"{window} OFFSET {parameters.bind(offset, 'UInt64')}" if offset else window
