"""OpenAI's chat completions, and every endpoint that speaks them (`api_base`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from tensorzero.faces.face import HttpRequest
from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import ProviderError
from tensorzero.gateway.functions.tools import ToolSettings
from tensorzero.gateway.json_text import json_bytes
from tensorzero.gateway.models.credentials import resolve
from tensorzero.gateway.models.extra import apply_body, apply_headers, for_provider
from tensorzero.gateway.providers import exchange
from tensorzero.gateway.providers.exchange import Answer, Events, EventStream
from tensorzero.gateway.providers.openai_answers import ChunkReader, parse_answer
from tensorzero.gateway.providers.openai_models import changes_for
from tensorzero.gateway.providers.openai_requests import endpoint, login_of, request_body
from tensorzero.gateway.values import ProviderCall, ProviderResponse
from tensorzero.gateway.version import USER_AGENT

_HEADERS: Mapping[str, str] = {"content-type": "application/json", "user-agent": USER_AGENT}
_STREAM_HEADERS: Mapping[str, str] = {**_HEADERS, "accept": "text/event-stream"}
DEFAULT_BASE = "https://api.openai.com/v1/"


class OpenAIProvider:
    """`type = "openai"` with chat completions."""

    type = "openai"
    display_name = "OpenAI"
    api_type = "chat_completions"
    path = "chat/completions"

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config
        base = str(config.settings.get("api_base") or DEFAULT_BASE)
        self._url, self._login = endpoint(base, self.path), login_of(base)
        self._model = str(config.settings["model_name"])
        self._changes = changes_for(self._model)
        self._file_parts = config.settings.get("content_type_overrides")

    def _request(self, call: ProviderCall) -> HttpRequest:
        """The encoded request. Raises `GatewayError` for a missing key or a bad `extra_body` pointer."""
        if call.request.tools is not None and call.request.tools.provider_tools:
            self._refuse_provider_tools(call, call.request.tools)
        key = resolve(self._config.credential, call.credentials, self.display_name)
        body = request_body(self._model, call.request, self._file_parts)
        if self._changes is not None:
            self._changes(body)
        return self._sealed(call, key, body)

    def _sealed(self, call: ProviderCall, key: str | None, body: dict[str, Any]) -> HttpRequest:
        headers = _STREAM_HEADERS if call.request.stream else _HEADERS
        if key is not None:
            headers = {**headers, "authorization": f"Bearer {key}"}
        elif self._login is not None:
            headers = {**headers, "authorization": self._login}
        headers = self._injected(call, body, headers)
        return HttpRequest("POST", self._url, headers, json_bytes(body), call.timeout_s)

    def _refuse_provider_tools(self, call: ProviderCall, tools: ToolSettings) -> None:
        count = len(tools.provider_tools_for(call.model_name, self._config.name))
        if count:
            raise ProviderError(
                f"Provider `{self.type}` does not support `provider_tools`, but {count} provider tool(s) were configured for "
                f"model `{call.model_name}` / provider `{self._config.name}`. Provider tools are only supported by: Anthropic, "
                "GCP Vertex Anthropic, and OpenAI (Responses API only).",
                provider_type=self.type,
            )

    def _injected(self, call: ProviderCall, body: dict[str, Any], headers: Mapping[str, str]) -> Mapping[str, str]:
        """Apply `extra_body`; the headers with `extra_headers`: the variant's, then the provider's, then the call's."""
        request, config = call.request, self._config
        if request.variant_extra_body or config.extra_body or request.extra_body:
            apply_body(body, request.variant_extra_body)
            apply_body(body, config.extra_body)
            apply_body(body, for_provider(request.extra_body, call.model_name, config.name))
        if request.variant_extra_headers or config.extra_headers or request.extra_headers:
            asked = for_provider(request.extra_headers, call.model_name, config.name)
            changed = dict(headers)
            apply_headers(changed, request.variant_extra_headers, config.extra_headers, asked)
            return changed
        return headers

    async def infer(self, call: ProviderCall) -> ProviderResponse:
        answer = await exchange.answer(self._request(call), call, self.type)
        response = exchange.understood(partial(self._read, call), answer, self.type)
        response.raw_response = answer.kept
        return response

    def _read(self, call: ProviderCall, answer: Answer) -> ProviderResponse:
        """A whole answer; `call` is what it answers. Raises `ProviderError`."""
        return parse_answer(answer.body, answer.raw, answer.raw_request, answer.latency_ms, self.type)

    async def stream(self, call: ProviderCall) -> EventStream:
        request = self._request(call)
        stream = await exchange.open_events(request, call, self.type)
        return EventStream(stream, request, self.type, call, self._events(call, request.body.decode()))

    def _events(self, call: ProviderCall, raw_request: str) -> Events:
        """What reads the events of a stream; `call` is what it answers."""
        return ChunkReader(self.type, raw_request)
