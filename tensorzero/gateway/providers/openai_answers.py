"""OpenAI's answers, whole or chunk by chunk, as content blocks."""

from __future__ import annotations

from typing import Any

import orjson

from tensorzero.gateway.errors import GatewayError, ProviderError
from tensorzero.gateway.json_fault import json_fault
from tensorzero.gateway.values import Block, ProviderChunk, ProviderResponse, Usage

_FINISH = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
}


def parse_answer(body: bytes, raw: str, raw_request: str, latency_ms: int, provider_type: str) -> ProviderResponse:
    """A whole answer. Raises `ProviderError` for anything that is not one."""
    try:
        answer = orjson.loads(body)
        choices = answer["choices"]
        if len(choices) != 1:
            raise _unreadable(provider_type, f"Response has invalid number of choices: {len(choices)}. Expected 1.", whole=True)
        choice = choices[0]
        content = _content(choice["message"], provider_type)
        usage, raw_usage = parse_usage(answer.get("usage"))
        return ProviderResponse(
            content, usage, finish_reason(choice.get("finish_reason")), raw_request, raw, raw_usage, latency_ms
        )
    except orjson.JSONDecodeError as error:
        raise _unreadable(provider_type, json_fault(body) or str(error)) from None
    except (KeyError, TypeError, AttributeError, IndexError, _ShapeError) as error:
        raise _unreadable(provider_type, shape_fault(error, body)) from None


class _ShapeError(Exception):
    """JSON of another shape than an answer's; the text says where."""


def shape_fault(error: Exception, data: bytes) -> str:
    """What is wrong with an answer that is JSON, in words about the answer."""
    if isinstance(error, KeyError):
        return f"missing field `{error.args[0]}` at line 1 column {len(data)}"
    return str(error) if isinstance(error, _ShapeError) else "unexpected shape"


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _ShapeError(f"`{name}` is not a string")
    return value


def _optional_text(value: Any, name: str) -> str:
    return "" if value is None else _text(value, name)


def _unreadable(provider_type: str, reason: str, *, whole: bool = False) -> ProviderError:
    text = reason if whole else f"Error parsing JSON response: {reason}"
    return ProviderError(f"Error from {provider_type} server: {text}", provider_type=provider_type)


def _content(message: dict[str, Any], provider_type: str) -> list[Block]:
    """Thought, then text, then tool calls."""
    content: list[Block] = []
    reasoning = message.get("reasoning_content")
    if isinstance(reasoning, str):
        content.append({"type": "thought", "text": reasoning, "provider_type": provider_type})
    text = message.get("content")
    if text is not None:
        content.append({"type": "text", "text": _text(text, "content")})
    content.extend(_tool_call(call) for call in message.get("tool_calls") or ())
    return content


def _tool_call(call: dict[str, Any]) -> Block:
    custom = call.get("type") == "custom"
    function = call["custom" if custom else "function"]
    arguments = "input" if custom else "arguments"
    return {
        "type": "tool_call",
        "id": _text(call["id"], "id"),
        "name": _text(function["name"], "name"),
        "arguments": _text(function[arguments], arguments),
    }


def finish_reason(reason: Any) -> str | None:
    if reason is None:
        return None
    return _FINISH.get(reason, "unknown") if isinstance(reason, str) else "unknown"


def parse_usage(usage: Any) -> tuple[Usage, Any]:
    """Tokens, and the provider's own object. Missing or odd figures are None."""
    if not isinstance(usage, dict):
        return Usage(), None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), _count(cached)), usage


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 else None


class _UnknownCallError(Exception):
    """A delta of a tool call whose id has not been seen."""


class ChunkReader:
    """One stream's events. Text has id "0", reasoning "1", a tool call its own id on every delta."""

    def __init__(self, provider_type: str, raw_request: str) -> None:
        self._type = provider_type
        self._raw_request = raw_request
        self._tool_ids: dict[int, str] = {}  # by index, which an upstream may choose as it likes

    def read(self, event: bytes) -> ProviderChunk | GatewayError:
        """The event as a chunk; one that cannot be read is an error in its place, and the stream goes on."""
        try:
            chunk = orjson.loads(event)
            choices = chunk["choices"]
            raw = event.decode()
            if len(choices) != 1:
                if choices:
                    return self._unreadable("Response has invalid number of choices: {}. Expected 1.", event)
                if chunk.get("usage") is None:
                    return ProviderChunk([], raw)
                usage, raw_usage = parse_usage(chunk["usage"])
                return ProviderChunk([], raw, usage, None, raw_usage)
            choice = choices[0]
            delta = choice["delta"]
            if len(delta) == 1 and "content" in delta and choice.get("finish_reason") is None and chunk.get("usage") is None:
                text = delta["content"]
                if type(text) is str:
                    return ProviderChunk([{"type": "text", "text": text, "id": "0"}], raw)
            usage, raw_usage = parse_usage(chunk["usage"]) if chunk.get("usage") else (None, None)
            return ProviderChunk(self._content(delta), raw, usage, finish_reason(choice.get("finish_reason")), raw_usage)
        except _UnknownCallError:
            return self._unreadable(
                "Tool call index out of bounds (meaning we haven't seen this many ids in the stream)", event
            )
        except orjson.JSONDecodeError as error:
            return self._unreadable(f"Error parsing chunk. Error: {json_fault(event) or error}", event)
        except (KeyError, TypeError, AttributeError, IndexError, _ShapeError) as error:
            return self._unreadable(f"Error parsing chunk. Error: {shape_fault(error, event)}", event)

    def _unreadable(self, reason: str, event: bytes) -> ProviderError:
        return ProviderError(
            f"Error from {self._type} server: {reason}",
            provider_type=self._type,
            raw_request=self._raw_request,
            raw_response=event.decode("utf-8", "replace"),
        )

    def _content(self, delta: dict[str, Any]) -> list[Block]:
        content: list[Block] = []
        reasoning = delta.get("reasoning_content")
        if isinstance(reasoning, str):
            content.append({"type": "thought", "text": reasoning, "id": "1", "provider_type": self._type})
        text = delta.get("content")
        if text is not None:
            content.append({"type": "text", "text": _text(text, "content"), "id": "0"})
        content.extend(self._tool_call(call) for call in delta.get("tool_calls") or ())
        return content

    def _tool_call(self, call: dict[str, Any]) -> Block:
        index, given = call.get("index", 0), call.get("id")
        if given or (given is not None and index not in self._tool_ids):
            self._tool_ids[index] = _text(given, "id")
        elif index not in self._tool_ids:
            raise _UnknownCallError
        function = call["function"]
        return {
            "type": "tool_call",
            "id": self._tool_ids[index],
            "raw_name": _optional_text(function.get("name"), "name"),
            "raw_arguments": _optional_text(function.get("arguments"), "arguments"),
        }
