"""OpenAI's Responses API (`api_type = "responses"`): asked over the same HTTP as chat completions, in other words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from tensorzero.faces.face import HttpError, HttpRequest, HttpStream
from tensorzero.faces.sse import SseDecoder
from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import FatalStreamError, GatewayError, ProviderError
from tensorzero.gateway.models.credentials import resolve
from tensorzero.gateway.providers import http_failures
from tensorzero.gateway.providers.openai import OpenAIProvider, OpenAIStream
from tensorzero.gateway.providers.openai_responses_answers import Scope, parse_response
from tensorzero.gateway.providers.openai_responses_events import EventReader
from tensorzero.gateway.providers.openai_responses_requests import Settings, response_body
from tensorzero.gateway.values import ProviderCall, ProviderChunk, ProviderResponse

_SLICE = 64


class OpenAIResponsesProvider(OpenAIProvider):
    """`type = "openai"` with the Responses API."""

    api_type = "responses"
    path = "responses"

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self._settings = Settings(
            self._model,
            tuple(config.settings.get("provider_tools") or ()),
            bool(config.settings.get("include_encrypted_reasoning")),
        )

    def _request(self, call: ProviderCall) -> HttpRequest:
        key = resolve(self._config.credential, call.credentials, self.display_name)
        tools = call.request.tools
        asked = () if tools is None else tools.provider_tools_for(call.model_name, self._config.name)
        return self._sealed(call, key, response_body(self._settings, call.request, asked))

    def _scope(self, call: ProviderCall) -> Scope:
        return Scope(self.type, call.model_name, self._config.name)

    def _read(self, body: bytes, raw: str, raw_request: str, latency_ms: int, call: ProviderCall) -> ProviderResponse:
        return parse_response(body, raw, raw_request, latency_ms, self._scope(call))

    def _opened(self, stream: HttpStream, raw_request: str, call: ProviderCall) -> OpenAIStream:
        reader = EventReader(self._scope(call), raw_request, keeps_unknown=not self._config.discard_unknown_chunks)
        return ResponsesStream(stream, raw_request, self.type, call, reader)

    async def infer(self, call: ProviderCall) -> ProviderResponse:
        try:
            return await super().infer(call)
        except ProviderError as error:
            error.api_type = self.api_type
            raise

    async def stream(self, call: ProviderCall) -> OpenAIStream:
        try:
            return await super().stream(call)
        except ProviderError as error:
            error.api_type = self.api_type
            raise


class ResponsesStream(OpenAIStream):
    """Events of one answer. Most say nothing new; one of the last kinds ends the stream, whatever comes after it."""

    def __init__(
        self, stream: HttpStream, raw_request: str, provider_type: str, call: ProviderCall, reader: EventReader
    ) -> None:
        super().__init__(stream, raw_request, provider_type, call)
        self._events = reader

    def carried(self, headers: Mapping[str, str]) -> None:
        self.sent = self._events.sent = headers

    async def batches(self) -> AsyncIterator[list[ProviderChunk | GatewayError]]:
        decoder = SseDecoder()
        call = self._call
        try:
            while data := await self._stream.read(call.deadline):
                events = decoder.feed(data)
                for start in range(0, len(events), _SLICE):
                    found = self._found(events[start : start + _SLICE])
                    if found.items:
                        yield found.items
                    if found.ended:
                        await self._drain()
                        return
        except HttpError as error:
            error.in_body = True
            yield [http_failures.stream_broken(error, self._type, self.raw_request)]
        finally:
            await self._stream.close()

    def _found(self, events: list[bytes]) -> _Found:
        items: list[ProviderChunk | GatewayError] = []
        for event in events:
            item = self._events.read(event)
            if item is not None:
                items.append(item)
            if self._events.ended or isinstance(item, FatalStreamError):
                return _Found(items, ended=True)
        return _Found(items, ended=False)


class _Found(NamedTuple):
    """What some events held, and whether the answer ends with the last of them."""

    items: list[ProviderChunk | GatewayError]
    ended: bool
