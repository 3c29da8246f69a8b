"""The JSON arguments of `inference` besides its input: checked, and in the form that goes over the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tensorzero.clients.shapes import (
    Path,
    WrongShapeError,
    integer,
    number,
    one_of,
    plain,
    shaped,
    text,
    texts,
    unknown_field,
    unsigned,
)
from tensorzero.parsing.words import invalid_type

_PARAMS = "core::option::Option<tensorzero_types::inference_params::InferenceParams>"
_CACHE = "tensorzero_core::cache::CacheParamsOptions"
_EXTRA_BODY = "tensorzero_inference_types::extra_body::UnfilteredInferenceExtraBody"
_EXTRA_HEADERS = "tensorzero_inference_types::extra_headers::UnfilteredInferenceExtraHeaders"
_PROVIDER_TOOL = "tensorzero_inference_types::ProviderTool"
_TOOL_CHOICE = "tensorzero_types::tool::ToolChoice"
_VARIANT = "tensorzero_core::config::UninitializedVariantInfo"

_CHAT_COMPLETION: dict[str, Callable[[Any, Path], Any]] = {
    "temperature": number,
    "max_tokens": unsigned,
    "seed": unsigned,
    "top_p": number,
    "presence_penalty": number,
    "frequency_penalty": number,
    "json_mode": one_of("off", "on", "strict", "implicit_tool", "tool"),
    "stop_sequences": texts,
    "reasoning_effort": text,
    "service_tier": one_of("auto", "default", "priority", "flex"),
    "thinking_budget_tokens": integer,
    "verbosity": text,
}
CHAT_COMPLETION_NAMES = tuple(_CHAT_COMPLETION)
_CACHE_MODE = one_of("on", "off", "read_only", "write_only")
_TOOL_CHOICE_NAMES = ("none", "auto", "required", "specific")
_VARIANT_TYPES = one_of(
    "chat_completion",
    "experimental_best_of_n_sampling",
    "experimental_dynamic_in_context_learning",
    "experimental_mixture_of_n",
    "experimental_chain_of_thought",
)


def params(value: dict[str, Any]) -> dict[str, Any]:
    """`{"chat_completion": {…}}` with only what is set, in the API's order."""
    return shaped(value, _PARAMS, _params)


def _params(value: dict[str, Any]) -> dict[str, Any]:
    for key in value:
        if key != "chat_completion":
            raise unknown_field(key, (), ("chat_completion",))
    if "chat_completion" not in value:
        raise WrongShapeError((), "missing field `chat_completion`")
    given = value["chat_completion"]
    if not isinstance(given, dict):
        raise WrongShapeError(("chat_completion",), invalid_type(given, "struct ChatCompletionInferenceParams"))
    found: dict[str, Any] = {}
    for key, item in cast("dict[str, Any]", given).items():
        read = _CHAT_COMPLETION.get(key)
        if read is None:
            raise unknown_field(key, ("chat_completion",), CHAT_COMPLETION_NAMES)
        if item is not None:
            found[key] = read(item, ("chat_completion", key))
    if len(found) > 1:
        found = {key: found[key] for key in CHAT_COMPLETION_NAMES if key in found}
    return {"chat_completion": found}


def cache_options(value: dict[str, Any]) -> dict[str, Any]:
    """Mode and age in seconds; unknown keys are ignored (observed 2026.6.0)."""
    return shaped(value, _CACHE, _cache_options)


def _cache_options(value: dict[str, Any]) -> dict[str, Any]:
    max_age_s = value.get("max_age_s")
    if max_age_s is not None:
        max_age_s = unsigned(max_age_s, ("max_age_s",))
    enabled = _CACHE_MODE(value["enabled"], ("enabled",)) if "enabled" in value else "off"
    return {"max_age_s": max_age_s, "enabled": enabled}


def tool_choice(value: Any) -> Any:
    """`"none"`, `"auto"`, `"required"` or `{"specific": name}`."""
    return shaped(value, _TOOL_CHOICE, _tool_choice)


def _tool_choice(value: Any) -> Any:
    if not isinstance(value, dict) or not value:
        raise WrongShapeError((), "expected value")
    for key, name in cast("dict[str, Any]", value).items():
        if key != "specific":
            wrong = unknown_field(key, (), _TOOL_CHOICE_NAMES)
            raise WrongShapeError((), wrong.reason.replace("unknown field", "unknown variant"))
        text(name, ("specific",))
    return value


def variant_config(value: dict[str, Any]) -> dict[str, Any]:
    return shaped(value, _VARIANT, _variant_config)


