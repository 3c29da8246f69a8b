"""Vectors of texts: an embedding model's providers in routing order, until one answers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from tensorzero.gateway.bounded import Bounded
from tensorzero.gateway.call import CacheOptions
from tensorzero.gateway.config.catalog import EMBEDDING_PREFIXES
from tensorzero.gateway.config.sections import Config, EmbeddingModelConfig, ProviderConfig
from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.floats import shortest_singles
from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.models import cache
from tensorzero.gateway.models.cost import cost_of
from tensorzero.gateway.models.routing import route
from tensorzero.gateway.models.shorthand import shorthand_provider
from tensorzero.gateway.models.time_limits import owned, timeout_deadline
from tensorzero.gateway.providers import make_embedding_provider
from tensorzero.gateway.providers.protocol import EmbeddingCall, EmbeddingProvider, EmbeddingResponse
from tensorzero.gateway.values import ModelInference, ModelRequest, Usage
from tensorzero.inputs.blocks import RequestMessage, Text
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded, earliest
from tensorzero.runtime.runtime import Runtime

if TYPE_CHECKING:
    from tensorzero.gateway.rate_limits.limits import RateLimits


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

    `inference` is the answer for rows and raw lists, with the output tokens of an embedding unset; `failed` are the raw
    responses of attempts before it.
    """

    vectors: list[list[float] | str]
    inference: ModelInference
    failed: Sequence[dict[str, Any]] = ()


class Asking(Protocol):
    """What of a call an embedding needs."""

    @property
    def runtime(self) -> Runtime: ...
    @property
    def credentials(self) -> Mapping[str, str]: ...
    @property
    def deadline(self) -> Deadline | None: ...
    @property
    def cache(self) -> CacheOptions | None: ...
    @property
    def limits(self) -> RateLimits | None: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


class EmbeddingProviders:
    """Providers of vectors, made when they are first called and kept. The limits are those of `Models`."""

    def __init__(self, timeout_ms: int, read_timeout_ms: int | None = None) -> None:
        self.timeout_s = timeout_ms / 1000
        self.read_timeout_s = None if read_timeout_ms is None else read_timeout_ms / 1000
        self._providers: Bounded[int, tuple[ProviderConfig, EmbeddingProvider]] = Bounded()

    def of(self, config: ProviderConfig) -> EmbeddingProvider:
        known = self._providers.get(id(config))
        if known is None:
            known = self._providers.add(id(config), (config, make_embedding_provider(config)))
        return known[1]


def find_embedding_model(config: Config, name: str) -> EmbeddingModelConfig | None:
    """A configured embedding model, or what a shorthand name means; None for anything else."""
    known = config.embedding_models.get(name) or config.embedding_shorthands.get(name)
    if known is not None:
        return known
    provider = shorthand_provider(config, name, EMBEDDING_PREFIXES)
    if provider is None:
        return None
    return config.embedding_shorthands.add(name, EmbeddingModelConfig(name, (provider.name,), {provider.name: provider}))


async def embed(
    providers: EmbeddingProviders, model: EmbeddingModelConfig, request: EmbeddingRequest, call: Asking
) -> Embedded:
    """The first provider's vectors. Raises `AllProvidersFailed`."""
    own = timeout_deadline(f"Model {model.name}", "non_streaming.total_ms", model.timeout_ms)
    deadline = earliest(own, call.deadline)

    async def attempt(name: str) -> Embedded:
        return await _embed_once(providers, model, _provider(model, name), request, call, deadline)

    embedded = await route(model.routing, attempt, own, str)
    embedded.inference.failed = embedded.failed
    return embedded


def _provider(model: EmbeddingModelConfig, name: str) -> ProviderConfig:
    """Raises GatewayError: a `routing` of embeddings may name what is not there, and loads (observed 2026.6.0)."""
    config = model.providers.get(name)
    if config is None:
        hint = f"`embedding_models.{model.name}.routing` names it; there are: {', '.join(model.providers) or 'none'}."
        raise GatewayError(f"Provider not found: {name}", hint=hint)
    return config


