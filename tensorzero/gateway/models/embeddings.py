"""Vectors of texts: an embedding model's providers in routing order, until one answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tensorzero.faces.deadline import Deadline, DeadlineExceeded, earliest
from tensorzero.gateway.config.sections import Config, EmbeddingModelConfig, ProviderConfig
from tensorzero.gateway.errors import AllProvidersFailed, GatewayError
from tensorzero.gateway.functions.blocks import RequestMessage, Text
from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.models.cost import cost_of
from tensorzero.gateway.models.infer import Failed, limit, note_raw_response
from tensorzero.gateway.models.shorthand import shorthand_provider
from tensorzero.gateway.providers import make_embedding_provider
from tensorzero.gateway.providers.protocol import EmbeddingCall, EmbeddingProvider
from tensorzero.gateway.values import InferenceCall, ModelInference, ModelRequest

PREFIXES = ("openai", "openrouter", "dummy")

EmbeddingInput = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """One text or list of tokens, or several of either; `dimensions` None: the model's own."""

    input: EmbeddingInput
    dimensions: int | None = None
    encoding_format: str = "float"


@dataclass(slots=True)
class Embedded:
    """A vector for each input: numbers, or base64 text of 32-bit floats where that was asked for.

    `inference` is the answer for rows and raw lists, with the output tokens of an embedding unset.
    """

    vectors: list[list[float] | str]
    inference: ModelInference


class EmbeddingProviders:
    """Providers of vectors, made when they are first called and kept."""

    def __init__(self) -> None:
        self._providers: dict[int, tuple[ProviderConfig, EmbeddingProvider]] = {}

    def of(self, config: ProviderConfig) -> EmbeddingProvider:
        known = self._providers.get(id(config))
        if known is None:
            known = self._providers[id(config)] = (config, make_embedding_provider(config))
        return known[1]


def find_embedding_model(config: Config, name: str) -> EmbeddingModelConfig | None:
    """A configured embedding model, or what a shorthand name means; None for anything else."""
    known = config.embedding_models.get(name)
    if known is not None:
        return known
    provider = shorthand_provider(config, name, PREFIXES)
    return None if provider is None else EmbeddingModelConfig(name, (provider.name,), {provider.name: provider})


async def embed(
    providers: EmbeddingProviders, model: EmbeddingModelConfig, request: EmbeddingRequest, call: InferenceCall, failed: Failed
) -> Embedded:
    """The first provider's vectors. Raises `AllProvidersFailed`; then `failed` gets the raw responses of failures."""
    own = limit(f"Model {model.name}", "non_streaming.total_ms", model.timeout_ms)
    deadline = earliest(own, call.deadline)
    errors: list[tuple[str, GatewayError]] = []
    raw: Failed = []
    try:
        for name in model.routing:
            try:
                embedded = await _embed_once(providers, model, model.providers[name], request, call, deadline)
            except GatewayError as error:
                errors.append((name, error))
                note_raw_response(error, raw)
            else:
                embedded.inference.failed = raw
                return embedded
    except DeadlineExceeded as passed:
        failed += raw
        if passed.deadline is own:
            raise passed.deadline.error() from None
        raise
    failed += raw
    raise AllProvidersFailed(errors)


async def _embed_once(
    providers: EmbeddingProviders,
    model: EmbeddingModelConfig,
    config: ProviderConfig,
    request: EmbeddingRequest,
    call: InferenceCall,
    outer: Deadline | None,
) -> Embedded:
    own_ms = model.provider_timeout_ms.get(config.name)
    own = limit(f"Model provider {config.name}", "non_streaming.total_ms", own_ms)
    attempt = EmbeddingCall(
        call.face,
        request.input,
        request.dimensions,
        request.encoding_format,
        call.credentials,
        model.name,
        earliest(own, outer),
    )
    provider = providers.of(config)
    started = time.monotonic()
    try:
        answer = await provider.embed(attempt)
    except DeadlineExceeded as passed:
        if passed.deadline is own:
            raise passed.deadline.error() from None
        raise
    usage = replace(answer.usage, output_tokens=None)
    if config.cost:
        usage.cost = cost_of(config.cost, [answer.raw_response], streaming=False)
    elapsed = answer.latency_ms if answer.latency_ms is not None else round((time.monotonic() - started) * 1000)
    inference = ModelInference(
        new_id(),
        model.name,
        config.name,
        provider.type,
        ModelRequest(None, _messages(request.input), {}, False),
        [],
        usage,
        None,
        answer.raw_request,
        answer.raw_response,
        elapsed,
        answer.raw_usage,
        "embeddings",
    )
    return Embedded(answer.vectors, inference)


def _messages(given: EmbeddingInput) -> tuple[RequestMessage, ...]:
    """What an embedding's row shows as its input: a message for each text."""
    texts = [given] if isinstance(given, str) else [one for one in given if isinstance(one, str)]
    return tuple(RequestMessage("user", (Text(text),)) for text in texts)
