"""What an answer should have been: a demonstration, checked as an output of the inference that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson

from tensorzero.gateway.config.sections import ToolConfig
from tensorzero.gateway.errors import BadRequest, GatewayError
from tensorzero.gateway.functions.tools import stored_tools
from tensorzero.gateway.schemas.validation import Schema, SchemaError
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.inputs.block_reading import BlockError, strict_fields
from tensorzero.parsing.words import unexpected, unexpected_content

_FORMS = (
    'A demonstration is a text, or a list of blocks: {"type": "text", "text": "…"} or '
    '{"type": "tool_call", "id": "…", "name": "…", "arguments": {…}}'
)


def demonstration(function_type: str, value: Any, row: Mapping[str, Any]) -> str:
    """The `value` column of a demonstration.

    `row`: what the inference's row says about its tools (`tool_params`, `dynamic_tools`) or its `output_schema`, so that
    neither a schema given with the call nor an older configuration is lost. Raises `BadRequest` for a value that does not fit.
    """
    if function_type == "json":
        return _json(json_demonstration(value, str(row.get("output_schema") or "")))
    return _json(chat_demonstration(value, stored_tools(row)))


def json_demonstration(value: Any, schema_text: str) -> dict[str, Any]:
    """`value` is the parsed output itself. Raises `GatewayError` where the stored schema does not compile."""
    try:
        schema = Schema(orjson.loads(schema_text))
    except orjson.JSONDecodeError:
        raise GatewayError("Failed to get output schema from demonstration result") from None
    try:
        fault = schema.validate(value)
    except SchemaError as error:
        raise GatewayError(str(error)) from None
    if fault is not None:
        raise BadRequest(
            f"Demonstration does not fit function output schema: {fault}",
            hint="A JSON function's demonstration is its output, as an object: `value={…}` of the schema above.",
        )
    return {"raw": _json(value), "parsed": value}


def chat_demonstration(value: Any, tools: ToolSettings) -> list[dict[str, Any]]:
    """`value` is text, or a list of text and tool call blocks; calls are of tools that the inference had."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    if not isinstance(value, list):
        raise BadRequest("Demonstration must be a string or an array of content blocks", hint=_FORMS)
    try:
        blocks = [_block(block) for block in cast("list[Any]", value)]
    except BlockError as error:
        raise BadRequest(f"Invalid demonstration content block: {error}", hint=_FORMS) from None
    return [_checked_call(block, tools) if block["type"] == "tool_call" else block for block in blocks]


def _block(block: Any) -> dict[str, Any]:
    if not isinstance(block, dict):
        raise BlockError(f"invalid type: {unexpected_content(block)}, expected object")
    fields = cast("dict[str, Any]", block)
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise BlockError("TensorZeroDerive: missing tag field `type`")
    if kind == "text":
        (text,) = strict_fields(fields, {"text": "a string"})
        return {"type": "text", "text": text}
    if kind == "tool_call":
        return _call(fields)
    raise BlockError(f"unknown variant `{kind}`, expected `text` or `tool_call`")


def _call(fields: dict[str, Any]) -> dict[str, Any]:
    """Keys that a tool call does not have are passed over, unlike those of a text."""
    for key, value in fields.items():
        if key in ("id", "name") and not isinstance(value, str):
            raise BlockError(f"{key}: invalid type: {unexpected(value)}, expected a string")
    for key in ("id", "name", "arguments"):
        if key not in fields:
            raise BlockError(f"missing field `{key}`")
    return {"type": "tool_call", "id": fields["id"], "name": fields["name"], "arguments": fields["arguments"]}


def _checked_call(block: dict[str, Any], tools: ToolSettings) -> dict[str, Any]:
    tool = tools.named(block["name"])
    if not isinstance(tool, ToolConfig):
        known = ", ".join(f"`{one.name}`" for one in tools.functions) or "none"
        raise BadRequest("Demonstration contains invalid tool name", hint=f"Tools of this inference: {known}.")
    fault = _fault(tool.parameters, block["arguments"])
    if fault is not None:
        raise BadRequest("Demonstration contains invalid tool call arguments", hint=fault)
    return {
        "type": "tool_call",
        "id": block["id"],
        "raw_name": tool.name,
        "raw_arguments": _json(block["arguments"]),
        "name": tool.name,
        "arguments": block["arguments"],
    }


def _fault(schema: Schema, arguments: Any) -> str | None:
    try:
        return schema.validate(arguments)
    except SchemaError as error:
        return str(error)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
