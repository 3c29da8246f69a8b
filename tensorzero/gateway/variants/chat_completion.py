"""`chat_completion`: render the templates, ask one model, try again as `retries` says."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import ChatCompletionConfig, ModelConfig, Retries
from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.functions.json_function import asked_mode, respond_tool
from tensorzero.gateway.functions.outputs import output_of
from tensorzero.gateway.functions.rendering import render_messages
from tensorzero.gateway.models.model_stream import ModelStream
from tensorzero.gateway.models.shorthand import find_model, missing_hint
from tensorzero.gateway.params import merge
from tensorzero.gateway.providers.extra import for_variant
from tensorzero.gateway.values import ModelInference, ModelRequest, VariantResult
from tensorzero.gateway.variants.retries import with_retries
from tensorzero.inputs.blocks import RequestMessage

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway


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


async def infer(gateway: Gateway, variant: ChatCompletionConfig, call: InferenceCall) -> VariantResult:
    ready = prepare(gateway, variant, call)
    answer = await ask(gateway, ready, variant.retries, call)
    return result_of(variant.name, ready, answer, call)


def ask(
    gateway: Gateway, ready: Prepared, retries: Retries, call: InferenceCall, *, shows_earlier: bool = True
) -> Awaitable[ModelInference]:
    """One model's answer; see `with_retries`."""
    attempt = partial(gateway.models.infer, ready.model, ready.request, call)
    return with_retries(attempt, retries, call, shows_earlier=shows_earlier)


def result_of(variant_name: str, ready: Prepared, answer: ModelInference, call: InferenceCall) -> VariantResult:
    output, auxiliary = output_of(call, answer.content, ready.json_mode)
    return VariantResult(variant_name, output, [answer], answer.finish_reason, ready.params, auxiliary, answer.raw_response)


async def stream(gateway: Gateway, variant: ChatCompletionConfig, call: InferenceCall) -> VariantStream:
    return await open_stream(gateway, prepare(gateway, variant, call), variant.retries, call)


async def open_stream(gateway: Gateway, ready: Prepared, retries: Retries, call: InferenceCall) -> VariantStream:
    attempt = partial(gateway.models.stream, ready.model, ready.request, call)
    return VariantStream(ready, await with_retries(attempt, retries, call))
