"""OpenAI's embeddings, and every endpoint that speaks them (`api_base`)."""

from __future__ import annotations

import time
from typing import Any, cast

import orjson

from tensorzero.faces.face import HttpError, HttpRequest
from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import ProviderError
from tensorzero.gateway.json_fault import json_fault
from tensorzero.gateway.json_text import json_bytes
from tensorzero.gateway.models.credentials import resolve
from tensorzero.gateway.models.extra import apply_body, apply_headers
from tensorzero.gateway.providers import http_failures
from tensorzero.gateway.providers.openai import DEFAULT_BASE
from tensorzero.gateway.providers.openai_answers import parse_usage
from tensorzero.gateway.providers.openai_requests import endpoint, login_of
from tensorzero.gateway.providers.openai_shapes import EMBEDDINGS
from tensorzero.gateway.providers.protocol import EmbeddingCall, EmbeddingResponse
from tensorzero.gateway.shape_fault import shape_fault
from tensorzero.gateway.values import Usage
from tensorzero.gateway.version import USER_AGENT
from tensorzero.masking.echo import without_echo
from tensorzero.masking.known import learn_sent


class OpenAIEmbeddings:
    """`type = "openai"`, for vectors."""

    type = "openai"
    display_name = "OpenAI"
    default_base = DEFAULT_BASE
    takes_dimensions = True

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config
        base = str(config.settings.get("api_base") or self.default_base)
        self._url, self._login = endpoint(base, "embeddings"), login_of(base)
        self._model = str(config.settings["model_name"])

    def _request(self, call: EmbeddingCall) -> HttpRequest:
        key = resolve(self._config.credential, call.credentials, self.display_name)
        body: dict[str, Any] = {"model": self._model, "input": call.input}
        if call.dimensions is not None and self.takes_dimensions:
            body["dimensions"] = call.dimensions
        body["encoding_format"] = call.encoding_format
        headers = {"content-type": "application/json", "user-agent": USER_AGENT}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        elif self._login is not None:
            headers["authorization"] = self._login
        apply_body(body, self._config.extra_body)
        apply_headers(headers, self._config.extra_headers)
        return HttpRequest("POST", self._url, headers, json_bytes(body))

    async def embed(self, call: EmbeddingCall) -> EmbeddingResponse:
        request = self._request(call)
        raw_request = request.body.decode()
        started = time.monotonic()
        try:
            reply = await call.face.http.send(request, call.deadline)
        except HttpError as error:
            learn_sent(request.headers)
            raise _of_embeddings(http_failures.not_sent(error, self.type, raw_request)) from error
        latency_ms = round((time.monotonic() - started) * 1000)
        raw = reply.body.decode("utf-8", "replace")
        kept = without_echo(raw, request.headers)
        if not 200 <= reply.status < 300:
            learn_sent(request.headers)
            raise _of_embeddings(http_failures.refused(reply.status, raw, reply.headers, self.type, raw_request))
        try:
            vectors, usage, raw_usage = _parse(reply.body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = json_fault(raw) or shape_fault(raw, EMBEDDINGS) or str(error)
            message = f"Error from {self.type} server: Error parsing JSON response: {reason}"
            failure = ProviderError(message, provider_type=self.type, raw_request=raw_request, raw_response=raw)
            raise _of_embeddings(failure) from None
        return EmbeddingResponse(vectors, usage, raw_request, kept, raw_usage, latency_ms)


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


def _of_embeddings(error: ProviderError) -> ProviderError:
    error.api_type = "embeddings"
    return error
