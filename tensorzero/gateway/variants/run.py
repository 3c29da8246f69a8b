"""One variant of any type, with its own time limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import (
    BestOfNConfig,
    ChainOfThoughtConfig,
    ChatCompletionConfig,
    DiclConfig,
    MixtureOfNConfig,
    SampledConfig,
    VariantConfig,
)
from tensorzero.gateway.errors import AllCandidatesFailed, GatewayError, attempts_of
from tensorzero.gateway.models.time_limits import owned, timeout_deadline
from tensorzero.gateway.values import VariantResult
from tensorzero.gateway.variants import best_of_n, chain_of_thought, chat_completion, dicl, mixture_of_n
from tensorzero.gateway.variants.candidates import Candidates
from tensorzero.gateway.variants.chat_completion import VariantStream
from tensorzero.runtime.deadline import DeadlineExceeded, earliest

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway


async def infer(gateway: Gateway, variant: VariantConfig, call: InferenceCall) -> VariantResult:
    """The variant's answer, with what failed before it. Raises `GatewayError`, with its attempts."""
    limit_ms = variant.timeouts.non_streaming_total_ms
    own = None
    if limit_ms is not None:
        own = timeout_deadline(f"Variant `{variant.name}`", "non_streaming.total_ms", limit_ms)
        call = replace(call, deadline=earliest(own, call.deadline))
    try:
        if isinstance(variant, ChatCompletionConfig):
            return await chat_completion.infer(gateway, variant, call)
        return await _infer(gateway, variant, call)
    except DeadlineExceeded as passed:
        raise owned(passed, own) from None


async def _infer(gateway: Gateway, variant: VariantConfig, call: InferenceCall) -> VariantResult:
    """Those that ask more than one model."""
    if isinstance(variant, BestOfNConfig):
        return await best_of_n.infer(gateway, variant, await _candidates(gateway, variant, call), call)
    if isinstance(variant, MixtureOfNConfig):
        return await mixture_of_n.infer(gateway, variant, await _candidates(gateway, variant, call), call)
    if isinstance(variant, DiclConfig):
        return await dicl.infer(gateway, variant, call)
    assert isinstance(variant, ChainOfThoughtConfig)
    return await chain_of_thought.infer(gateway, variant, call)


async def stream(gateway: Gateway, variant: VariantConfig, call: InferenceCall) -> VariantStream | VariantResult:
    """Returns when the first chunk is there, or with a whole answer where there is nothing to stream."""
    name = f"Variant `{variant.name}`"
    first = timeout_deadline(name, "streaming.ttft_ms", variant.timeouts.streaming_ttft_ms)
    total = timeout_deadline(name, "streaming.total_ms", variant.timeouts.streaming_total_ms)
    if first is not None or total is not None:
        call = replace(call, deadline=earliest(first, total, call.deadline))
    try:
        opened = await _stream(gateway, variant, call)
    except DeadlineExceeded as passed:
        raise owned(passed, first, total) from None
    if isinstance(opened, VariantStream):
        attempt = opened.stream.call
        attempt.deadline = earliest(attempt.deadline, total)  # the client's limit ends with the first chunk (observed 2026.6.0)
    return opened


async def _stream(gateway: Gateway, variant: VariantConfig, call: InferenceCall) -> VariantStream | VariantResult:
    if isinstance(variant, ChatCompletionConfig):
        return await chat_completion.stream(gateway, variant, call)
    if isinstance(variant, BestOfNConfig):
        return await best_of_n.infer(gateway, variant, await _candidates(gateway, variant, call), call)
    if isinstance(variant, MixtureOfNConfig):
        return await mixture_of_n.stream(gateway, variant, await _candidates(gateway, variant, call), call)
    if isinstance(variant, DiclConfig):
        return await dicl.stream(gateway, variant, call)
    return chain_of_thought.refuse_to_stream()


async def _candidates(gateway: Gateway, variant: SampledConfig, call: InferenceCall) -> Candidates:
    """All asked at the same time, without the call's parameters and never as streams. Raises `AllCandidatesFailed`."""
    names = variant.candidates
    for name in names:
        if name not in call.function.variants:
            raise GatewayError(f"Unknown candidate variant: {name}")
    answers = await call.runtime.gather(
        *(infer(gateway, call.function.variants[name], _call_of_candidate(call, index)) for index, name in enumerate(names))
    )
    results: list[VariantResult] = []
    errors: list[tuple[int, str, GatewayError]] = []
    for index, answer in enumerate(answers):
        if isinstance(answer, VariantResult):
            results.append(answer)
        elif isinstance(answer, GatewayError):
            errors.append((index, names[index], answer))
        elif isinstance(answer, DeadlineExceeded):
            raise answer.after(attempts_of(error for _, _, error in errors))
        else:
            raise answer
    if not results:
        raise AllCandidatesFailed(errors)
    return Candidates(results, attempts_of(error for _, _, error in errors))


def _call_of_candidate(call: InferenceCall, index: int) -> InferenceCall:
    return replace(call, params={}, stream=False, extra_cache_key=f"candidate_{index}")
