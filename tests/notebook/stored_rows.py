"""Rows as a gateway stores them, few and known, for tests of frames."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

START_MS = 1_790_000_000_000
Row = tuple[str, dict[str, Any]]


def uuid_at(ms: int, tail: int = 0) -> str:
    """A UUIDv7 of that millisecond (counted from `START_MS`); `tail` orders ids within it."""
    number = (START_MS + ms) << 80 | 0x7 << 76 | 0x8 << 60 | tail
    return str(UUID(int=number))


def chat(
    ms: int, text: str = "question", answer: str = "answer", *, episode: str | None = None, tags: Any = None, **more: Any
) -> Row:
    row = {
        "id": uuid_at(ms),
        "function_name": "draft",
        "variant_name": "plain",
        "episode_id": episode or uuid_at(ms, 1),
        "input": json.dumps({"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
        "output": json.dumps([{"type": "text", "text": answer}]),
        "tool_params": "",
        "inference_params": '{"chat_completion":{}}',
        "processing_time_ms": 12,
        "tags": tags or {},
    }
    return "ChatInference", row | more


def json_inference(ms: int, raw: str = '{"x":1}', **more: Any) -> Row:
    row = {
        "id": uuid_at(ms),
        "function_name": "extract",
        "variant_name": "strict",
        "episode_id": uuid_at(ms, 1),
        "input": '{"messages":[{"role":"user","content":[{"type":"template","name":"user","arguments":{"a":1}}]}]}',
        "output": json.dumps({"raw": raw, "parsed": json.loads(raw)}),
        "output_schema": "{}",
        "inference_params": "{}",
        "auxiliary_content": "[]",
        "processing_time_ms": 7,
        "tags": {},
    }
    return "JsonInference", row | more


def model_inference(ms: int, inference_id: str, **more: Any) -> Row:
    row = {
        "id": uuid_at(ms, 9),
        "inference_id": inference_id,
        "raw_request": "request",
        "raw_response": "response",
        "model_name": "m",
        "model_provider_name": "p",
        "input_tokens": 5,
        "output_tokens": 6,
        "response_time_ms": 9,
        "input_messages": '[{"role":"user","content":[{"type":"text","text":"question"}]}]',
        "output": '[{"type":"text","text":"answer"}]',
        "finish_reason": "stop",
        "cost": 0.000016,
    }
    return "ModelInference", row | more


def boolean(ms: int, target: str, value: bool, metric: str = "thumbs_up", tail: int = 0) -> Row:
    return "BooleanMetricFeedback", {
        "id": uuid_at(ms, tail),
        "target_id": target,
        "metric_name": metric,
        "value": value,
        "tags": {},
    }


def number(ms: int, target: str, value: float, metric: str = "rating") -> Row:
    return "FloatMetricFeedback", {"id": uuid_at(ms), "target_id": target, "metric_name": metric, "value": value, "tags": {}}


def comment(ms: int, target: str, text: str) -> Row:
    row = {"id": uuid_at(ms), "target_id": target, "target_type": "inference", "value": text, "tags": {}}
    return "CommentFeedback", row


def demonstration(ms: int, inference_id: str, value: str) -> Row:
    return "DemonstrationFeedback", {"id": uuid_at(ms), "inference_id": inference_id, "value": value, "tags": {}}
