"""Rows as the gateway writes them, small, with fresh ids."""

from __future__ import annotations

from typing import Any

from uuid_utils import uuid7

Rows = list[tuple[str, dict[str, Any]]]


def inference(*, tags: dict[str, str] | None = None, episode_id: str | None = None, variant: str = "v") -> tuple[str, Rows]:
    """One chat inference: its id, and its ChatInference and ModelInference rows."""
    inference_id = str(uuid7())
    chat = {
        "id": inference_id,
        "function_name": "draft",
        "variant_name": variant,
        "episode_id": episode_id or str(uuid7()),
        "input": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]},
        "output": [{"type": "text", "text": "Hi"}],
        "inference_params": {"chat_completion": {}},
        "processing_time_ms": 3,
        "tags": tags or {},
        "extra_body": [],
        "snapshot_hash": "123456789012345678901234567890",
    }
    model = {
        "id": str(uuid7()),
        "inference_id": inference_id,
        "raw_request": "{}",
        "raw_response": "{}",
        "model_name": "m",
        "model_provider_name": "p",
        "input_tokens": 3,
        "output_tokens": 4,
        "response_time_ms": 2,
        "input_messages": "[]",
        "output": "[]",
        "snapshot_hash": "123456789012345678901234567890",
    }
    return inference_id, [("ChatInference", chat), ("ModelInference", model)]


def thumbs_up(target_id: str, *, tags: dict[str, str] | None = None) -> tuple[str, Rows]:
    """Boolean feedback on a target: its id and its row."""
    feedback_id = str(uuid7())
    row = {"id": feedback_id, "target_id": target_id, "metric_name": "thumbs_up", "value": True, "tags": tags or {}}
    return feedback_id, [("BooleanMetricFeedback", row)]
