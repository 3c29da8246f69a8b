"""Stored inferences, chat and JSON alike, as rows of a frame."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorzero.clickhouse.queries.expressions import (
    input_text,
    newest_first,
    output_text,
    raw_text,
    time_of,
    whole_number,
)
from tensorzero.clickhouse.queries.frame_query import LONG_BLOCKS, FrameQuery, Output, check_columns, tag_value
from tensorzero.clickhouse.queries.latest import FeedbackColumn, latest_feedback, model_use
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.queries.selection import TABLES, Selection, inference_conditions, selected_ids, where
from tensorzero.clickhouse.query import Query


@dataclass(frozen=True, slots=True)
class Column:
    """How each table gives the column; `json` only where it differs. An empty string is NULL there."""

    chat: str
    json: str = ""


NO_TEXT = "CAST(NULL AS Nullable(String))"
LIGHT = {
    "inference_id": Column("id"),
    "function_name": Column("function_name"),
    "variant_name": Column("variant_name"),
    "episode_id": Column("episode_id"),
    "timestamp": Column(time_of("id")),
    "processing_time_ms": Column(whole_number("processing_time_ms")),
    "ttft_ms": Column(whole_number("ttft_ms")),
}
MOST_TAG_KEYS = 200
MODEL = ("model_name", "model_provider_name", "input_tokens", "output_tokens", "cost", "finish_reason")
TEXT = {
    "input_text": Column(input_text("input")),
    "output_text": Column(output_text("output"), raw_text("output")),
}
RAW = {
    "input": Column("input"),
    "output": Column("output"),
    "tags": Column("toJSONString(tags)"),
}
MORE = {
    "function_type": Column("'chat'", "'json'"),
    "inference_params": Column("inference_params"),
    "extra_body": Column("extra_body"),
    "output_schema": Column(NO_TEXT, "toNullable(output_schema)"),
    "auxiliary_content": Column(NO_TEXT, "toNullable(auxiliary_content)"),
    "tool_params": Column("nullIf(tool_params, '')", NO_TEXT),
    "allowed_tools": Column("allowed_tools", NO_TEXT),
    "tool_choice": Column("tool_choice", NO_TEXT),
    "dynamic_tools": Column("toNullable(toJSONString(dynamic_tools))", NO_TEXT),
    "dynamic_provider_tools": Column("toNullable(toJSONString(dynamic_provider_tools))", NO_TEXT),
    "parallel_tool_calls": Column("parallel_tool_calls", "CAST(NULL AS Nullable(Bool))"),
    "snapshot_hash": Column("toString(snapshot_hash)"),
}
OWN = LIGHT | TEXT | RAW | MORE
COLUMNS: dict[str, object] = {**LIGHT, **dict.fromkeys(MODEL), **TEXT, **RAW, **MORE}
LIGHT_COLUMNS = tuple(LIGHT)
FULL_COLUMNS = (*LIGHT, *MODEL, *TEXT, *RAW)


def inferences_query(
    selection: Selection,
    columns: Sequence[str] = FULL_COLUMNS,
    tags: Sequence[str] = (),
    feedback: Sequence[FeedbackColumn] = (),
    tables: Sequence[str] = TABLES,
) -> FrameQuery:
    """One row an inference; then `tag.<key>` and `feedback.<metric>` columns.

    Newest first; without a limit as they are stored: sorting costs a third of the time, and with texts twice the memory.
    `tables`: where there are rows at all (`stored_tables_query`); reading one instead of two saves a fifth of the time.
    """
    check_columns(columns, COLUMNS)
    parameters = Parameters()
    conditions = inference_conditions(selection, parameters)
    chosen = selected_ids(selection, conditions, parameters, tables)
    narrow = selection.limit is not None  # else looking for the few among many costs more than joining all
    if selection.limit is not None:
        conditions = [f"id IN ({chosen})"]
    own = [name for name in columns if name in OWN]
    wanted_tags = [tag_value(key, parameters) for key in tags]
    found = " UNION ALL ".join(_rows(table, own, wanted_tags, conditions) for table in tables)

    restrict = (chosen, _episodes(chosen, tables)) if narrow else None
    joined = latest_feedback(feedback, parameters, inference_id="found.id", episode_id="found.episode_id", restrict=restrict)
    joins = list(joined.joins)
    output = Output()
    used: Mapping[str, str] = {}
    if any(name in MODEL for name in columns):
        use = model_use("found.id", chosen if narrow else "")
        joins += use.joins
        used = use.columns
    for name in columns:
        output.add(name, f"found.own_{own.index(name)}" if name in OWN else used[name])
    for number, key in enumerate(tags):
        output.add(f"tag.{key}", f"found.tag_{number}")
    for name, expression in joined.columns.items():
        output.add(name, expression)
    order = f" ORDER BY {newest_first('found.id')}" if selection.limit is not None else ""
    settings = () if joins or tags or any(name not in LIGHT for name in columns) else (LONG_BLOCKS,)
    return output.finish(f"FROM ({found}) AS found {' '.join(joins)}{order}", parameters, *settings)


def _rows(table: str, own: Sequence[str], tags: Sequence[str], conditions: Sequence[str]) -> str:
    """One table's part. Its columns get names of ours, so that no alias hides a column in WHERE."""
    parts = ["id", "episode_id"]
    for number, name in enumerate(own):
        column = OWN[name]
        parts.append(f"{column.chat if table == 'ChatInference' else column.json or column.chat} AS own_{number}")
    parts += [f"{tag} AS tag_{number}" for number, tag in enumerate(tags)]
    return f"SELECT {', '.join(parts)} FROM {table}{where(conditions)}"


def _episodes(chosen: str, tables: Sequence[str]) -> str:
    return " UNION ALL ".join(f"SELECT episode_id FROM {table} WHERE id IN ({chosen})" for table in tables)


def count_query(selection: Selection, tables: Sequence[str] = TABLES) -> Query:
    """`total`: how many inferences fit, whatever the limit."""
    parameters = Parameters()
    conditions = where(inference_conditions(selection, parameters))
    each = " UNION ALL ".join(f"SELECT count() AS part FROM {table}{conditions}" for table in tables)
    return Query(f"SELECT sum(part) AS total FROM ({each})", parameters.values)


def tag_keys_query(selection: Selection, tables: Sequence[str] = TABLES) -> Query:
    """`key`: the users' tag keys on the inferences that fit, reserved ones aside; `MOST_TAG_KEYS` and one more at most."""
    parameters = Parameters()
    conditions = inference_conditions(selection, parameters)
    if selection.limit is not None:
        conditions = [f"id IN ({selected_ids(selection, conditions, parameters, tables)})"]
    each = " UNION ALL ".join(f"SELECT arrayJoin(mapKeys(tags)) AS key FROM {table}{where(conditions)}" for table in tables)
    sql = f"SELECT DISTINCT key FROM ({each}) WHERE NOT startsWith(key, 'tensorzero::') ORDER BY key LIMIT {MOST_TAG_KEYS + 1}"
    return Query(sql, parameters.values)


def stored_tables_query() -> Query:
    """`chat` and `json`: how many rows each table has. Costs no reading."""
    return Query("SELECT (SELECT count() FROM ChatInference) AS chat, (SELECT count() FROM JsonInference) AS json")
