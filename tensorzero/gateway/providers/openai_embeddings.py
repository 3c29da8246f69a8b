"""OpenAI's embeddings, and every endpoint that speaks them (`api_base`)."""

from __future__ import annotations

from typing import Any, cast

import orjson

from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import ProviderError
from tensorzero.gateway.json_text import json_bytes
from tensorzero.gateway.providers import exchange
from tensorzero.gateway.providers.authorizers import KeyInHeader
from tensorzero.gateway.providers.exchange import Answer
from tensorzero.gateway.providers.extra import apply_body, apply_headers
from tensorzero.gateway.providers.openai import DEFAULT_BASE
from tensorzero.gateway.providers.openai_answers import parse_usage
from tensorzero.gateway.providers.openai_requests import endpoint, login_of
from tensorzero.gateway.providers.openai_shapes import EMBEDDINGS
from tensorzero.gateway.providers.protocol import EmbeddingCall, EmbeddingResponse
from tensorzero.gateway.values import Usage
from tensorzero.parsing.json_fault import json_fault
from tensorzero.parsing.shape_fault import shape_fault
from tensorzero.runtime.runtime import HttpRequest
from tensorzero.version import USER_AGENT


class OpenAIEmbeddings:
    """`type = "openai"`, for vectors."""

    type = "openai"
    display_name = "OpenAI"
    default_base = DEFAULT_BASE
    takes_dimensions = True

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config
        base = str(config.settings.get("api_base") or self.default_base)
        self._url = endpoint(base, "embeddings")
        self._authorizer = KeyInHeader(config.credential, self.display_name, login=login_of(base))
        self._model = str(config.settings["model_name"])

    async def _request(self, call: EmbeddingCall) -> HttpRequest:
        authorization = await self._authorizer.authorize(call)
        body: dict[str, Any] = {"model": self._model, "input": call.input}
        if call.dimensions is not None and self.takes_dimensions:
            body["dimensions"] = call.dimensions
        body["encoding_format"] = call.encoding_format
        headers = {"content-type": "application/json", "user-agent": USER_AGENT, **authorization.headers}
        apply_body(body, self._config.extra_body)
        apply_headers(headers, self._config.extra_headers)
        return HttpRequest("POST", self._url, headers, json_bytes(body), call.timeout_s)

    async def embed(self, call: EmbeddingCall) -> EmbeddingResponse:
        try:
            answer = await exchange.answer(await self._request(call), call, self.type)
            return exchange.understood(self._read, answer, self.type)
        except ProviderError as error:
            error.api_type = "embeddings"
            raise

    def _read(self, answer: Answer) -> EmbeddingResponse:
        try:
            vectors, usage, raw_usage = _parse(answer.body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = json_fault(answer.raw) or shape_fault(answer.raw, EMBEDDINGS) or str(error)
            raise ProviderError(f"Error from {self.type} server: Error parsing JSON response: {reason}") from None
        return EmbeddingResponse(vectors, usage, answer.raw_request, answer.masked, raw_usage, answer.latency_ms)


class OpenRouterEmbeddings(OpenAIEmbeddings):
    """`type = "openrouter"`: no `dimensions` (observed 2026.6.0)."""

    type = "openrouter"
    display_name = "OpenRouter"
    default_base = "https://openrouter.ai/api/v1"
    takes_dimensions = False


def _parse(body: bytes) -> tuple[list[list[float] | str], Usage, Any]:
    """Vectors in the order of their inputs."""
    answer: Any = orjson.loads(body)
    if not isinstance(answer["data"], list):
        raise TypeError("`data` is not a list")
    vectors = [_vector(one["embedding"]) for one in cast("list[Any]", answer["data"])]
    usage, raw_usage = parse_usage(answer.get("usage"))
    return vectors, usage, raw_usage


def _vector(value: Any) -> list[float] | str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise TypeError("`embedding` is not a list")
    return [float(number) for number in cast("list[Any]", value)]