async def _embed_once(
    providers: EmbeddingProviders,
    model: EmbeddingModelConfig,
    config: ProviderConfig,
    request: EmbeddingRequest,
    call: Asking,
    outer: Deadline | None,
) -> Embedded:
    own_ms = model.provider_timeout_ms.get(config.name)
    own = timeout_deadline(f"Model provider {config.name}", "non_streaming.total_ms", own_ms)
    attempt = EmbeddingCall(
        call.runtime,
        request.input,
        request.dimensions,
        request.encoding_format,
        call.credentials,
        model.name,
        earliest(own, outer),
        providers.timeout_s,
        providers.read_timeout_s,
    )
    provider = providers.of(config)
    shown = ModelRequest(None, _messages(request.input), {}, False)
    started = time.monotonic()
    key = ticket = None
    try:
        if call.cache is not None:
            key = cache.cache_key(model.name, config.name, ["embedding", request])
            known = await _cached(call.cache, key, attempt)
            if known is not None:
                return _embedded(known, provider, config, shown, attempt, started, cached=True)
        if call.limits is not None:
            ticket = call.limits.take(replace(shown, params={"max_tokens": 0}), call.tags)
        answer = await provider.embed(attempt)
    except DeadlineExceeded as passed:
        raise owned(passed, own) from None
    if call.cache is not None and key is not None and call.cache.writes:
        _store(call.cache, key, answer)
    if ticket is not None:
        ticket.settle(replace(answer.usage, output_tokens=0))
    if config.cost:
        answer.usage.cost = cost_of(config.cost, [answer.raw_response], streaming=False)
    return _embedded(answer, provider, config, shown, attempt, started)


def _embedded(
    answer: EmbeddingResponse,
    provider: EmbeddingProvider,
    config: ProviderConfig,
    request: ModelRequest,
    call: EmbeddingCall,
    started: float,
    *,
    cached: bool = False,
) -> Embedded:
    inference = ModelInference(
        new_id(),
        call.model_name,
        config.name,
        provider.type,
        request,
        [],
        replace(answer.usage, output_tokens=None),
        None,
        answer.raw_request,
        answer.raw_response,
        answer.latency_ms if answer.latency_ms is not None else round((time.monotonic() - started) * 1000),
        answer.raw_usage,
        "embeddings",
        cached=cached,
    )
    return Embedded(answer.vectors, inference)


def _store(options: CacheOptions, key: str, answer: EmbeddingResponse) -> None:
    """As the original, of single vectors only, each as its 32-bit floats (observed 2026.6.0)."""
    if len(answer.vectors) != 1:
        return
    vector = answer.vectors[0]
    try:
        output = orjson.dumps(vector if isinstance(vector, str) else shortest_singles(vector)).decode()
    except OverflowError:
        return
    usage = answer.usage
    spent = None if usage.input_tokens is None else 0
    cache.store(options, key, cache.Entry(output, answer.raw_request, answer.raw_response, usage.input_tokens, spent, None))


async def _cached(options: CacheOptions, key: str, call: EmbeddingCall) -> EmbeddingResponse | None:
    """A vector from the cache."""
    entry = await cache.find(options, key, call) if options.reads else None
    vector = None if entry is None else cache.vector_of(entry)
    if entry is None or vector is None:
        return None
    usage = Usage(entry.input_tokens, entry.output_tokens, cost=0.0)
    return EmbeddingResponse([vector], usage, entry.raw_request, entry.raw_response)


def _messages(given: EmbeddingInput) -> tuple[RequestMessage, ...]:
    """What an embedding's row shows as its input: a message for each text."""
    texts = [given] if isinstance(given, str) else [one for one in given if isinstance(one, str)]
    return tuple(RequestMessage("user", (Text(text),)) for text in texts)
