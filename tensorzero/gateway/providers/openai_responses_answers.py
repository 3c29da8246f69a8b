"""Whole answers of the Responses API as content blocks. An item of none of the known shapes is a block of its own, as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast

import orjson

from tensorzero.gateway.errors import ProviderError
from tensorzero.gateway.providers.openai_responses_shapes import ANSWER
from tensorzero.gateway.values import Block, ProviderResponse, Usage
from tensorzero.parsing.json_fault import json_fault
from tensorzero.parsing.shape_fault import shape_fault

Item = Mapping[str, Any]


class Scope(NamedTuple):
    """Whose answer it is."""

    provider_type: str
    model_name: str
    provider_name: str

    def unknown(self, data: Any) -> Block:
        return {"type": "unknown", "data": data, "model_name": self.model_name, "provider_name": self.provider_name}


class _ShapeError(ValueError):
    """JSON of another shape than an answer's."""


def parse_response(body: bytes, raw: str, raw_request: str, latency_ms: int, scope: Scope) -> ProviderResponse:
    """A whole answer; `raw` is its text. Raises `ProviderError` for anything that is not one."""
    try:
        answer = _decoded(body, raw)
        usage = answer.get("usage")
        tokens = _usage(usage)
        finish = _finish_reason(answer.get("incomplete_details"))
        content = [block for item in _list(answer["output"]) for block in _blocks(item, scope)]
        return ProviderResponse(content, tokens, finish, raw_request, raw, usage, latency_ms)
    except orjson.JSONDecodeError as error:
        raise _unreadable(scope, f"Error parsing JSON response: {json_fault(raw) or error}") from None
    except (KeyError, AttributeError, _ShapeError):
        raise _unreadable(scope, f"Error parsing JSON response: {shape_fault(raw, ANSWER) or 'unexpected shape'}") from None


def _decoded(body: bytes, raw: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return orjson.loads(raw)  # bytes that are not UTF-8, or begin with a mark


def _unreadable(scope: Scope, reason: str) -> ProviderError:
    return ProviderError(f"Error from {scope.provider_type} server: {reason}", provider_type=scope.provider_type)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _ShapeError
    return cast("list[Any]", value)


def _usage(usage: Any) -> Usage:
    if usage is None:
        return Usage()
    details = usage.get("input_tokens_details")
    cached = None if details is None else _count(details.get("cached_tokens"))
    return Usage(_count(usage.get("input_tokens")), _count(usage.get("output_tokens")), cached)


def _count(value: Any) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value < 2**32):
        raise _ShapeError
    return value


def _finish_reason(details: Any) -> str | None:
    """`length`, or nothing: the API does not say why a complete answer ended."""
    if details is None:
        return None
    if not isinstance(details["reason"] if isinstance(details, dict) else None, str):
        raise _ShapeError
    return "length" if details["reason"] == "max_output_tokens" else None


def _blocks(item: Any, scope: Scope) -> Iterable[Block]:
    kind = cast("Item", item).get("type") if isinstance(item, dict) else None
    read = _READERS.get(kind) if isinstance(kind, str) else None
    blocks = None if read is None else read(item, scope)
    return (scope.unknown(item),) if blocks is None else blocks


def _message(item: Item, scope: Scope) -> Iterable[Block] | None:
    role, identifier, parts = item.get("role"), item.get("id"), item.get("content")
    if not isinstance(role, str) or not isinstance(identifier, str | None) or not isinstance(parts, list):
        return None
    parts = cast("list[Any]", parts)
    if not all(_is_part(part) for part in parts):
        return None
    if role != "assistant":
        raise _unreadable(scope, "Only assistant messages are supported in responses API output")
    if any(part["type"] != "output_text" for part in parts):
        raise _unreadable(scope, "Only output text is supported in responses API output")
    return [{"type": "text", "text": part["text"]} for part in parts]


def _is_part(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    given = cast("Item", part)
    match given.get("type"):
        case "output_text" | "input_text":
            return isinstance(given.get("text"), str)
        case "input_image":
            return isinstance(given.get("image_url"), str) and given.get("detail") in (None, "low", "high", "auto")
        case "input_file":
            return all(isinstance(given.get(name), str | None) for name in ("file_data", "filename"))
        case _:
            return False


def _texts(item: Item, *names: str) -> bool:
    return all(isinstance(item.get(name), str) for name in names)


def _function_call(item: Item, scope: Scope) -> Iterable[Block] | None:
    if not _texts(item, "call_id", "name", "arguments"):
        return None
    return [{"type": "tool_call", "id": item["call_id"], "name": item["name"], "arguments": item["arguments"]}]


def _custom_call(item: Item, scope: Scope) -> Iterable[Block] | None:
    if not _texts(item, "id", "status", "call_id", "name", "input"):
        return None
    return [{"type": "tool_call", "id": item["call_id"], "name": item["name"], "arguments": item["input"]}]


def _reasoning(item: Item, scope: Scope) -> Iterable[Block] | None:
    """A thought whose text is in its summary, and whose signature is what the model may read again."""
    signature, summary = item.get("encrypted_content"), item.get("summary")
    if not isinstance(signature, str | None) or not isinstance(summary, list):
        return None
    summary = cast("list[Any]", summary)
    if not all(isinstance(part, dict) and part.get("type") == "summary_text" and _texts(part, "text") for part in summary):  # type: ignore[reportUnknown]
        return None
    thought: Block = {"type": "thought", "text": None}
    if signature is not None:
        thought["signature"] = signature
    thought["summary"] = [{"type": "summary_text", "text": part["text"]} for part in summary]
    thought["provider_type"] = scope.provider_type
    return [thought]


_READERS: Mapping[str, Callable[[Item, Scope], Iterable[Block] | None]] = {
    "message": _message,
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    "reasoning": _reasoning,
}
