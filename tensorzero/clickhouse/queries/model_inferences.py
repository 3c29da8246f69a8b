"""Stored model inferences (one a provider call) as rows of a frame."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

from collections.abc import Sequence

from tensorzero.clickhouse.queries.expressions import (
    messages_text,
    newest_first,
    output_text,
    time_of,
    whole_number,
)
from tensorzero.clickhouse.queries.frame_query import FrameQuery, Output, check_columns
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.queries.selection import TABLES, Selection, inference_conditions, time_conditions, where
from tensorzero.clickhouse.query import Query

LIGHT = {
    "model_inference_id": "id",
    "inference_id": "inference_id",
    "function_name": "toString(function_name)",
    "variant_name": "toString(variant_name)",
    "model_name": "toString(model_name)",
    "model_provider_name": "toString(model_provider_name)",
    "timestamp": time_of("id"),
    "response_time_ms": whole_number("response_time_ms"),
    "ttft_ms": whole_number("ttft_ms"),
    "input_tokens": whole_number("input_tokens"),
    "output_tokens": whole_number("output_tokens"),
    "provider_cache_read_input_tokens": whole_number("provider_cache_read_input_tokens"),
    "provider_cache_write_input_tokens": whole_number("provider_cache_write_input_tokens"),
    "cost": "toFloat64(cost)",
    "cached": "cached",
    "finish_reason": "CAST(finish_reason AS Nullable(String))",
}
TEXT = {"input_text": messages_text("input_messages"), "output_text": output_text("output")}
RAW = {
    "system": "system",
    "input_messages": "input_messages",
    "output": "output",
    "raw_request": "raw_request",
    "raw_response": "raw_response",
}
COLUMNS: dict[str, str] = {**LIGHT, **TEXT, **RAW, "snapshot_hash": "toString(snapshot_hash)"}
LIGHT_COLUMNS = tuple(LIGHT)
FULL_COLUMNS = (*LIGHT, *TEXT, *RAW)


def _conditions(selection: Selection, inference_ids: Sequence[str] | None, parameters: Parameters) -> list[str]:
    """`functions`, `variants`, `episodes`, `tags` and `metrics` are asked of the inference, for rows of every age."""
    found = time_conditions(selection, parameters)
    if selection.models:
        found.append(f"model_name IN {parameters.bind(list(selection.models), 'Array(String)')}")
    if inference_ids is not None:
        found.append(f"inference_id IN {parameters.bind(list(inference_ids), 'Array(UUID)')}")
    of_inference = Selection(
        functions=selection.functions,
        variants=selection.variants,
        episodes=selection.episodes,
        tags=selection.tags,
        metrics=selection.metrics,
    )
    asked = inference_conditions(of_inference, parameters)
    if asked:
        each = " UNION ALL ".join(f"SELECT id FROM {table}{where(asked)}" for table in TABLES)
        found.append(f"inference_id IN ({each})")
    return found


def model_inferences_query(
    selection: Selection, columns: Sequence[str] = FULL_COLUMNS, inference_ids: Sequence[str] | None = None
) -> FrameQuery:
    """One row a model inference, newest first; without a limit as they are stored. `selection.ids` are theirs."""
    check_columns(columns, COLUMNS)
    parameters = Parameters()
    conditions = _conditions(selection, inference_ids, parameters)
    output = Output()
    for name in columns:
        output.add(name, COLUMNS[name])
    if selection.limit is None:
        return output.finish(f"FROM ModelInference{where(conditions)}", parameters)
    limit = parameters.bind(selection.limit, "UInt64")
    newest = f"SELECT id FROM ModelInference{where(conditions)} ORDER BY {newest_first('id')} LIMIT {limit}"
    return output.finish(f"FROM ModelInference WHERE id IN ({newest}) ORDER BY {newest_first('id')}", parameters)


def model_inference_count_query(selection: Selection, inference_ids: Sequence[str] | None = None) -> Query:
    """`total`: how many fit, whatever the limit."""
    parameters = Parameters()
    conditions = where(_conditions(selection, inference_ids, parameters))
    return Query(f"SELECT count() AS total FROM ModelInference{conditions}", parameters.values)
