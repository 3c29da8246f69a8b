"""One variant of any type, with its own time limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tensorzero.faces.deadline import DeadlineExceeded, earliest
from tensorzero.gateway.config.sections import ChatCompletionConfig, VariantConfig
from tensorzero.gateway.errors import AllCandidatesFailed, GatewayError
from tensorzero.gateway.models.infer import Failed, limit
from tensorzero.gateway.values import InferenceCall, VariantResult
from tensorzero.gateway.variants import best_of_n, chain_of_thought, chat_completion, dicl, mixture_of_n
from tensorzero.gateway.variants.chat_completion import VariantStream

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

BEST_OF_N = "experimental_best_of_n_sampling"
MIXTURE_OF_N = "experimental_mixture_of_n"
DICL = "experimental_dynamic_in_context_learning"
CHAIN_OF_THOUGHT = "experimental_chain_of_thought"


async def infer(gateway: Gateway, variant: VariantConfig, call: InferenceCall, failed: Failed) -> VariantResult:
    """Raises `GatewayError`; then `failed` gets the raw responses of what failed. Else the result's inferences have them."""
    limit_ms = variant.timeouts.non_streaming_total_ms
    own = None if limit_ms is None else limit(f"Variant `{variant.name}`", "non_streaming.total_ms", limit_ms)
    outer = call.deadline
    if own is not None:
        call.deadline = earliest(own, outer)
    attempts: Failed = []
    try:
        if isinstance(variant, ChatCompletionConfig):
            result = await chat_completion.infer(gateway, variant, call, attempts)
        else:
            result = await _infer(gateway, variant, call, attempts)
    except DeadlineExceeded as passed:
        failed += attempts
        if passed.deadline is own:
            raise passed.deadline.error() from None
        raise
    except GatewayError:
        failed += attempts
        raise
    finally:
        call.deadline = outer
    if attempts:
        first = result.model_inferences[0]
        first.failed = [*attempts, *first.failed]
    return result


async def _infer(gateway: Gateway, variant: VariantConfig, call: InferenceCall, failed: Failed) -> VariantResult:
    """Those that ask more than one model."""
    if variant.type == BEST_OF_N:
        return await best_of_n.infer(gateway, variant, await _candidates(gateway, variant, call, failed), call, failed)
    if variant.type == MIXTURE_OF_N:
        return await mixture_of_n.infer(gateway, variant, await _candidates(gateway, variant, call, failed), call, failed)
    if variant.type == DICL:
        return await dicl.infer(gateway, variant, call, failed)
    return await chain_of_thought.infer(gateway, variant, call, failed)


async def stream(
    gateway: Gateway, variant: VariantConfig, call: InferenceCall, failed: Failed
) -> VariantStream | VariantResult:
    """Returns when the first chunk is there, or with a whole answer where there is nothing to stream.

    `failed` gets the raw responses of failed attempts, also of those before the chunk that came.
    """
    name = f"Variant `{variant.name}`"
    first = limit(name, "streaming.ttft_ms", variant.timeouts.streaming_ttft_ms)
    total = limit(name, "streaming.total_ms", variant.timeouts.streaming_total_ms)
    outer, call.deadline = call.deadline, earliest(first, total, call.deadline)
    try:
        opened = await _stream(gateway, variant, call, failed)
    except DeadlineExceeded as passed:
        if passed.deadline is first or passed.deadline is total:
            raise passed.deadline.error() from None
        raise
    finally:
        call.deadline = outer
    if isinstance(opened, VariantStream):
        attempt = opened.stream.call
        attempt.deadline = earliest(attempt.deadline, total)  # the client's limit ends with the first chunk (observed 2026.6.0)
    return opened


async def _stream(
    gateway: Gateway, variant: VariantConfig, call: InferenceCall, failed: Failed
) -> VariantStream | VariantResult:
    if isinstance(variant, ChatCompletionConfig):
        return await chat_completion.stream(gateway, variant, call, failed)
    if variant.type == BEST_OF_N:
        return await best_of_n.infer(gateway, variant, await _candidates(gateway, variant, call, failed), call, failed)
    if variant.type == MIXTURE_OF_N:
        before: Failed = []
        try:
            candidates = await _candidates(gateway, variant, call, before)
        except GatewayError:
            failed += before
            raise
        return await mixture_of_n.stream(gateway, variant, candidates, call, failed, before)
    if variant.type == DICL:
        return await dicl.stream(gateway, variant, call, failed)
    return chain_of_thought.refuse_to_stream()


async def _candidates(gateway: Gateway, variant: VariantConfig, call: InferenceCall, failed: Failed) -> list[VariantResult]:
    """The candidates that answered, all asked at the same time, without the call's parameters and never as streams.

    Raises `AllCandidatesFailed`; `failed` gets the raw responses of those that failed.
    """
    names = tuple(variant.settings["candidates"])
    for name in names:
        if name not in call.function.variants:
            raise GatewayError(f"Unknown candidate variant: {name}")
    attempts: list[Failed] = [[] for _ in names]
    answers = await call.face.gather(
        *(
            infer(gateway, call.function.variants[name], _call_of_candidate(call, index), attempts[index])
            for index, name in enumerate(names)
        )
    )
    results: list[VariantResult] = []
    errors: list[tuple[int, str, GatewayError]] = []
    for index, answer in enumerate(answers):
        failed += attempts[index]
        if isinstance(answer, VariantResult):
            results.append(answer)
        elif isinstance(answer, GatewayError):
            errors.append((index, names[index], answer))
        else:
            raise answer
    if not results:
        raise AllCandidatesFailed(errors)
    return results


def _call_of_candidate(call: InferenceCall, index: int) -> InferenceCall:
    return replace(call, params={}, stream=False, extra_cache_key=f"candidate_{index}")
