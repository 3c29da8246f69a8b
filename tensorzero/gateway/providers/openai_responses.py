"""OpenAI's Responses API (`api_type = "responses"`): asked over the same HTTP as chat completions, in other words."""

from __future__ import annotations

from tensorzero.faces.face import HttpRequest
from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import ProviderError
from tensorzero.gateway.models.credentials import resolve
from tensorzero.gateway.providers.exchange import Answer, Events, EventStream
from tensorzero.gateway.providers.openai import OpenAIProvider
from tensorzero.gateway.providers.openai_responses_answers import Scope, parse_response
from tensorzero.gateway.providers.openai_responses_events import EventReader
from tensorzero.gateway.providers.openai_responses_requests import Settings, response_body
from tensorzero.gateway.values import ProviderCall, ProviderResponse


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

    def _read(self, call: ProviderCall, answer: Answer) -> ProviderResponse:
        return parse_response(answer.body, answer.raw, answer.raw_request, answer.latency_ms, self._scope(call))

    def _events(self, call: ProviderCall, raw_request: str) -> Events:
        return EventReader(self._scope(call), raw_request, keeps_unknown=not self._config.discard_unknown_chunks)

    async def infer(self, call: ProviderCall) -> ProviderResponse:
        try:
            return await super().infer(call)
        except ProviderError as error:
            error.api_type = self.api_type
            raise

    async def stream(self, call: ProviderCall) -> EventStream:
        try:
            return await super().stream(call)
        except ProviderError as error:
            error.api_type = self.api_type
            raise
