"""`chat_completion`: render the templates, ask one model, try again as `retries` says."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tensorzero.faces.deadline import DeadlineExceeded
from tensorzero.gateway.config.sections import ChatCompletionConfig, ModelConfig, Retries
from tensorzero.gateway.errors import AllRetriesFailed, GatewayError
from tensorzero.gateway.functions.json_function import asked_mode, respond_tool
from tensorzero.gateway.functions.outputs import output_of
from tensorzero.gateway.functions.rendering import render_messages
from tensorzero.gateway.models.extra import for_variant
from tensorzero.gateway.models.infer import Failed, ModelStream
from tensorzero.gateway.models.shorthand import find_model, missing_hint
from tensorzero.gateway.values import InferenceCall, ModelInference, ModelRequest, VariantResult
from tensorzero.gateway.variants.params import merge
from tensorzero.inputs.blocks import RequestMessage

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

T = TypeVar("T")


@dataclass(slots=True)
class Prepared:
    """A request ready to be sent."""

    model: ModelConfig
    request: ModelRequest
    params: Mapping[str, Any]
    json_mode: str | None


@dataclass(slots=True)
class VariantStream:
    """An answer that is arriving, and the model inferences that came before it."""

    ready: Prepared
    stream: ModelStream
    previous: Sequence[ModelInference] = ()


def prepare(gateway: Gateway, variant: ChatCompletionConfig, call: InferenceCall) -> Prepared:
    """Render and merge. Raises `GatewayError` for templates that fail and models that do not exist."""
    system, messages = render_messages(variant, call.function, call.input, call.templates or gateway.config.templates)
    ready = assemble(gateway, variant, call, system, messages)
    ready.request.usual = call.input.usual
    return ready


def assemble(
    gateway: Gateway,
    variant: ChatCompletionConfig,
    call: InferenceCall,
    system: str | None,
    messages: tuple[RequestMessage, ...],
) -> Prepared:
    """What `variant` asks its model with messages that are rendered already."""
    model = find_model(gateway.config, variant.model)
    if model is None:
        raise GatewayError(f"Unknown model: {variant.model}", hint=missing_hint(variant.model))
    params = merge(variant, call.params)
    json_mode = asked_mode(call.params) or variant.json_mode or ("strict" if call.function.type == "json" else None)
    request = ModelRequest(
        system,
        messages,
        params,
        call.stream,
        variant.extra_body,
        variant.extra_headers,
        for_variant(call.extra_body, variant.name) if call.extra_body else (),
        for_variant(call.extra_headers, variant.name) if call.extra_headers else (),
        call.tools,
        schema=call.schema,
        extra_cache_key=call.extra_cache_key,
    )
    if json_mode == "tool":
        request.tools = respond_tool(call.schema)
    elif json_mode == "on" or json_mode == "strict":
        request.json_mode = json_mode
    return Prepared(model, request, params, json_mode)


async def infer(gateway: Gateway, variant: ChatCompletionConfig, call: InferenceCall, failed: Failed) -> VariantResult:
    ready = prepare(gateway, variant, call)
    answer = await ask(gateway, ready, variant.retries, call, failed)
    return result_of(variant.name, ready, answer, call)


def ask(gateway: Gateway, ready: Prepared, retries: Retries, call: InferenceCall, failed: Failed) -> Awaitable[ModelInference]:
    def attempt() -> Awaitable[ModelInference]:
        return gateway.models.infer(ready.model, ready.request, call, failed)

    return with_retries(attempt, retries, call)


async def ask_beside(
    gateway: Gateway, ready: Prepared, retries: Retries, call: InferenceCall, failed: Failed
) -> ModelInference:
    """`ask` for an answer among others, which has the raw responses of failures before it; `failed` gets them if it fails."""
    own: Failed = []
    try:
        answer = await ask(gateway, ready, retries, call, own)
    except (GatewayError, DeadlineExceeded):
        failed += own
        raise
    answer.failed = own
    return answer


def result_of(variant_name: str, ready: Prepared, answer: ModelInference, call: InferenceCall) -> VariantResult:
    output, auxiliary = output_of(call, answer.content, ready.json_mode)
    return VariantResult(variant_name, output, [answer], answer.finish_reason, ready.params, auxiliary, answer.raw_response)


async def stream(gateway: Gateway, variant: ChatCompletionConfig, call: InferenceCall, failed: Failed) -> VariantStream:
    return await open_stream(gateway, prepare(gateway, variant, call), variant.retries, call, failed)


async def open_stream(
    gateway: Gateway, ready: Prepared, retries: Retries, call: InferenceCall, failed: Failed
) -> VariantStream:
    def attempt() -> Awaitable[ModelStream]:
        return gateway.models.stream(ready.model, ready.request, call, failed)

    return VariantStream(ready, await with_retries(attempt, retries, call))


def with_retries(attempt: Callable[[], Awaitable[T]], retries: Retries, call: InferenceCall) -> Awaitable[T]:
    """Raises the only error as it is, several as `AllRetriesFailed`.

    The first pause is 1 to 2 s whatever `max_delay_s` says; later ones double, are capped, and get a jitter of up to
    themselves (observed 2026.6.0).
    """
    return attempt() if retries.num_retries == 0 else _retried(attempt, retries, call)


async def _retried(attempt: Callable[[], Awaitable[T]], retries: Retries, call: InferenceCall) -> T:
    errors: list[GatewayError] = []
    delay = 1.0
    while True:
        try:
            return await attempt()
        except GatewayError as error:
            errors.append(error)
            if len(errors) > retries.num_retries or not error.retryable:
                raise (AllRetriesFailed(errors) if len(errors) > 1 else error) from error
        await call.face.sleep(delay * (1 + random.random()), call.deadline)  # noqa: S311 - a jitter
        delay = min(delay * 2, retries.max_delay_s)
