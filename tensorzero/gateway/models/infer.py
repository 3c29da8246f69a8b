"""One model: its providers in routing order, each with its time limits, until one answers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tensorzero.faces.deadline import Deadline, DeadlineExceeded, earliest
from tensorzero.gateway.config.sections import ModelConfig, ProviderConfig
from tensorzero.gateway.errors import AllProvidersFailed, FatalStreamError, GatewayError, ProviderError, TimedOut, unforeseen
from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.kept import Kept
from tensorzero.gateway.models import cache
from tensorzero.gateway.models.cost import cost_of
from tensorzero.gateway.providers import make_provider
from tensorzero.gateway.providers.protocol import Provider, ProviderStream
from tensorzero.gateway.values import (
    CacheOptions,
    InferenceCall,
    ModelInference,
    ModelRequest,
    ProviderCall,
    ProviderChunk,
    ProviderResponse,
    Usage,
)
from tensorzero.inputs.blocks import File, RequestBlock, RequestMessage, Thought, Unknown
from tensorzero.masking.echo import without_echo

if TYPE_CHECKING:
    from tensorzero.gateway.rate_limits import Ticket

Failed = list[dict[str, Any]]

_SHORTEST_DATA = 3  # characters; less may be part of anything


class Models:
    """Providers, made when they are first called and kept."""

    def __init__(self, timeout_ms: int, read_timeout_ms: int | None = None) -> None:
        """`timeout_ms`: of every HTTP request, `gateway.global_outbound_http_timeout_ms`; the other is of every read."""
        self._timeout_s = timeout_ms / 1000
        self._read_timeout_s = None if read_timeout_ms is None else read_timeout_ms / 1000
        self._providers: Kept[int, tuple[ProviderConfig, Provider]] = Kept()

    def provider(self, config: ProviderConfig) -> Provider:
        known = self._providers.get(id(config))
        if known is None:
            known = self._providers.keep(id(config), (config, make_provider(config)))
        return known[1]

    def infer(
        self, model: ModelConfig, request: ModelRequest, call: InferenceCall, failed: Failed
    ) -> Awaitable[ModelInference]:
        """The first provider's answer. Raises `AllProvidersFailed`; raw responses of failures are added to `failed`."""

        def attempt(config: ProviderConfig, limit: Deadline | None) -> Awaitable[ModelInference]:
            return self._infer_once(model, config, request, call, limit)

        return self._route(model, call, failed, attempt, model.timeouts.non_streaming_total_ms, "non_streaming.total_ms")

    async def _route(
        self,
        model: ModelConfig,
        call: InferenceCall,
        failed: Failed,
        attempt: Callable[..., Any],
        limit_ms: int | None,
        key: str,
    ) -> Any:
        own = None if limit_ms is None else limit(f"Model {model.name}", key, limit_ms)
        deadline = call.deadline if own is None else earliest(own, call.deadline)
        errors: list[tuple[str, GatewayError]] = []
        try:
            for name in model.routing:
                try:
                    return await attempt(model.providers[name], deadline)
                except DeadlineExceeded:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever a provider's side raises, the next one is tried
                    failure = error if isinstance(error, GatewayError) else unforeseen(error, model.providers[name].type)
                    errors.append((name, failure))
                    note_raw_response(failure, failed)
        except DeadlineExceeded as passed:
            if passed.deadline is own:
                raise passed.deadline.error() from None
            raise
        raise AllProvidersFailed(errors)

    async def _infer_once(
        self, model: ModelConfig, config: ProviderConfig, request: ModelRequest, call: InferenceCall, outer: Deadline | None
    ) -> ModelInference:
        provider = self.provider(config)
        limit_ms = config.timeouts.non_streaming_total_ms
        own = None if limit_ms is None else limit(f"Model provider {config.name}", "non_streaming.total_ms", limit_ms)
        attempt = self._call(model, config, request, call, outer if own is None else earliest(own, outer))
        started = time.monotonic()
        key = ticket = None
        try:
            if call.cache is not None:
                key = cache.key_of(call.cache, attempt, config.name, call.function.type)
                kept = await _kept(call.cache, key, attempt, config, provider, started)
                if kept is not None:
                    return kept
            if call.limits is not None:
                ticket = call.limits.take(attempt.request, call.tags)
            if call.files is not None:
                await call.files.provide(attempt, provider.type)
            answer = await provider.infer(attempt)
        except DeadlineExceeded as passed:
            if passed.deadline is own:
                raise passed.deadline.error() from None
            raise
        if call.files is not None:
            answer.raw_request = without_data(answer.raw_request, attempt.request)
        if call.cache is not None and key is not None:
            _keep(call.cache, key, attempt, answer)
        if config.cost:
            answer.usage.cost = cost_of(config.cost, [answer.raw_response], streaming=False)
        if ticket is not None:
            ticket.settle(answer.usage)
        elapsed = answer.latency_ms if answer.latency_ms is not None else round((time.monotonic() - started) * 1000)
        return ModelInference(
            attempt.model_inference_id,
            model.name,
            config.name,
            provider.type,
            attempt.request,
            answer.content,
            answer.usage,
            answer.finish_reason,
            answer.raw_request,
            answer.raw_response,
            elapsed,
            answer.raw_usage,
            provider.api_type,
        )

    def _call(
        self, model: ModelConfig, config: ProviderConfig, request: ModelRequest, call: InferenceCall, deadline: Deadline | None
    ) -> ProviderCall:
        request = for_provider(request, model.name, config)
        return ProviderCall(
            call.face, request, call.credentials, model.name, new_id(), deadline, self._timeout_s, self._read_timeout_s
        )

    async def stream(self, model: ModelConfig, request: ModelRequest, call: InferenceCall, failed: Failed) -> ModelStream:
        """The first provider whose first chunk arrives; after that there is no falling back."""
        timeouts = model.timeouts
        total = limit(f"Model {model.name}", "streaming.total_ms", timeouts.streaming_total_ms)

        async def attempt(config: ProviderConfig, outer: Deadline | None) -> ModelStream:
            return await self._stream_once(model, config, request, call, earliest(outer, total), total)

        try:
            return await self._route(model, call, failed, attempt, timeouts.streaming_ttft_ms, "streaming.ttft_ms")
        except DeadlineExceeded as passed:
            if passed.deadline is total:
                raise passed.deadline.error() from None
            raise

    async def _stream_once(
        self,
        model: ModelConfig,
        config: ProviderConfig,
        request: ModelRequest,
        call: InferenceCall,
        outer: Deadline | None,
        model_total: Deadline | None,
    ) -> ModelStream:
        provider = self.provider(config)
        name = f"Model provider {config.name}"
        first = limit(name, "streaming.ttft_ms", config.timeouts.streaming_ttft_ms)
        total = limit(name, "streaming.total_ms", config.timeouts.streaming_total_ms)
        attempt = self._call(model, config, request, call, earliest(first, total, outer))
        stream = ModelStream(model, config, provider, attempt)
        try:
            if call.cache is not None:
                await stream.consult(call.cache, call.function.type)
            if call.limits is not None and not stream.cached:
                stream.ticket = call.limits.take(attempt.request, call.tags)
            if call.files is not None and not stream.cached:
                await call.files.provide(attempt, provider.type)
            await stream.open()
        except DeadlineExceeded as passed:
            await stream.close()
            if passed.deadline is first or passed.deadline is total:
                raise passed.deadline.error() from None
            raise
        except BaseException:
            await stream.close()
            raise
        attempt.deadline = earliest(total, model_total)
        return stream


