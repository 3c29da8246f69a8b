"""Finished inferences and feedback as rows. Pure: nothing here writes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import ExtraBody
from tensorzero.gateway.functions.tools import tool_columns
from tensorzero.gateway.params import stored
from tensorzero.gateway.values import ModelInference, VariantResult
from tensorzero.inputs.blocks import stored_messages_json

_COST_LIMIT = 1e9  # the column is a Decimal(18, 9); a larger number would cost the row

Row = tuple[str, dict[str, Any]]


def inference_rows(call: InferenceCall, result: VariantResult, snapshot_hash: str, ttft_ms: int | None = None) -> list[Row]:
    """One `ChatInference` or `JsonInference` row after one `ModelInference` row for each model inference."""
    rows: list[Row] = [
        ("ModelInference", _model_inference(inference, call, result.variant_name, snapshot_hash))
        for inference in result.model_inferences
    ]
    row: dict[str, Any] = {
        "id": call.inference_id,
        "function_name": call.function.name,
        "variant_name": result.variant_name,
        "episode_id": call.episode_id,
        "input": call.input.stored_json(),
        "output": _json(result.output),
        "inference_params": _json(stored(result.params)),
        "processing_time_ms": round((time.monotonic() - call.started) * 1000),
        "tags": call.tags,
        "extra_body": _json([_extra_body(entry) for entry in call.extra_body]) if call.extra_body else "[]",
        "snapshot_hash": snapshot_hash,
    }
    if ttft_ms is not None:
        row["ttft_ms"] = ttft_ms
    if call.function.type == "json":
        row["output_schema"] = "{}" if call.schema is None else call.schema.json
        row["auxiliary_content"] = _json(result.auxiliary)
        rows.append(("JsonInference", row))
        return rows
    if call.tools is not None:
        row.update(tool_columns(call.tools))
    rows.append(("ChatInference", row))
    return rows


def _model_inference(inference: ModelInference, call: InferenceCall, variant_name: str, snapshot_hash: str) -> dict[str, Any]:
    usage, request = inference.usage, inference.request
    row: dict[str, Any] = {
        "id": inference.id,
        "inference_id": call.inference_id,
        "raw_request": inference.raw_request,
        "raw_response": inference.raw_response,
        "model_name": inference.model_name,
        "model_provider_name": inference.provider_name,
        "input_tokens": usage.input_tokens or None,  # no 0 (observed 2026.6.0)
        "output_tokens": usage.output_tokens or None,
        "response_time_ms": inference.response_time_ms,
        "ttft_ms": inference.ttft_ms,
        "system": request.system,
        "input_messages": stored_messages_json(request.messages),
        "output": _json(inference.content),
        "cached": inference.cached,
        "finish_reason": inference.finish_reason,
        "snapshot_hash": snapshot_hash,
        "cost": usage.cost if usage.cost is None or usage.cost < _COST_LIMIT else None,
        "function_name": call.function.name,
        "variant_name": variant_name,
    }
    if usage.provider_cache_read_input_tokens is not None:
        row["provider_cache_read_input_tokens"] = usage.provider_cache_read_input_tokens
    if usage.provider_cache_write_input_tokens is not None:
        row["provider_cache_write_input_tokens"] = usage.provider_cache_write_input_tokens
    return row


def _extra_body(entry: ExtraBody) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if entry.variant_name is not None:
        shown["variant_name"] = entry.variant_name
    if entry.model_name is not None:
        shown["model_name"], shown["provider_name"] = entry.model_name, entry.provider_name
    shown["pointer"] = entry.pointer
    shown.update({"delete": True} if entry.delete else {"value": entry.value})
    return shown


def feedback_row(
    kind: str, feedback_id: str, target: Mapping[str, Any], value: Any, tags: dict[str, str], snapshot_hash: str
) -> Row:
    """`kind`: the table. `target`: its target columns (`target_id`, `metric_name`, `target_type`, `inference_id`)."""
    return kind, {"id": feedback_id, **target, "value": value, "tags": tags, "snapshot_hash": snapshot_hash}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def raw_chunks(chunks: Sequence[str]) -> str:
    """A stream's raw response: its events' data, a line each (observed 2026.6.0)."""
    return "\n".join(chunks)
