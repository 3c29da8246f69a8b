"""One model: its providers in routing order, each with its time limits, until one answers."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from functools import partial

from tensorzero.gateway.bounded import Bounded
from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import ModelConfig, ProviderConfig
from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.models import cache
from tensorzero.gateway.models.cached_answers import cached_answer, store_answer
from tensorzero.gateway.models.cost import cost_of
from tensorzero.gateway.models.model_stream import ModelStream
from tensorzero.gateway.models.request_views import for_provider, without_data
from tensorzero.gateway.models.routing import route
from tensorzero.gateway.models.time_limits import owned, timeout_deadline
from tensorzero.gateway.providers import make_provider
from tensorzero.gateway.providers.protocol import Provider
from tensorzero.gateway.values import ModelInference, ModelRequest, ProviderCall
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded, earliest


class Models:
    """Providers, made when they are first called and kept."""

    def __init__(self, timeout_ms: int, read_timeout_ms: int | None = None) -> None:
        """`timeout_ms`: of every HTTP request, `gateway.global_outbound_http_timeout_ms`; the other is of every read."""
        self._timeout_s = timeout_ms / 1000
        self._read_timeout_s = None if read_timeout_ms is None else read_timeout_ms / 1000
        self._providers: Bounded[int, tuple[ProviderConfig, Provider]] = Bounded()

    def provider(self, config: ProviderConfig) -> Provider:
        known = self._providers.get(id(config))
        if known is None:
            known = self._providers.add(id(config), (config, make_provider(config)))
        return known[1]

    def infer(self, model: ModelConfig, request: ModelRequest, call: InferenceCall) -> Awaitable[ModelInference]:
        """The first provider's answer. Raises `AllProvidersFailed`."""
        limit_ms = model.timeouts.non_streaming_total_ms
        own = None if limit_ms is None else timeout_deadline(f"Model {model.name}", "non_streaming.total_ms", limit_ms)
        deadline = call.deadline if own is None else earliest(own, call.deadline)
        attempt = partial(self._infer_once, model, request, call, deadline)
        return route(model.routing, attempt, own, partial(_type_of, model))

    async def _infer_once(
        self, model: ModelConfig, request: ModelRequest, call: InferenceCall, outer: Deadline | None, name: str
    ) -> ModelInference:
        config = model.providers[name]
        provider = self.provider(config)
        limit_ms = config.timeouts.non_streaming_total_ms
        own = (
            None if limit_ms is None else timeout_deadline(f"Model provider {config.name}", "non_streaming.total_ms", limit_ms)
        )
        attempt = self._call(model, config, request, call, outer if own is None else earliest(own, outer))
        started = time.monotonic()
        key = ticket = None
        try:
            if call.cache is not None:
                key = cache.key_of(call.cache, attempt, config.name, call.function.type)
                known = await cached_answer(call.cache, key, attempt, config, provider, started)
                if known is not None:
                    return known
            if call.limits is not None:
                ticket = call.limits.take(attempt.request, call.tags)
            if call.files is not None:
                await call.files.provide(attempt, provider.type)
            answer = await provider.infer(attempt)
        except DeadlineExceeded as passed:
            raise owned(passed, own) from None
        if call.files is not None:
            answer.raw_request = without_data(answer.raw_request, attempt.request)
        if call.cache is not None and key is not None:
            store_answer(call.cache, key, attempt, answer)
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
            call.runtime, request, call.credentials, model.name, new_id(), deadline, self._timeout_s, self._read_timeout_s
        )

    async def stream(self, model: ModelConfig, request: ModelRequest, call: InferenceCall) -> ModelStream:
        """The first provider whose first chunk arrives; after that there is no falling back."""
        timeouts, shown = model.timeouts, f"Model {model.name}"
        total = timeout_deadline(shown, "streaming.total_ms", timeouts.streaming_total_ms)
        first = timeout_deadline(shown, "streaming.ttft_ms", timeouts.streaming_ttft_ms)
        attempt = partial(self._stream_once, model, request, call, earliest(first, call.deadline, total), total)
        try:
            return await route(model.routing, attempt, first, partial(_type_of, model))
        except DeadlineExceeded as passed:
            raise owned(passed, total) from None

    async def _stream_once(
        self,
        model: ModelConfig,
        request: ModelRequest,
        call: InferenceCall,
        outer: Deadline | None,
        model_total: Deadline | None,
        name: str,
    ) -> ModelStream:
        config = model.providers[name]
        provider = self.provider(config)
        shown = f"Model provider {config.name}"
        first = timeout_deadline(shown, "streaming.ttft_ms", config.timeouts.streaming_ttft_ms)
        total = timeout_deadline(shown, "streaming.total_ms", config.timeouts.streaming_total_ms)
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
            raise owned(passed, first, total) from None
        except BaseException:
            await stream.close()
            raise
        attempt.deadline = earliest(total, model_total)
        return stream


def _type_of(model: ModelConfig, name: str) -> str:
    return model.providers[name].type
