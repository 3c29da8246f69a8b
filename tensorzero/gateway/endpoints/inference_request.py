"""The body of `POST /inference`, checked in the original's order; the first failure wins."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.catalog import PREFIXES
from tensorzero.gateway.config.sections import (
    ChatCompletionConfig,
    ExperimentationConfig,
    ExtraBody,
    ExtraHeader,
    FunctionConfig,
    VariantConfig,
)
from tensorzero.gateway.config.variants_section import models_of
from tensorzero.gateway.endpoints.cache_options import cache_options
from tensorzero.gateway.errors import BadRequest, GatewayError, NotFound
from tensorzero.gateway.files.call_files import CallFiles, files_of
from tensorzero.gateway.files.object_storage import Disabled
from tensorzero.gateway.functions.input_checks import validate_input
from tensorzero.gateway.functions.json_function import asked_mode
from tensorzero.gateway.functions.tools import refuse_with_json_tool_mode, settle_tools
from tensorzero.gateway.identifiers import check_episode_id, new_id
from tensorzero.gateway.models.shorthand import find_model, missing_hint
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.templates.environment import Templates
from tensorzero.inputs.blocks import Input
from tensorzero.masking.known import learn_body
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

DEFAULT_FUNCTION = "tensorzero::default"
RESERVED = "tensorzero::"
_USUAL = frozenset(
    (
        "function_name",
        "model_name",
        "input",
        "stream",
        "tags",
        "episode_id",
        "variant_name",
        "params",
        "dryrun",
        "include_original_response",
        "include_raw_response",
        "include_raw_usage",
    )
)
_NOTHING: Mapping[str, Any] = {}
_NO_OBJECT_STORAGE = (
    "Object storage is not configured. You must configure `[object_storage]` before making requests containing a `file` "
    'content block. If you don\'t want to use object storage, you can explicitly set `object_storage.type = "disabled"` in '
    "your configuration."
)


@dataclass(slots=True)
class CheckedRequest:
    """A checked call and the variants that may answer it."""

    call: InferenceCall
    variants: Mapping[str, VariantConfig]
    pinned: bool
    namespace: str | None


@dataclass(frozen=True, slots=True)
class WorkflowEpisode:
    """What an episode of a workflow evaluation adds to its inferences: variants by function, and tags."""

    pins: Mapping[str, str]
    tags: Mapping[str, str]


def read_request(
    gateway: Gateway,
    body: Mapping[str, Any],
    runtime: Runtime,
    deadline: Deadline | None,
    episode: WorkflowEpisode | None = None,
) -> CheckedRequest:
    """`body["input"]` was read already. Raises `GatewayError`."""
    started = time.monotonic()
    get = body.get
    given: Input = body["input"]
    tags = checked_tags(body)
    inference_id = new_id()
    given_episode = get("episode_id")
    episode_id = new_id() if given_episode is None else check_episode_id(given_episode)[0]
    function, variants = _function(gateway, body)
    params: Mapping[str, Any] = (get("params") or _NOTHING).get("chat_completion") or _NOTHING
    if params and function.type == "chat" and asked_mode(params) == "tool":
        refuse_with_json_tool_mode(function, body)
    has_files = validate_input(function, given)
    usual = _USUAL.issuperset(body)
    options: dict[str, Any] = {} if usual else _extras(gateway, function, variants, body)
    tools = settle_tools(function, gateway.config.tools, body)
    pinned = get("variant_name")
    if episode is not None:
        tags = {**episode.tags, **tags}
        pinned = pinned or episode.pins.get(get("function_name") or "")
    namespace = None if usual else get("namespace")
    dynamic = None if usual else get("internal_dynamic_variant_config")
    if dynamic is not None:
        variants, options["templates"] = _dynamic(gateway, function, dynamic, pinned, namespace)
    elif pinned is not None:
        variants = {pinned: _pinned(gateway, function, pinned, namespace)}
        tags["tensorzero::variant_pinned"] = pinned
    if namespace is not None:
        tags["tensorzero::namespace"] = namespace
    if not usual:
        options |= _options(gateway, body)
    if has_files:
        options["files"] = call_files(gateway, given)
    call = InferenceCall(
        runtime,
        inference_id,
        episode_id,
        function,
        given,
        started,
        params,
        bool(get("stream")),
        bool(get("dryrun")),
        tags,
        bool(get("include_original_response")),
        bool(get("include_raw_response")),
        bool(get("include_raw_usage")),
        deadline,
        tools,
        options.pop("schema", function.output_schema),
        gateway.rate_limits,
        **options,
    )
    return CheckedRequest(call, variants, pinned is not None or dynamic is not None, namespace)


def _extras(
    gateway: Gateway, function: FunctionConfig, variants: Mapping[str, VariantConfig], body: Mapping[str, Any]
) -> dict[str, Any]:
    """`extra_body` and `extra_headers` of an `InferenceCall`."""
    learn_body(body)
    extra_body = [_extra_body(entry) for entry in body.get("extra_body") or ()]
    extra_headers = [_extra_header(entry) for entry in body.get("extra_headers") or ()]
    if extra_body or extra_headers:
        _check_filters(gateway, function, variants, [*extra_body, *extra_headers])
    if body.get("internal_dynamic_variant_config") is not None and not body.get("dryrun"):
        raise BadRequest("If `internal_dynamic_variant_config` is used, `dryrun` must also be set to true")
    return {"extra_body": extra_body, "extra_headers": extra_headers}


def _options(gateway: Gateway, body: Mapping[str, Any]) -> dict[str, Any]:
    """What few calls say, as fields of an `InferenceCall`."""
    found: dict[str, Any] = {}
    if body.get("output_schema") is not None:
        found["schema"] = Schema(body["output_schema"])
    found["include_aggregated_response"] = bool(body.get("include_aggregated_response"))
    if found["include_aggregated_response"] and not body.get("stream"):
        raise BadRequest("`include_aggregated_response` is only supported in streaming mode")
    found["credentials"] = body.get("credentials") or {}
    if body.get("cache_options") is not None:
        found["cache"] = cache_options(gateway, body["cache_options"], dryrun=bool(body.get("dryrun")))
    return found


def call_files(gateway: Gateway, given: Input) -> CallFiles:
    """The files of an input that has some. Raises `GatewayError` where no store is configured and one is needed."""
    store = gateway.object_store
    if store is None:  # which files that lie in one already can do without
        if any(file.storage_path is None for file in files_of(given)):
            raise GatewayError(_NO_OBJECT_STORAGE)
        store = Disabled()
    always = gateway.config.gateway.fetch_and_encode_input_files_before_inference
    return CallFiles(given, store, always=always)


def checked_tags(body: Mapping[str, Any]) -> dict[str, str]:
    """The caller's tags with the gateway's own. Reserved ones only where the call is `internal`."""
    tags = dict(body.get("tags") or ())
    if body.get("internal"):
        tags["tensorzero::internal"] = "true"
        return tags
    for key in tags:
        if key.startswith(RESERVED):
            raise BadRequest(
                f"Tag name cannot start with 'tensorzero::': {key}",
                hint="Tags of that kind are the gateway's own: call yours otherwise.",
            )
    return tags


def _function(gateway: Gateway, body: Mapping[str, Any]) -> tuple[FunctionConfig, Mapping[str, VariantConfig]]:
    name, model = body.get("function_name"), body.get("model_name")
    dynamic = body.get("internal_dynamic_variant_config") is not None
    if dynamic and (name is None or model is not None):
        raise _target("If a dynamic variant config is passed, `function_name` must be specified.")
    if name is not None and model is not None:
        raise _target(
            "Only one of `function_name` or `model_name` can be provided",
            "`variant_name` chooses among a function's variants; `model_name` asks a model without a function.",
        )
    if name is None and model is None:
        functions = nearest_hint("", gateway.config.functions, "Configured functions")
        raise _target(
            "Either `function_name` or `model_name` must be provided", f'`model_name="openai::gpt-4o-mini"`, say. {functions}'
        )
    if model is not None:
        return _of_model(gateway, model, body)
    if name == DEFAULT_FUNCTION and dynamic:
        return FunctionConfig(DEFAULT_FUNCTION, "chat", {}), {}
    if name == DEFAULT_FUNCTION:
        raise GatewayError(f"Function `{name}` has no variants")
    function = gateway.config.functions.get(str(name)) or gateway.config.judges.get(str(name))
    if function is None:
        raise NotFound(
            f"Unknown function: {name}", hint=nearest_hint(str(name), gateway.config.functions, "Configured functions")
        )
    if not function.variants and not dynamic:
        hint = f'`[functions.{name}.variants.NAME]` needs `type = "chat_completion"` and a `model`.'
        raise GatewayError(f"Function `{name}` has no variants", hint=hint)
    return function, function.variants


def _of_model(gateway: Gateway, model_name: str, body: Mapping[str, Any]) -> tuple[FunctionConfig, Mapping[str, VariantConfig]]:
    """The built-in chat function, with one variant that is named as the model is."""
    if body.get("variant_name") is not None:
        raise _target(
            "`variant_name` cannot be provided when using `model_name`", "Variants belong to functions: give `function_name`."
        )
    known = gateway.default_functions.get(model_name)
    if known is None:
        if find_model(gateway.config, model_name) is None:
            raise _target(
                f"Invalid model name: Model name '{model_name}' not found in model table", _model_hint(gateway, model_name)
            )
        variant = ChatCompletionConfig(model_name, "chat_completion", model=model_name)
        default = FunctionConfig(DEFAULT_FUNCTION, "chat", {model_name: variant}, experimentation=ExperimentationConfig())
        known = gateway.default_functions.add(model_name, default)
    _check_namespace(gateway, f"Model `{model_name}` has", model_name, body.get("namespace"))
    return known, known.variants


def _model_hint(gateway: Gateway, name: str) -> str:
    local = missing_hint(name)
    if local is not None:
        return local
    from difflib import get_close_matches

    prefix, _, rest = name.partition("::")
    near = get_close_matches(prefix, PREFIXES, 1) if rest else []
    shorthand = f"{near[0]}::{rest}" if near else "openai::gpt-4o-mini"
    return nearest_hint(name, gateway.config.models, "Configured models") + f" Or use a shorthand such as `{shorthand}`."


def nearest_hint(name: str, known: Mapping[str, Any], what: str) -> str:
    """A next step: the nearest right name, and what there is."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    listed = ", ".join(f"`{one}`" for one in sorted(known)[:20]) or "none"
    return (f"Did you mean `{near[0]}`? " if near else "") + f"{what}: {listed}."


