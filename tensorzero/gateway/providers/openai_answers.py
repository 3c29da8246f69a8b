"""OpenAI's answers, whole or chunk by chunk, as content blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, cast

import orjson

from tensorzero.gateway.errors import GatewayError, ProviderError
from tensorzero.gateway.providers.openai_shapes import ANSWER, CHUNK
from tensorzero.gateway.providers.own_words import own_words
from tensorzero.gateway.values import Block, ProviderChunk, ProviderResponse, Usage
from tensorzero.masking.known import learn_sent
from tensorzero.parsing.json_fault import json_fault
from tensorzero.parsing.shape_fault import shape_fault

_FINISH = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
}


def parse_answer(body: bytes, raw: str, raw_request: str, latency_ms: int, provider_type: str) -> ProviderResponse:
    """A whole answer; `raw` is its text. Raises `ProviderError` for anything that is not one."""
    try:
        answer = _decoded(body, raw)
        choices = _list(answer["choices"], "choices")
        if len(choices) != 1:
            return _refuse_choices(len(choices), raw, provider_type)
        choice = choices[0]
        _count(choice["index"], 2**8)
        content = _content(choice["message"], provider_type)
        finish = _finish_reason(choice["finish_reason"])
        usage, raw_usage = parse_usage(answer.get("usage"))
        return ProviderResponse(content, usage, finish, raw_request, raw, raw_usage, latency_ms)
    except orjson.JSONDecodeError as error:
        raise _unreadable(provider_type, json_fault(raw) or str(error)) from None
    except _ODD:
        raise _unreadable(provider_type, shape_fault(raw, ANSWER) or _UNEXPECTED) from None


def _decoded(body: bytes, raw: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return orjson.loads(raw)  # bytes that are not UTF-8, or begin with a mark


def _refuse_choices(count: int, raw: str, provider_type: str) -> NoReturn:
    fault = shape_fault(raw, ANSWER)
    if fault is not None:
        raise _unreadable(provider_type, fault)
    raise _unreadable(provider_type, f"Response has invalid number of choices: {count}. Expected 1.", whole=True)


class _ShapeError(ValueError):
    """JSON of another shape than an answer's."""


_ODD = (KeyError, TypeError, AttributeError, IndexError, _ShapeError)
_UNEXPECTED = "unexpected shape"


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _ShapeError(f"`{name}` is not a string")
    return value


def _optional_text(value: Any, name: str) -> str:
    return "" if value is None else _text(value, name)


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise _ShapeError(f"`{name}` is not a list")
    return cast("list[Any]", value)


def _reasoning(message: dict[str, Any]) -> str | None:
    """`reasoning` is an equal of `reasoning_content` and goes before it (observed 2026.6.0)."""
    found = None
    for name in ("reasoning_content", "reasoning"):
        value = message.get(name)
        if value is not None:
            found = _text(value, name)
    return found


def _unreadable(provider_type: str, reason: str, *, whole: bool = False) -> ProviderError:
    text = reason if whole else f"Error parsing JSON response: {reason}"
    return ProviderError(f"Error from {provider_type} server: {text}", provider_type=provider_type)


def _content(message: dict[str, Any], provider_type: str) -> list[Block]:
    """Thought, then text, then tool calls."""
    content: list[Block] = []
    reasoning = _reasoning(message)
    if reasoning is not None:
        content.append({"type": "thought", "text": reasoning, "provider_type": provider_type})
    text = message.get("content")
    if text is not None:
        content.append({"type": "text", "text": _text(text, "content")})
    calls = message.get("tool_calls")
    if calls is not None:
        content.extend(_tool_call(call) for call in _list(calls, "tool_calls"))
    return content


def _tool_call(call: dict[str, Any]) -> Block:
    kind = call["type"]
    if kind not in ("function", "custom"):
        raise _ShapeError(f"`{kind}` is no type of a tool call")
    function = call[kind]
    arguments = "input" if kind == "custom" else "arguments"
    return {
        "type": "tool_call",
        "id": _text(call["id"], "id"),
        "name": _text(function["name"], "name"),
        "arguments": _text(function[arguments], arguments),
    }


def _finish_reason(reason: Any) -> str:
    return _FINISH.get(_text(reason, "finish_reason"), "unknown")


def parse_usage(usage: Any) -> tuple[Usage, Any]:
    """Tokens, and the provider's own object. Missing figures are None; odd ones are a `ValueError`."""
    if usage is None:
        return Usage(), None
    if not isinstance(usage, dict):
        raise _ShapeError("`usage` is not an object")
    given = cast("dict[str, Any]", usage)
    details = given.get("prompt_tokens_details")
    return (
        Usage(
            _optional_count(given.get("prompt_tokens")),
            _optional_count(given.get("completion_tokens")),
            None if details is None else _optional_count(details.get("cached_tokens")),
        ),
        given,
    )


def _optional_count(value: Any) -> int | None:
    return None if value is None else _count(value, 2**32)


