"""What an inference's model inferences spent, and their entries in `raw_usage` and `raw_response`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.values import ModelInference, Usage

NOTHING_SPENT = Usage(0, 0, cost=0.0)


def total_usage(inferences: Sequence[ModelInference]) -> Usage:
    """The sum; tokens and cost are None where any part is, cache tokens ignore what is missing. A cached part counts zero."""
    if len(inferences) == 1 and not inferences[0].cached:
        return inferences[0].usage
    total = Usage(0, 0, None, None, 0.0)
    for inference in inferences:
        usage = Usage(0, 0, None, None, 0.0) if inference.cached else inference.usage
        if inference.api_type == "embeddings":
            usage = replace(usage, output_tokens=None if usage.input_tokens is None else 0)
        for name in ("input_tokens", "output_tokens", "cost"):
            so_far, part = getattr(total, name), getattr(usage, name)
            setattr(total, name, None if so_far is None or part is None else so_far + part)
        for name in ("provider_cache_read_input_tokens", "provider_cache_write_input_tokens"):
            part = getattr(usage, name)
            if part is not None:
                setattr(total, name, (getattr(total, name) or 0) + part)
    return total


def reported_id(inference: ModelInference) -> str:
    """The id in raw entries: made for the response, and not the one of the row (observed 2026.6.0)."""
    if inference.usage_id is None:
        inference.usage_id = new_id()
    return inference.usage_id


def raw_usage_entries(inferences: Sequence[ModelInference]) -> list[dict[str, Any]]:
    """Of those whose provider said what it spent; a kept answer has spent nothing."""
    return [raw_usage_entry(one, one.raw_usage) for one in inferences if not one.cached and is_known(one.usage, one.raw_usage)]


def is_known(usage: Usage | None, raw_usage: Any) -> bool:
    """Whether a provider said what it spent: in an object of its own, or at least in numbers."""
    return raw_usage is not None or (usage is not None and (usage.input_tokens, usage.output_tokens) != (None, None))


def raw_usage_entry(inference: ModelInference, data: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "model_inference_id": reported_id(inference),
        "provider_type": inference.provider_type,
        "api_type": inference.api_type,
    }
    if data is not None:
        entry["data"] = data
    return entry


def raw_response_entries(inferences: Sequence[ModelInference]) -> list[dict[str, Any]]:
    """What each model inference answered, right after what failed on the way to it."""
    return [entry for one in inferences for entry in (*one.failed, *_answer(one))]


def _answer(inference: ModelInference) -> list[dict[str, Any]]:
    if inference.cached:
        return []
    return [
        {
            "model_inference_id": reported_id(inference),
            "provider_type": inference.provider_type,
            # Of an embedding that does not say what it spent, the original names the other kind (observed 2026.6.0).
            "api_type": inference.api_type if is_known(inference.usage, inference.raw_usage) else "chat_completions",
            "data": inference.raw_response,
        }
    ]
