"""The arguments of `inference` as the body of `POST /inference`.

Nearly all arguments of nearly all calls are None, so each is looked at once and cheaply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.clients import arguments, inference_shapes
from tensorzero.clients.failures import refused
from tensorzero.clients.shapes import plain

_TOOL_CHOICES = ("none", "auto", "required")


def inference_body(
    input: Mapping[str, Any],  # noqa: A002  # the public name
    function_name: str | None,
    model_name: str | None,
    episode_id: Any,
    namespace: str | None,
    stream: bool | None,
    params: dict[str, Any] | None,
    variant_name: str | None,
    dryrun: bool | None,
    output_schema: dict[str, Any] | None,
    allowed_tools: list[str] | None,
    additional_tools: list[dict[str, Any]] | None,
    provider_tools: list[Any] | None,
    tool_choice: Any,
    parallel_tool_calls: bool | None,
    internal: bool | None,
    tags: dict[str, str] | None,
    credentials: dict[str, str] | None,
    cache_options: dict[str, Any] | None,
    extra_body: list[Any] | None,
    extra_headers: list[Any] | None,
    include_original_response: bool | None,
    include_raw_response: bool | None,
    include_raw_usage: bool | None,
    include_aggregated_response: bool | None,
    internal_dynamic_variant_config: dict[str, Any] | None,
) -> dict[str, Any]:
    """Only what is given. `input` is still the caller's own: `Transport.encode_body` makes of the body what goes its way.

    TypeError and ValueError as in `arguments`, `TensorZeroInternalError` as in `shapes`.
    """
    arguments.mapping("input", input)
    body: dict[str, Any] = {}
    if function_name is not None:
        body["function_name"] = arguments.text("function_name", function_name)
    if model_name is not None:
        body["model_name"] = arguments.text("model_name", model_name)
    if namespace is not None:
        body["namespace"] = arguments.text("namespace", namespace)
    if variant_name is not None:
        body["variant_name"] = arguments.text("variant_name", variant_name)
    if stream is not None:
        body["stream"] = arguments.flag("stream", stream)
    if dryrun is not None:
        body["dryrun"] = arguments.flag("dryrun", dryrun)
    if parallel_tool_calls is not None:
        body["parallel_tool_calls"] = arguments.flag("parallel_tool_calls", parallel_tool_calls)
    if internal is not None:
        body["internal"] = arguments.flag("internal", internal)
    if include_original_response is not None:
        body["include_original_response"] = arguments.flag("include_original_response", include_original_response)
    if include_raw_response is not None:
        body["include_raw_response"] = arguments.flag("include_raw_response", include_raw_response)
    if include_raw_usage is not None:
        body["include_raw_usage"] = arguments.flag("include_raw_usage", include_raw_usage)
    if include_aggregated_response is not None:
        body["include_aggregated_response"] = arguments.flag("include_aggregated_response", include_aggregated_response)
    if episode_id is not None:
        body["episode_id"] = arguments.uuid_text("episode_id", episode_id)
    if namespace == "":
        raise ValueError("Invalid namespace: Namespace identifier cannot be empty")
    if namespace is not None and namespace.startswith("tensorzero::"):
        raise ValueError(f"Invalid namespace: Namespace cannot start with `tensorzero::`: {namespace}")
    body["input"] = input
    if params is not None:
        body["params"] = inference_shapes.params(arguments.mapping("params", params))
    if tags is not None:
        body["tags"] = arguments.text_map("tags", tags)
    if allowed_tools is not None:
        body["allowed_tools"] = arguments.text_list("allowed_tools", allowed_tools)
    if additional_tools is not None:
        body["additional_tools"] = _additional_tools(additional_tools)
    if tool_choice is not None:
        body["tool_choice"] = _tool_choice(tool_choice)
    if provider_tools is not None:
        body["provider_tools"] = _provider_tools(provider_tools)
    if output_schema is not None:
        body["output_schema"] = plain(arguments.mapping("output_schema", output_schema), "serde_json::value::Value")
    if credentials is not None:
        body["credentials"] = arguments.text_map("credentials", credentials)
    if cache_options is not None:
        body["cache_options"] = inference_shapes.cache_options(arguments.mapping("cache_options", cache_options))
    if extra_body is not None:
        body["extra_body"] = inference_shapes.extra_body(arguments.listing("extra_body", extra_body))
    if extra_headers is not None:
        body["extra_headers"] = inference_shapes.extra_headers(arguments.listing("extra_headers", extra_headers))
    if internal_dynamic_variant_config is not None:
        body["internal_dynamic_variant_config"] = inference_shapes.variant_config(
            arguments.mapping("internal_dynamic_variant_config", internal_dynamic_variant_config)
        )
    return body


def trace_headers(
    headers: dict[str, str] | None, attributes: dict[str, str] | None, resources: dict[str, str] | None
) -> dict[str, str]:
    """What the caller adds to the gateway's own traces, as HTTP headers."""
    found: dict[str, str] = {}
    for kind, given in (("header", headers), ("attribute", attributes), ("resource", resources)):
        if given is not None:
            checked = arguments.text_map(f"otlp_traces_extra_{kind}s", given)
            found |= {f"tensorzero-otlp-traces-extra-{kind}-{key}".lower(): value for key, value in checked.items()}
    return found


def _provider_tools(given: Any) -> list[dict[str, Any]]:
    return [inference_shapes.provider_tool(tool) for tool in arguments.sequence("provider_tools", given)]


def _additional_tools(given: Any) -> list[dict[str, Any]]:
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


def _tool_choice(given: Any) -> Any:
    if not isinstance(given, str):
        return inference_shapes.tool_choice(given)
    given = arguments.text("tool_choice", given)
    if given not in _TOOL_CHOICES:
        reason = f"unknown variant `{given}`, expected one of `none`, `auto`, `required`, `specific`"
        message = f"Failed to parse tool_choice as valid JSON: Error({arguments.quoted(reason)}, line: 0, column: 0)"
        raise refused(ValueError(message))
    return given