def _target(reason: str, hint: str | None = None) -> BadRequest:
    return BadRequest(f"Invalid inference target: {reason}", hint=hint)


def _check_namespace(gateway: Gateway, start: str, model_name: str, asked: str | None) -> None:
    model = gateway.config.models.get(model_name)
    if model is not None and model.namespace is not None and model.namespace != asked:
        shown = "None" if asked is None else asked
        raise BadRequest(
            f"{start} namespace `{model.namespace}`, but the request namespace is `{shown}`. "
            "Namespaced models can only be used with a matching namespace."
        )


def _pinned(gateway: Gateway, function: FunctionConfig, name: str, namespace: str | None) -> VariantConfig:
    variant = function.variants.get(name)
    if variant is None:
        raise NotFound(f"Unknown variant: {name}", hint=nearest_hint(name, function.variants, f"Variants of `{function.name}`"))
    _check_models(gateway, function, variant, namespace)
    return variant


def _check_models(gateway: Gateway, function: FunctionConfig, variant: VariantConfig, namespace: str | None) -> None:
    """A model with a namespace is asked only from there, by whichever part of a variant."""
    for model in models_of(variant, function.variants):
        _check_namespace(gateway, f"Variant `{variant.name}` uses model `{model}` which has", model, namespace)


def _dynamic(
    gateway: Gateway, function: FunctionConfig, given: Mapping[str, Any], pinned: str | None, namespace: str | None
) -> tuple[dict[str, VariantConfig], Templates]:
    """The one variant that the call brings along, and the templates with its own among them."""
    from tensorzero.gateway.config.dynamic_variant import NAME, build_dynamic_variant

    if pinned is not None:
        raise BadRequest("`variant_name` and `internal_dynamic_variant_config` cannot both be set.")
    variant, templates = build_dynamic_variant(function, given, gateway.config.templates)
    _check_models(gateway, function, variant, namespace)
    return {NAME: variant}, templates


