"""OpenAI's Responses API (`api_type = "responses"`)."""

from __future__ import annotations

from typing import Any

from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.providers.exchange import Answer, Events
from tensorzero.gateway.providers.http_provider import HttpProvider
from tensorzero.gateway.providers.openai import base_of, bearer
from tensorzero.gateway.providers.openai_requests import endpoint
from tensorzero.gateway.providers.openai_responses_answers import Scope, parse_response
from tensorzero.gateway.providers.openai_responses_events import EventReader
from tensorzero.gateway.providers.openai_responses_requests import Settings, response_body
from tensorzero.gateway.values import ProviderCall, ProviderResponse


class Responses:
    """See `Dialect`."""

    type = "openai"
    api_type = "responses"

    def __init__(self, config: ProviderConfig) -> None:
        self._name = config.name
        self._keeps_unknown = not config.discard_unknown_chunks
        self._url = endpoint(base_of(config), "responses")
        self._settings = Settings(
            str(config.settings["model_name"]),
            tuple(config.settings.get("provider_tools") or ()),
            bool(config.settings.get("include_encrypted_reasoning")),
        )

    def check(self, call: ProviderCall) -> None:
        """Everything can be said."""

    def url(self, call: ProviderCall) -> str:
        return self._url

    def body(self, call: ProviderCall) -> dict[str, Any]:
        tools = call.request.tools
        asked = () if tools is None else tools.provider_tools_for(call.model_name, self._name)
        return response_body(self._settings, call.request, asked)

    def read(self, call: ProviderCall, answer: Answer) -> ProviderResponse:
        return parse_response(answer.body, answer.raw, answer.raw_request, answer.latency_ms, self._scope(call))

    def events(self, call: ProviderCall, raw_request: str) -> Events:
        return EventReader(self._scope(call), raw_request, keeps_unknown=self._keeps_unknown)

    def _scope(self, call: ProviderCall) -> Scope:
        return Scope(self.type, call.model_name, self._name)


def responses(config: ProviderConfig) -> HttpProvider:
    """`type = "openai"` with the Responses API."""
    return HttpProvider(config, Responses(config), bearer(config))
