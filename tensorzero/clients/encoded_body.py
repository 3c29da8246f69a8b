"""The body of an inference as it goes its way: its input read, for HTTP all of it in full.

Only transports load this, with the reader of inputs behind it, so that importing the package stays quick.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.clients.failures import refused
from tensorzero.clients.shapes import plain
from tensorzero.inputs.blocks import Input
from tensorzero.inputs.reading import InputShapeError, parse_input, usual_input
from tensorzero.types import TensorZeroInternalError

INPUT_TYPE = "tensorzero_types::message::Input"
_ONLY_WHERE_GIVEN = ("allowed_tools", "additional_tools", "tool_choice", "parallel_tool_calls")


def whole_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as it goes over the wire: every key but the tools' is there, in this order, and every block in full
    (observed 2026.6.0). `TensorZeroInternalError` where the input's shape is wrong."""
    given = body.get
    whole: dict[str, Any] = {
        "function_name": given("function_name"),
        "model_name": given("model_name"),
        "episode_id": given("episode_id"),
        "namespace": given("namespace"),
        "input": read_input(body["input"]).wire(),
        "stream": given("stream"),
        "params": given("params", {"chat_completion": {}}),
        "variant_name": given("variant_name"),
        "dryrun": given("dryrun"),
        "internal": given("internal", False),
        "tags": given("tags", {}),
    }
    whole |= {name: body[name] for name in _ONLY_WHERE_GIVEN if name in body}
    return whole | {
        "provider_tools": given("provider_tools", []),
        "output_schema": given("output_schema"),
        "credentials": given("credentials", {}),
        "cache_options": given("cache_options", {"max_age_s": None, "enabled": "off"}),
        "include_original_response": given("include_original_response", False),
        "include_raw_response": given("include_raw_response", False),
        "include_raw_usage": given("include_raw_usage", False),
        "include_aggregated_response": given("include_aggregated_response", False),
        "extra_body": given("extra_body", []),
        "extra_headers": given("extra_headers", []),
        "internal_dynamic_variant_config": given("internal_dynamic_variant_config"),
    }


def read_input(given: Mapping[str, Any]) -> Input:
    """The caller's `input`, copied and read: later changes to it do not reach what is returned.

    TypeError for what has no JSON form, `TensorZeroInternalError` where the shape is wrong.
    """
    usual = usual_input(given)
    if usual is not None:
        return usual
    try:
        return parse_input(plain(given, INPUT_TYPE))
    except InputShapeError as error:
        raise refused(TensorZeroInternalError(f"Failed to deserialize JSON to {INPUT_TYPE}: {error}")) from None