def _extra_body(entry: Mapping[str, Any]) -> ExtraBody:
    return ExtraBody(
        entry["pointer"],
        entry.get("value"),
        bool(entry.get("delete")),
        entry.get("variant_name"),
        entry.get("model_name"),
        entry.get("provider_name"),
    )


def _extra_header(entry: Mapping[str, Any]) -> ExtraHeader:
    return ExtraHeader(
        entry["name"],
        entry.get("value") or "",
        bool(entry.get("delete")),
        entry.get("variant_name"),
        entry.get("model_name"),
        entry.get("provider_name"),
    )


def _check_filters(
    gateway: Gateway, function: FunctionConfig, variants: Mapping[str, Any], entries: Sequence[ExtraBody | ExtraHeader]
) -> None:
    for entry in entries:
        if (
            entry.variant_name is not None
            and entry.variant_name not in variants
            and entry.variant_name not in function.variants
        ):
            raise NotFound(f"Unknown variant: {entry.variant_name}")
        if entry.model_name is None:
            continue
        model = find_model(gateway.config, entry.model_name)
        if model is None:
            raise _target(f"Invalid model provider filter: model `{entry.model_name}` does not exist.")
        if entry.provider_name is not None and entry.provider_name not in model.providers:
            raise _target(
                f"Invalid model provider filter: provider `{entry.provider_name}` not found in model `{entry.model_name}`."
            )