def _variant_config(value: dict[str, Any]) -> dict[str, Any]:
    if "type" not in value:
        raise WrongShapeError((), "TensorZeroDerive: missing tag field `type`")
    _VARIANT_TYPES(value["type"], ())
    from tensorzero.gateway.config.dynamic_variant import shape_fault

    fault = shape_fault(value)
    if fault is not None:
        raise WrongShapeError((), fault)
    return value


def provider_tool(value: Any) -> dict[str, Any]:
    return shaped(value, _PROVIDER_TOOL, _provider_tool)


def _provider_tool(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongShapeError((), invalid_type(value, "struct ProviderTool"))
    given = cast("dict[str, Any]", value)
    scope = None
    for key in given:
        if key == "scope":
            scope = _scope(given[key])
        elif key != "tool":
            raise unknown_field(key, (), ("scope", "tool"))
    if "tool" not in given:
        raise WrongShapeError((), "missing field `tool`")
    return {"scope": scope, "tool": given["tool"]}


def _scope(scope: Any) -> dict[str, Any] | None:
    if scope is None:
        return None
    model, providers = _scope_names(scope)
    provider = providers[0] if providers else None
    if not isinstance(model, str) or len(providers) > 1 or not (provider is None or isinstance(provider, str)):
        raise WrongShapeError(("scope",), "data did not match any variant of untagged enum ProviderToolScope", past=1)
    return {"model_name": model} if provider is None else {"model_name": model, "provider_name": provider}


def _scope_names(scope: Any) -> tuple[Any, list[Any]]:
    """The model and what is said of its provider, under either name or in a list of both (observed 2026.6.0)."""
    if isinstance(scope, dict):
        names = cast("dict[str, Any]", scope)
        return names.get("model_name"), [names[key] for key in ("provider_name", "model_provider_name") if key in names]
    pair = cast("list[Any]", scope) if isinstance(scope, list) else []
    return (pair[0], pair[1:]) if len(pair) == 2 else (None, [])


def extra_body(entries: list[Any]) -> list[dict[str, Any]]:
    """One change of the upstream body each: `pointer` with `value` or `delete`, for all, a variant or a model provider."""
    return shaped(entries, _EXTRA_BODY, lambda copy: [_body_change(entry, at) for at, entry in enumerate(copy)])


def _body_change(entry: Any, at: int) -> dict[str, Any]:
    """With a `model_provider_name` of former versions, a change for all whatever else it says (observed 2026.6.0)."""
    if not isinstance(entry, dict) or "model_provider_name" not in entry:
        return _extra(entry, "pointer", None, "ExtraBody", at)
    given = cast("dict[str, Any]", entry)
    change = {"value": given["value"]} if "value" in given else {"delete": given.get("delete")}
    if not isinstance(given.get("pointer"), str) or change.get("delete", True) is not True:
        what = "legacy `extra_body` entry with `model_provider_name` has neither `value` nor `delete: true`"
        raise WrongShapeError((at,), what, placed=False)
    return {"pointer": given["pointer"], **change}


def extra_headers(entries: list[Any]) -> list[dict[str, Any]]:
    """One upstream header each: `name` with `value` or `delete`, for all, a variant or a model provider."""
    return shaped(
        entries, _EXTRA_HEADERS, lambda copy: [_extra(entry, "name", str, "ExtraHeader", at) for at, entry in enumerate(copy)]
    )


def _extra(entry: Any, what: str, value_type: type | None, enum: str, at: int) -> dict[str, Any]:
    reason = f"data did not match any variant of untagged enum {enum}"
    wrong = WrongShapeError((at,), reason, past=1, placed=value_type is not None)
    if not isinstance(entry, dict):
        raise wrong
    given = cast("dict[str, Any]", entry)
    scope: tuple[str, ...] = ()
    if "variant_name" in given:
        scope = ("variant_name",)
    elif "model_name" in given:
        scope = ("model_name", "provider_name")
    change = "delete" if "delete" in given else "value"
    found: dict[str, Any] = {name: given.get(name) for name in (*scope, what)} | {change: given.get(change)}
    texts_given = all(isinstance(found[name], str) for name in (*scope[:1], what))
    provider = found.get("provider_name")
    value_right = found[change] is True if change == "delete" else value_type is None or isinstance(found[change], value_type)
    if not (texts_given and value_right and change in given and given.keys() <= found.keys()):
        raise wrong
    if provider is not None and not isinstance(provider, str):
        raise wrong
    return found


def function_tool(given: dict[str, Any], strict: bool) -> dict[str, Any]:
    """An additional tool as it goes over the wire."""
    return {
        "type": "function",
        "description": given["description"],
        "parameters": plain(given["parameters"], "serde_json::value::Value"),
        "name": given["name"],
        "strict": strict,
    }