class ModelStream:
    """One provider's stream after its first chunk has arrived."""

    def __init__(self, model: ModelConfig, config: ProviderConfig, provider: Provider, call: ProviderCall) -> None:
        self.model = model
        self.config = config
        self.provider = provider
        self.call = call
        self.started = time.monotonic()
        self.ttft_ms = 0
        self.cached = False
        self.ticket: Ticket | None = None
        self._keeper: cache.StreamKeeper | None = None
        self._first: list[ProviderChunk | GatewayError] = []
        self._stream: ProviderStream | None = None
        self._batches: AsyncIterator[list[ProviderChunk | GatewayError]] | None = None

    @property
    def raw_request(self) -> str:
        return without_data(self._stream.raw_request, self.call.request) if self._stream is not None else ""

    def kept(self, text: str) -> str:
        """What may be kept and told of the answer's raw text: not what it repeats of its request's secrets."""
        return text if self._stream is None else without_echo(text, self._stream.sent)

    async def consult(self, options: CacheOptions, function_type: str) -> None:
        """Play a kept stream if there is one; else keep this one, if the call wants that."""
        key = cache.key_of(options, self.call, self.config.name, function_type)
        if key is None:
            return
        entry = await cache.find(options, key, self.call) if options.reads else None
        self._stream = None if entry is None else cache.stream_of(entry)
        self.cached = self._stream is not None
        if options.writes and not self.cached:
            self._keeper = cache.StreamKeeper(options, key)

    async def open(self) -> None:
        if self._stream is None:
            self._stream = await self.provider.stream(self.call)
        self._batches = self._stream.batches()
        async for batch in self._batches:
            first = batch[0]
            if isinstance(first, GatewayError):
                raise first
            self.ttft_ms = round((time.monotonic() - self.started) * 1000)
            self._first = batch
            return
        raise ProviderError(
            f"Error from {self.config.name} server: Stream ended before first chunk",
            provider_type=self.provider.type,
            hint=self._stream.complaint,
        )

    async def batches(self) -> AsyncIterator[list[ProviderChunk | GatewayError]]:
        """Every chunk, the first included. A fatal error is the last item."""
        keeper = self._keeper
        try:
            if keeper is not None:
                keeper.add(self._first)
            yield self._first
            if self._batches is not None and not _is_fatal(self._first):
                async for batch in self._batches:
                    if keeper is not None:
                        keeper.add(batch)
                    yield batch
                    if _is_fatal(batch):
                        return
            if keeper is not None:
                keeper.finish(self.raw_request, self.kept)
        except (GatewayError, DeadlineExceeded):
            raise
        except Exception as error:  # noqa: BLE001 - as in `_route`
            yield [unforeseen(error, self.provider.type)]
        finally:
            await self.close()

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.close()