def _count(value: Any, end: int) -> int:
    if type(value) is not int or not 0 <= value < end:
        raise _ShapeError("not a count")
    return value


def no_text(error: UnicodeDecodeError) -> str:
    """Why an event cannot be read whose bytes are not UTF-8."""
    reason = f"invalid utf-8 sequence of {error.end - error.start} bytes from index {error.start}"
    return f"SSE error; caused by: utf8 parse error: {reason}; caused by: {reason}"


class _UnknownCallError(Exception):
    """A delta of a tool call whose id has not been seen."""


class ChunkReader:
    """One stream's events. Text has id "0", reasoning "1", a tool call its own id on every delta."""

    complaint: str | None = None  # each event that cannot be read is an error of its own

    def __init__(self, provider_type: str, raw_request: str) -> None:
        self._type = provider_type
        self._raw_request = raw_request
        self.sent: Mapping[str, str] = {}  # the headers of its request
        self._tool_ids: list[str] = []  # as they came: a delta without one means the one at its index (observed 2026.6.0)

    def take(self, events: list[bytes]) -> tuple[list[ProviderChunk | GatewayError], bool]:
        """`[DONE]` ends the answer, whatever comes after it."""
        ended = b"[DONE]" in events
        if ended:
            events = events[: events.index(b"[DONE]")]
        read = self.read
        return [read(event) for event in events], ended

    def read(self, event: bytes) -> ProviderChunk | GatewayError:
        """The event as a chunk; one that cannot be read is an error in its place, and the stream goes on."""
        try:
            chunk = orjson.loads(event)
            choices = chunk["choices"]
            raw = event.decode()
            if not choices:
                usage, raw_usage = parse_usage(chunk.get("usage"))
                return ProviderChunk(_list(choices, "choices"), raw, usage, None, raw_usage)
            choice = choices[0]
            delta = choice["delta"]
            finish = choice.get("finish_reason")
            spent = chunk.get("usage")
            if len(choices) != 1:
                return self._refuse_choices(event)
            if len(delta) == 1 and "content" in delta and finish is None and spent is None:
                text = delta["content"]
                if type(text) is str:
                    return ProviderChunk([{"type": "text", "text": text, "id": "0"}], raw)
            usage, raw_usage = (None, None) if spent is None else parse_usage(spent)
            content = self._content(delta)
            reason = None if finish is None or finish == "" else _finish_reason(finish)
            return ProviderChunk(content, raw, usage, reason, raw_usage)
        except _UnknownCallError:
            return self._unreadable(
                "Tool call index out of bounds (meaning we haven't seen this many ids in the stream)", event
            )
        except orjson.JSONDecodeError as error:
            return self._unreadable(self._not_json(event, error), event)
        except _ODD:
            return self._unreadable(f"Error parsing chunk. Error: {_chunk_fault(event) or _UNEXPECTED}", event)

    def _not_json(self, event: bytes, error: orjson.JSONDecodeError) -> str:
        try:
            event.decode()
        except UnicodeDecodeError as broken:
            return no_text(broken)
        return f"Error parsing chunk. Error: {json_fault(event) or error}"

    def _refuse_choices(self, event: bytes) -> ProviderError:
        fault = _chunk_fault(event)
        if fault is not None:
            return self._unreadable(f"Error parsing chunk. Error: {fault}", event)
        return self._unreadable("Response has invalid number of choices: {}. Expected 1.", event)  # braces and all

    def _unreadable(self, reason: str, event: bytes) -> ProviderError:
        learn_sent(self.sent)
        raw = event.decode("utf-8", "replace")
        return ProviderError(
            f"Error from {self._type} server: {reason}",
            provider_type=self._type,
            raw_request=self._raw_request,
            raw_response=raw,
            hint=own_words(raw),
        )

    def _content(self, delta: dict[str, Any]) -> list[Block]:
        content: list[Block] = []
        reasoning = _reasoning(delta)
        if reasoning is not None:
            content.append({"type": "thought", "text": reasoning, "id": "1", "provider_type": self._type})
        text = delta.get("content")
        if text is not None:
            content.append({"type": "text", "text": _text(text, "content"), "id": "0"})
        calls = delta.get("tool_calls")
        if calls is not None:
            content.extend(self._tool_call(call) for call in _list(calls, "tool_calls"))
        return content

    def _tool_call(self, call: dict[str, Any]) -> Block:
        index, identifier, function = _count(call["index"], 2**8), call.get("id"), call["function"]
        name = _optional_text(function.get("name"), "name")
        arguments = _optional_text(function.get("arguments"), "arguments")
        if identifier is not None:
            self._tool_ids.append(_text(identifier, "id"))
        elif index < len(self._tool_ids):
            identifier = self._tool_ids[index]
        else:
            raise _UnknownCallError
        return {"type": "tool_call", "id": identifier, "raw_name": name, "raw_arguments": arguments}


def _chunk_fault(event: bytes) -> str | None:
    return shape_fault(event.decode("utf-8", "replace"), CHUNK)
