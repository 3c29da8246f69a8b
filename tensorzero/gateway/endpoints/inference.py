"""`POST /inference`: one answer from one of a function's variants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tensorzero.faces.deadline import DeadlineExceeded, earliest
from tensorzero.gateway.config.sections import ChatCompletionConfig, VariantConfig
from tensorzero.gateway.endpoints.inference_request import Asked
from tensorzero.gateway.errors import AllVariantsFailed, GatewayError, NotYet
from tensorzero.gateway.experimentation.sampling import choose_variant
from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.models.infer import Failed, limit
from tensorzero.gateway.recording import inference_rows
from tensorzero.gateway.values import InferenceCall, ModelInference, Usage, VariantResult
from tensorzero.gateway.variants import chat_completion

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

T = TypeVar("T")


async def infer(gateway: Gateway, asked: Asked) -> dict[str, Any]:
    """The public response. Its rows are in the spool when this returns, unless the call is a dry run."""
    failed: Failed = []

    async def run(variant: VariantConfig) -> VariantResult:
        call = asked.call
        own = limit(f"Variant `{variant.name}`", "non_streaming.total_ms", variant.timeouts.non_streaming_total_ms)
        outer, call.deadline = call.deadline, earliest(own, call.deadline)
        try:
            return await chat_completion.infer(gateway, runnable(variant), call, failed)
        except DeadlineExceeded as passed:
            if passed.deadline is own:
                raise passed.deadline.error() from None
            raise
        finally:
            call.deadline = outer

    result = await first_success(asked, run)
    if gateway.records and not asked.call.dryrun:
        gateway.write(inference_rows(asked.call, result, gateway.snapshot_hash))
    return _response(asked.call, result, failed)


async def first_success(asked: Asked, run: Callable[[VariantConfig], Awaitable[T]]) -> T:
    """Draw a variant, run it, and after a failure draw among the rest. A pinned one fails with its own error."""
    if asked.pinned:
        return await run(next(iter(asked.variants.values())))
    call, active = asked.call, asked.variants
    errors: list[tuple[str, GatewayError]] = []
    while active:
        try:
            name = choose_variant(call.function.experimentation, call.function.name, call.episode_id, active, asked.namespace)
        except GatewayError as error:
            raise (AllVariantsFailed(errors) if errors else error) from error
        try:
            return await run(active[name])
        except GatewayError as error:
            errors.append((name, error))
            del active[name]
    raise AllVariantsFailed(errors)


def runnable(variant: VariantConfig) -> ChatCompletionConfig:
    if not isinstance(variant, ChatCompletionConfig):
        raise NotYet(f"Variant `{variant.name}` is of type `{variant.type}`, which this version loads and does not run yet.")
    return variant


def total_usage(inferences: list[ModelInference]) -> Usage:
    """The sum; tokens and cost are None where any part is, cache tokens ignore what is missing. A cached part counts zero."""
    if len(inferences) == 1 and not inferences[0].cached:
        return inferences[0].usage
    total = Usage(0, 0, None, None, 0.0)
    for inference in inferences:
        usage = Usage(0, 0, None, None, 0.0) if inference.cached else inference.usage
        for name in ("input_tokens", "output_tokens", "cost"):
            so_far, part = getattr(total, name), getattr(usage, name)
            setattr(total, name, None if so_far is None or part is None else so_far + part)
        for name in ("provider_cache_read_input_tokens", "provider_cache_write_input_tokens"):
            part = getattr(usage, name)
            if part is not None:
                setattr(total, name, (getattr(total, name) or 0) + part)
    return total


def reported_id(inference: ModelInference) -> str:
    """The id in raw entries: made for the response, and not the one of the row (observed 2026.6.0)."""
    if inference.usage_id is None:
        inference.usage_id = new_id()
    return inference.usage_id


def raw_usage_entries(inferences: list[ModelInference]) -> list[dict[str, Any]]:
    return [raw_usage_entry(one, one.raw_usage) for one in inferences if not one.cached]


def raw_usage_entry(inference: ModelInference, data: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "model_inference_id": reported_id(inference),
        "provider_type": inference.provider_type,
        "api_type": inference.api_type,
    }
    if data is not None:
        entry["data"] = data
    return entry


def raw_response_entries(inferences: list[ModelInference]) -> list[dict[str, Any]]:
    return [
        {
            "model_inference_id": reported_id(one),
            "provider_type": one.provider_type,
            "api_type": one.api_type,
            "data": one.raw_response,
        }
        for one in inferences
        if not one.cached
    ]


def _response(call: InferenceCall, result: VariantResult, failed: Failed) -> dict[str, Any]:
    response: dict[str, Any] = {
        "inference_id": call.inference_id,
        "episode_id": call.episode_id,
        "variant_name": result.variant_name,
        "output" if call.function.type == "json" else "content": result.output,
        "usage": total_usage(result.model_inferences).public(),
    }
    if call.include_raw_usage:
        response["raw_usage"] = raw_usage_entries(result.model_inferences)
    if call.include_original_response:
        response["original_response"] = result.model_inferences[0].raw_response
    if call.include_raw_response:
        response["raw_response"] = [*failed, *raw_response_entries(result.model_inferences)]
    if result.finish_reason is not None:
        response["finish_reason"] = result.finish_reason
    return response
