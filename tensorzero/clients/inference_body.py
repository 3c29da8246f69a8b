"""The arguments of `inference` as the body of `POST /inference`: one table of what each must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tensorzero.clients import arguments, inference_shapes
from tensorzero.clients.failures import refused
from tensorzero.clients.shapes import plain

TRACES = {f"otlp_traces_extra_{kind}s": kind for kind in ("header", "attribute", "resource")}
_TOOL_CHOICES = ("none", "auto", "required")


def inference_body(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, none of which is None, checked and as JSON; those that are no part of a body are left out.

    `input` is still the caller's own: `Transport.encode_body` makes of the body what goes its way. Raises TypeError and
    ValueError as in `arguments`, `TensorZeroInternalError` as in `shapes`.
    """
    arguments.mapping("input", given.get("input"))
    body: dict[str, Any] = {}
    for name in sorted(given.keys() & _PLACES.keys(), key=_PLACES.__getitem__):
        if name == "input":
            _check_namespace(given.get("namespace"))
        body[name] = _CHECKS[name](name, given[name])
    return body


def trace_headers(given: Mapping[str, Any]) -> dict[str, str]:
    """What the caller adds to the gateway's own traces, as HTTP headers."""
    found: dict[str, str] = {}
    for name, kind in TRACES.items():
        if name in given:
            checked = arguments.text_map(name, given[name])
            found |= {f"tensorzero-otlp-traces-extra-{kind}-{key}".lower(): value for key, value in checked.items()}
    return found


def _provider_tools(_name: str, given: Any) -> list[dict[str, Any]]:
    return [inference_shapes.provider_tool(tool) for tool in arguments.sequence("provider_tools", given)]


def _additional_tools(_name: str, given: Any) -> list[dict[str, Any]]:
    return [
        _additional_tool(arguments.mapping("additional_tools", tool)) for tool in arguments.sequence("additional_tools", given)
    ]


def _additional_tool(tool: dict[str, Any]) -> dict[str, Any]:
    for key in tool:
        arguments.text("additional_tools", key)
    for key in ("name", "description", "parameters"):
        if key not in tool:
            shown = ", ".join(f'"{name}": {value!r}' for name, value in sorted(tool.items()))
            raise refused(ValueError(f"Missing '{key}' in additional tool: {{{shown}}}"))
    for key in ("name", "description"):
        if not isinstance(tool[key], str):
            raise TypeError(f"'{type(tool[key]).__name__}' object cannot be converted to 'PyString'")
        arguments.text(key, tool[key])
    strict = tool.get("strict", False)
    if not isinstance(strict, bool) and not arguments.is_numpy_bool(strict):
        raise TypeError(f"'{type(strict).__name__}' object cannot be converted to 'PyBool'")
    return inference_shapes.function_tool(tool, bool(strict))


def _tool_choice(_name: str, given: Any) -> Any:
    if not isinstance(given, str):
        return inference_shapes.tool_choice(given)
    given = arguments.text("tool_choice", given)
    if given not in _TOOL_CHOICES:
        reason = f"unknown variant `{given}`, expected one of `none`, `auto`, `required`, `specific`"
        message = f"Failed to parse tool_choice as valid JSON: Error({arguments.quoted(reason)}, line: 0, column: 0)"
        raise refused(ValueError(message))
    return given


def _check_namespace(namespace: str | None) -> None:
    """Its form is looked at after all other plain values, as the original does."""
    if namespace == "":
        raise ValueError("Invalid namespace: Namespace identifier cannot be empty")
    if namespace is not None and namespace.startswith("tensorzero::"):
        raise ValueError(f"Invalid namespace: Namespace cannot start with `tensorzero::`: {namespace}")


def _input(_name: str, value: Any) -> Any:
    return value


def _mapped(read: Callable[[dict[str, Any]], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: read(arguments.mapping(name, value))


def _listed(read: Callable[[list[Any]], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: read(arguments.listing(name, value))


def _json(value: dict[str, Any]) -> Any:
    return plain(value, "serde_json::value::Value")


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "function_name": arguments.text,
    "model_name": arguments.text,
    "namespace": arguments.text,
    "variant_name": arguments.text,
    "stream": arguments.flag,
    "dryrun": arguments.flag,
    "parallel_tool_calls": arguments.flag,
    "internal": arguments.flag,
    "include_original_response": arguments.flag,
    "include_raw_response": arguments.flag,
    "include_raw_usage": arguments.flag,
    "include_aggregated_response": arguments.flag,
    "episode_id": arguments.uuid_text,
    "input": _input,
    "params": _mapped(inference_shapes.params),
    "tags": arguments.text_map,
    "allowed_tools": arguments.text_list,
    "additional_tools": _additional_tools,
    "tool_choice": _tool_choice,
    "provider_tools": _provider_tools,
    "output_schema": _mapped(_json),
    "credentials": arguments.text_map,
    "cache_options": _mapped(inference_shapes.cache_options),
    "extra_body": _listed(inference_shapes.extra_body),
    "extra_headers": _listed(inference_shapes.extra_headers),
    "internal_dynamic_variant_config": _mapped(inference_shapes.variant_config),
}
"""Every argument that the body takes, in the order in which the original finds faults."""
_PLACES = {name: place for place, name in enumerate(_CHECKS)}
