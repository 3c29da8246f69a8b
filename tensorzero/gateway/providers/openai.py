"""OpenAI's chat completions, and every endpoint that speaks them (`api_base`)."""

from __future__ import annotations

from typing import Any

from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import ProviderError
from tensorzero.gateway.providers.authorizers import KeyInHeader
from tensorzero.gateway.providers.exchange import Answer, Events
from tensorzero.gateway.providers.http_provider import HttpProvider
from tensorzero.gateway.providers.openai_answers import ChunkReader, parse_answer
from tensorzero.gateway.providers.openai_models import changes_for
from tensorzero.gateway.providers.openai_requests import endpoint, login_of, request_body
from tensorzero.gateway.values import ProviderCall, ProviderResponse

DEFAULT_BASE = "https://api.openai.com/v1/"


def base_of(config: ProviderConfig) -> str:
    return str(config.settings.get("api_base") or DEFAULT_BASE)


def bearer(config: ProviderConfig, shown: str = "OpenAI") -> KeyInHeader:
    return KeyInHeader(config.credential, shown, login=login_of(base_of(config)))


class ChatCompletions:
    """See `Dialect`."""

    type = "openai"
    api_type = "chat_completions"

    def __init__(self, config: ProviderConfig) -> None:
        self._name = config.name
        self._url = endpoint(base_of(config), "chat/completions")
        self._model = str(config.settings["model_name"])
        self._changes = changes_for(self._model)
        self._file_parts = config.settings.get("content_type_overrides")

    def check(self, call: ProviderCall) -> None:
        tools = call.request.tools
        count = 0 if tools is None else len(tools.provider_tools_for(call.model_name, self._name))
        if count:
            raise ProviderError(
                f"Provider `{self.type}` does not support `provider_tools`, but {count} provider tool(s) were configured for "
                f"model `{call.model_name}` / provider `{self._name}`. Provider tools are only supported by: Anthropic, "
                "GCP Vertex Anthropic, and OpenAI (Responses API only).",
                provider_type=self.type,
            )

    def url(self, call: ProviderCall) -> str:
        return self._url

    def body(self, call: ProviderCall) -> dict[str, Any]:
        body = request_body(self._model, call.request, self._file_parts)
        if self._changes is not None:
            self._changes(body)
        return body

    def read(self, call: ProviderCall, answer: Answer) -> ProviderResponse:
        return parse_answer(answer.body, answer.raw, answer.raw_request, answer.latency_ms, self.type)

    def events(self, call: ProviderCall, raw_request: str) -> Events:
        return ChunkReader(self.type, raw_request)


def chat_completions(config: ProviderConfig) -> HttpProvider:
    """`type = "openai"` with chat completions."""
    return HttpProvider(config, ChatCompletions(config), bearer(config))
