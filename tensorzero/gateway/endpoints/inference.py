"""`POST /inference`: one answer from one of a function's variants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import VariantConfig
from tensorzero.gateway.endpoints.inference_request import CheckedRequest
from tensorzero.gateway.endpoints.stored_files import while_storing_files
from tensorzero.gateway.endpoints.usage import raw_response_entries, raw_usage_entries, total_usage
from tensorzero.gateway.errors import AllVariantsFailed, Attempts, GatewayError
from tensorzero.gateway.experimentation.sampling import choose_variant
from tensorzero.gateway.recording import inference_rows
from tensorzero.gateway.values import VariantResult
from tensorzero.gateway.variants import run as variants

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

T = TypeVar("T")


async def infer(gateway: Gateway, asked: CheckedRequest) -> dict[str, Any]:
    """The public response. Its rows are in the spool when this returns, unless the call is a dry run."""

    def run(variant: VariantConfig, failed: Attempts) -> Awaitable[VariantResult]:
        return variants.infer(gateway, variant, asked.call)

    answering = first_success(asked, run)
    result, failed = await (answering if asked.call.files is None else while_storing_files(gateway, asked.call, answering))
    if gateway.records and not asked.call.dryrun:
        gateway.write(inference_rows(asked.call, result, gateway.snapshot_hash))
    return _response(asked.call, result, failed)


async def first_success(asked: CheckedRequest, run: Callable[[VariantConfig, Attempts], Awaitable[T]]) -> tuple[T, Attempts]:
    """Draw a variant, run it, and after a failure draw among the rest. A pinned one fails with its own error.

    `run` is told what the variants before answered, which is returned beside the answer.
    """
    failed: Attempts = ()
    if asked.pinned:
        return await run(next(iter(asked.variants.values())), failed), failed
    call, active = asked.call, asked.variants
    errors: list[tuple[str, GatewayError]] = []
    while active:
        try:
            name = choose_variant(call.function.experimentation, call.function.name, call.episode_id, active, asked.namespace)
        except GatewayError as error:
            raise (AllVariantsFailed(errors) if errors else error) from error
        try:
            return await run(active[name], failed), failed
        except GatewayError as error:
            errors.append((name, error))
            failed += error.attempts
            active = {other: variant for other, variant in active.items() if other != name}
    raise AllVariantsFailed(errors)


def _response(call: InferenceCall, result: VariantResult, failed: Attempts) -> dict[str, Any]:
    response: dict[str, Any] = {
        "inference_id": call.inference_id,
        "episode_id": call.episode_id,
        "variant_name": result.variant_name,
        "output" if call.function.type == "json" else "content": result.output,
        "usage": total_usage(result.model_inferences).public(),
    }
    if call.include_raw_usage:
        response["raw_usage"] = raw_usage_entries(result.model_inferences)
    if call.include_original_response and result.original_response is not None:
        response["original_response"] = result.original_response
    if call.include_raw_response:
        response["raw_response"] = [*failed, *raw_response_entries(result.model_inferences)]
    if result.finish_reason is not None:
        response["finish_reason"] = result.finish_reason
    return response