async def _kept(
    options: CacheOptions, key: str | None, call: ProviderCall, config: ProviderConfig, provider: Provider, started: float
) -> ModelInference | None:
    """An answer from the cache. Its tokens are those of the first time; nothing is paid again."""
    entry = await cache.find(options, key, call) if key is not None and options.reads else None
    content = None if entry is None else cache.content_of(entry)
    if entry is None or content is None:
        return None
    return ModelInference(
        call.model_inference_id,
        call.model_name,
        config.name,
        provider.type,
        call.request,
        content,
        Usage(entry.input_tokens, entry.output_tokens, cost=0.0),
        entry.finish_reason,
        entry.raw_request,
        entry.raw_response,
        round((time.monotonic() - started) * 1000),
        api_type=provider.api_type,
        cached=True,
    )


def _keep(options: CacheOptions, key: str, call: ProviderCall, answer: ProviderResponse) -> None:
    if options.writes and cache.is_sound(answer.content, call.request.tools):
        entry = cache.content_entry(answer.content, answer.usage, answer.finish_reason, answer.raw_request, answer.raw_response)
        cache.keep(options, key, entry)


def _is_fatal(batch: list[ProviderChunk | GatewayError]) -> bool:
    return bool(batch) and isinstance(batch[-1], FatalStreamError)


def limit(name: str, key: str, limit_ms: int | None) -> Deadline | None:
    """A deadline whose error reads like ``Model m timed out due to configured `streaming.ttft_ms` timeout (2s)``."""
    if limit_ms is None:
        return None
    return Deadline.after(
        limit_ms / 1000, lambda: TimedOut(f"{name} timed out due to configured `{key}` timeout ({duration(limit_ms)})")
    )


def duration(limit_ms: int) -> str:
    """As the original prints one: `0ns`, `200ms`, `1.5s`."""
    if limit_ms == 0:
        return "0ns"
    if limit_ms < 1000:
        return f"{limit_ms}ms"
    return f"{limit_ms // 1000}.{limit_ms % 1000:03}".rstrip("0").rstrip(".") + "s"


def note_raw_response(error: GatewayError, failed: Failed) -> None:
    """What a failed attempt answered, for `raw_response`."""
    if isinstance(error, ProviderError) and error.raw_response is not None:
        failed.append({"provider_type": error.provider_type, "api_type": error.api_type, "data": error.raw_response})


def without_data(raw_request: str, request: ModelRequest) -> str:
    """A raw request with the data of its files replaced by their numbers, as rows hold it."""
    blocks = (block for message in request.messages for block in message.content if isinstance(block, File))
    for number, data in enumerate(block.data for block in blocks if block.data is not None):
        if len(data) >= _SHORTEST_DATA:
            raw_request = raw_request.replace(data, f"<TENSORZERO_FILE_{number}>")
    return raw_request


def for_provider(request: ModelRequest, model_name: str, config: ProviderConfig) -> ModelRequest:
    """Without blocks that are meant for another provider. Nearly always the request itself."""
    if request.usual or _nothing_to_drop(request.messages):
        return request
    kept = [
        RequestMessage(message.role, tuple(block for block in message.content if _fits(block, model_name, config)))
        for message in request.messages
    ]
    return replace(request, messages=tuple(kept))


def _nothing_to_drop(messages: tuple[RequestMessage, ...]) -> bool:
    for message in messages:
        for block in message.content:
            if isinstance(block, (Thought, Unknown)):
                return False
    return True


def _fits(block: RequestBlock, model_name: str, config: ProviderConfig) -> bool:
    if isinstance(block, Thought):
        return block.provider_type is None or block.provider_type == config.type
    if isinstance(block, Unknown):
        return block.model_name in (None, model_name) and block.provider_name in (None, config.name)
    return True
