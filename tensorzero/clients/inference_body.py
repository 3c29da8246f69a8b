"""The arguments of `inference` as the body of `POST /inference`.

Nearly all arguments of nearly all calls are None, so each is looked at once and cheaply.
"""

from __future__ import annotations

from typing import Any

from tensorzero.clients import arguments, inference_shapes
from tensorzero.clients.shapes import plain

INPUT_TYPE = "tensorzero_types::message::Input"
_TOOL_CHOICES = ("none", "auto", "required")
_TEXTS = ("function_name", "model_name", "namespace", "variant_name")
_FLAGS = (
    "stream",
    "dryrun",
    "parallel_tool_calls",
    "internal",
    "include_original_response",
    "include_raw_response",
    "include_raw_usage",
    "include_aggregated_response",
)


def inference_body(
    input: dict[str, Any],  # noqa: A002  # the public name
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
    """Every key is present, but `allowed_tools`, `additional_tools`, `tool_choice` and `parallel_tool_calls`, which are
    there only when given (observed 2026.6.0). `input` is a plain copy whose shape the gateway checks.

    TypeError and ValueError as in `arguments`, `TensorZeroInternalError` as in `shapes`.
    """
    arguments.mapping("input", input)
    for name, value in zip(_TEXTS, (function_name, model_name, namespace, variant_name), strict=True):
        if value is not None and type(value) is not str:
            arguments.text(name, value)
    flags = (
        stream,
        dryrun,
        parallel_tool_calls,
        internal,
        include_original_response,
        include_raw_response,
        include_raw_usage,
        include_aggregated_response,
    )
    for name, value in zip(_FLAGS, flags, strict=True):
        if value is not None and value is not True and value is not False:
            arguments.flag(name, value)
    if episode_id is not None:
        episode_id = arguments.uuid_text("episode_id", episode_id)
    if namespace == "":
        raise ValueError("Invalid namespace: Namespace identifier cannot be empty")
    if namespace is not None and namespace.startswith("tensorzero::"):
        raise ValueError(f"Invalid namespace: Namespace cannot start with `tensorzero::`: {namespace}")
    body: dict[str, Any] = {
        "function_name": function_name,
        "model_name": model_name,
        "episode_id": episode_id,
        "namespace": namespace,
        "input": plain(input, INPUT_TYPE),
        "stream": stream,
        "params": {"chat_completion": {}} if params is None else inference_shapes.params(arguments.mapping("params", params)),
        "variant_name": variant_name,
        "dryrun": dryrun,
        "internal": internal is True,
        "tags": {} if tags is None else arguments.text_map("tags", tags),
    }
    if allowed_tools is not None:
        body["allowed_tools"] = arguments.text_list("allowed_tools", allowed_tools)
    if additional_tools is not None:
        body["additional_tools"] = _additional_tools(additional_tools)
    if tool_choice is not None:
        body["tool_choice"] = _tool_choice(tool_choice)
    if parallel_tool_calls is not None:
        body["parallel_tool_calls"] = parallel_tool_calls
    body |= {
        "provider_tools": [] if provider_tools is None else _provider_tools(provider_tools),
        "output_schema": None
        if output_schema is None
        else plain(arguments.mapping("output_schema", output_schema), "serde_json::value::Value"),
        "credentials": {} if credentials is None else arguments.text_map("credentials", credentials),
        "cache_options": {"max_age_s": None, "enabled": "off"}
        if cache_options is None
        else inference_shapes.cache_options(arguments.mapping("cache_options", cache_options)),
        "include_original_response": include_original_response is True,
        "include_raw_response": include_raw_response is True,
        "include_raw_usage": include_raw_usage is True,
        "include_aggregated_response": include_aggregated_response is True,
        "extra_body": [] if extra_body is None else inference_shapes.extra_body(arguments.listing("extra_body", extra_body)),
        "extra_headers": []
        if extra_headers is None
        else inference_shapes.extra_headers(arguments.listing("extra_headers", extra_headers)),
        "internal_dynamic_variant_config": None
        if internal_dynamic_variant_config is None
        else inference_shapes.variant_config(
            arguments.mapping("internal_dynamic_variant_config", internal_dynamic_variant_config)
        ),
    }
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
    for key in ("name", "description", "parameters"):
        if key not in tool:
            shown = ", ".join(f'"{name}": {value!r}' for name, value in sorted(tool.items()))
            raise ValueError(f"Missing '{key}' in additional tool: {{{shown}}}")
    for key in ("name", "description"):
        if not isinstance(tool[key], str):
            raise TypeError(f"'{type(tool[key]).__name__}' object cannot be converted to 'PyString'")
    strict = tool.get("strict", False)
    if not isinstance(strict, bool):
        raise TypeError(f"'{type(strict).__name__}' object cannot be converted to 'PyBool'")
    return inference_shapes.function_tool(tool, strict)


def _tool_choice(given: Any) -> Any:
    if not isinstance(given, str):
        return inference_shapes.tool_choice(given)
    if given not in _TOOL_CHOICES:
        reason = f"unknown variant `{given}`, expected one of `none`, `auto`, `required`, `specific`"
        raise ValueError(f"Failed to parse tool_choice as valid JSON: Error({arguments.quoted(reason)}, line: 0, column: 0)")
    return given
