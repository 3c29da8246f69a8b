"""Whole answers in the inference cache."""

from __future__ import annotations

import time

from tensorzero.gateway.call import CacheOptions
from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.models import cache
from tensorzero.gateway.providers.protocol import Provider
from tensorzero.gateway.values import ModelInference, ProviderCall, ProviderResponse, Usage


async def cached_answer(
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


def store_answer(options: CacheOptions, key: str, call: ProviderCall, answer: ProviderResponse) -> None:
    if options.writes and cache.is_sound(answer.content, call.request.tools):
        entry = cache.content_entry(answer.content, answer.usage, answer.finish_reason, answer.raw_request, answer.raw_response)
        cache.store(options, key, entry)
