"""Events of a streamed answer of the Responses API as chunks. What cannot be read is passed over, as the original does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

import orjson

from tensorzero.gateway.errors import FatalStreamError, GatewayError, ProviderError
from tensorzero.gateway.providers.openai_answers import no_text
from tensorzero.gateway.providers.openai_responses_answers import Scope
from tensorzero.gateway.providers.own_words import own_words
from tensorzero.gateway.values import Block, ProviderChunk, Usage
from tensorzero.masking.known import learn_sent

logger = logging.getLogger("tensorzero")

Event = Mapping[str, Any]

_SILENT = frozenset(
    {
        "response.created",
        "response.in_progress",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.done",
        "response.reasoning_summary_text.done",
    }
)


class _OddError(ValueError):
    """A known event without one of its fields."""


class EventReader:
    """One stream's events.

    Text has its content's index as id, reasoning its item's index, a tool call the id of its item: it is the one that began
    last, whatever later events say (observed 2026.6.0). `ended`: the answer is complete.
    """

    def __init__(self, scope: Scope, raw_request: str, *, keeps_unknown: bool) -> None:
        self.ended = False
        self.complaint: str | None = None
        self._scope = scope
        self._raw_request = raw_request
        self.sent: Mapping[str, str] = {}  # the headers of its request
        self._keeps_unknown = keeps_unknown
        self._tool_id: str | None = None

    def take(self, events: list[bytes]) -> tuple[list[ProviderChunk | GatewayError], bool]:
        """Most events say nothing new; one of the last kinds ends the answer, whatever comes after it."""
        items: list[ProviderChunk | GatewayError] = []
        for event in events:
            item = self.read(event)
            if item is not None:
                items.append(item)
            if self.ended or isinstance(item, FatalStreamError):
                return items, True
        return items, False

    def read(self, data: bytes) -> ProviderChunk | GatewayError | None:
        """The event as a chunk; None for one that says nothing, a fatal error for one that ends the answer badly."""
        try:
            raw = data.decode()
        except UnicodeDecodeError as broken:
            return self._failure(ProviderError, no_text(broken), None)
        try:
            event: Any = orjson.loads(data)
            kind = _text(event, "type")
            if kind == "response.output_text.delta":
                return ProviderChunk([_text_chunk(event)], raw)
            return self._other(kind, event, raw)
        except (_OddError, orjson.JSONDecodeError):
            logger.warning("An event of a stream of %s cannot be read: it is passed over", self._scope.provider_type)
            self.complaint = self.complaint or own_words(raw)
            return None

    def _other(self, kind: str, event: Event, raw: str) -> ProviderChunk | GatewayError | None:
        match kind:
            case "response.reasoning_summary_text.delta":
                return ProviderChunk([self._summary_chunk(event)], raw)
            case "response.output_item.added":
                return _chunk(self._begun_item(event), raw)
            case "response.output_item.done":
                return _chunk(self._finished_item(event), raw)
            case "response.function_call_arguments.delta":
                return self._arguments(event, raw)
            case "response.function_call_arguments.done":
                identifier, _, _ = _text(event, "item_id"), _index(event, "output_index"), _text(event, "arguments")
                return ProviderChunk([_call_chunk(identifier, None, "")], raw)
            case "response.completed" | "response.incomplete":
                return self._ended(kind, event, raw)
            case "response.failed" | "error" | "response.refusal.delta" | "response.refusal.done":
                return self._fatal(_complaint(kind, event), raw)
            case _:
                return None if kind in _SILENT else self._unknown_event(event, raw)

    def _unknown_event(self, event: Event, raw: str) -> ProviderChunk | None:
        if not self._keeps_unknown:
            return None
        return ProviderChunk([self._unknown("unknown", event)], raw)

    def _unknown(self, identifier: str, data: Any) -> Block:
        scope = self._scope
        named = {"model_name": scope.model_name, "provider_name": scope.provider_name}
        return {"type": "unknown", "id": identifier, "data": data, **named}

    def _summary_chunk(self, event: Event) -> Block:
        _text(event, "item_id")
        return {
            "type": "thought",
            "id": str(_index(event, "output_index")),
            "text": None,
            "summary_id": str(_index(event, "summary_index")),
            "summary_text": _text(event, "delta"),
            "provider_type": self._scope.provider_type,
        }

    def _begun_item(self, event: Event) -> Block | None:
        index, item = _index(event, "output_index"), _item(event)
        kind = item.get("type")
        if kind == "function_call":
            identifier, name = item.get("id"), item.get("name")
            if not isinstance(identifier, str) or not isinstance(name, str):
                return None
            self._tool_id = identifier
            return _call_chunk(identifier, name, "")
        return None if kind == "message" or not isinstance(kind, str) else self._unknown(str(index), item)

    def _finished_item(self, event: Event) -> Block | None:
        index, item = _index(event, "output_index"), _item(event)
        return self._unknown(str(index), item) if item.get("type") == "reasoning" else None

    def _arguments(self, event: Event, raw: str) -> ProviderChunk | GatewayError:
        _text(event, "item_id")
        _index(event, "output_index")
        delta = _text(event, "delta")
        if self._tool_id is None:
            return self._fatal("Got function_call_arguments.delta without current tool id", raw)
        return ProviderChunk([_call_chunk(self._tool_id, None, delta)], raw)

    def _ended(self, kind: str, event: Event, raw: str) -> ProviderChunk:
        """That `incomplete_details` are there at all counts, null or not (observed 2026.6.0)."""
        response = _object(_given(event, "response"))
        self.ended = True
        whole = kind == "response.completed"
        finish = "stop" if whole and "incomplete_details" not in response else "length"
        usage = response.get("usage")
        content = self._signatures(response.get("output")) if whole else []
        return ProviderChunk(content, raw, None if usage is None else _usage(usage), finish, usage)

    def _signatures(self, output: Any) -> list[Block]:
        items = cast("list[Any]", output) if isinstance(output, list) else []
        found: list[Block] = []
        for index, item in enumerate(items):
            if _object(item).get("type") != "reasoning":
                continue
            thought: Block = {"type": "thought", "id": str(index), "text": None}
            signature = item.get("encrypted_content")
            if isinstance(signature, str):
                thought["signature"] = signature
            found.append({**thought, "provider_type": self._scope.provider_type})
        return found

    def _fatal(self, reason: str, raw: str) -> ProviderError:
        return self._failure(FatalStreamError, reason, raw)

    def _failure(self, kind: type[ProviderError], reason: str, raw: str | None) -> ProviderError:
        learn_sent(self.sent)
        provider_type = self._scope.provider_type
        return kind(
            f"Error from {provider_type} server: {reason}",
            provider_type=provider_type,
            api_type="responses",
            raw_request=self._raw_request,
            raw_response=raw,
        )


def _chunk(block: Block | None, raw: str) -> ProviderChunk | None:
    return None if block is None else ProviderChunk([block], raw)


def _text_chunk(event: Event) -> Block:
    _text(event, "item_id")
    _index(event, "output_index")
    return {"type": "text", "text": _text(event, "delta"), "id": str(_index(event, "content_index"))}


def _call_chunk(identifier: str, name: str | None, arguments: str) -> Block:
    return {"type": "tool_call", "id": identifier, "raw_name": name or "", "raw_arguments": arguments}


def _complaint(kind: str, event: Event) -> str:
    """What an event says that ends the answer badly."""
    if kind == "error":
        return orjson.dumps(_given(event, "error")).decode()
    if kind == "response.failed":
        message = _object(_object(_given(event, "response")).get("error")).get("message")
        return message if isinstance(message, str) else "Unknown error"
    _text(event, "item_id")
    _index(event, "output_index")
    _index(event, "content_index")
    return f"Model refused to respond: {_text(event, 'delta' if kind.endswith('delta') else 'refusal')}"


def _usage(given: Any) -> Usage:
    """Figures that are none are passed over here, though a whole answer with them is refused (observed 2026.6.0)."""
    usage = _object(given)
    cached = _object(usage.get("input_tokens_details")).get("cached_tokens")
    return Usage(_tokens(usage.get("input_tokens")), _tokens(usage.get("output_tokens")), _tokens(cached))


def _tokens(value: Any) -> int | None:
    return value % 2**32 if type(value) is int and 0 <= value < 2**64 else None


def _given(event: Any, name: str) -> Any:
    if not isinstance(event, dict) or name not in event:
        raise _OddError(name)
    return cast("Event", event)[name]


def _text(event: Any, name: str) -> str:
    value = _given(event, name)
    if not isinstance(value, str):
        raise _OddError(name)
    return value


def _index(event: Event, name: str) -> int:
    value = _given(event, name)
    if type(value) is not int or not 0 <= value < 2**32:
        raise _OddError(name)
    return value


def _item(event: Event) -> Event:
    return _object(_given(event, "item"))


def _object(value: Any) -> Event:
    """Nothing for what is no object."""
    return cast("Event", value) if isinstance(value, dict) else {}
