"""What a datapoint of a request comes to in its row: its input, its output and its tools, checked against the function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from tensorzero.gateway.config.sections import FunctionConfig
from tensorzero.gateway.endpoints.inference_request import DEFAULT_FUNCTION, call_files, nearest_hint
from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.functions.input_checks import validate_input
from tensorzero.gateway.functions.json_function import parsed
from tensorzero.gateway.functions.outputs import chat_output
from tensorzero.gateway.functions.tools import settle_tools, tool_columns
from tensorzero.gateway.request import Request
from tensorzero.gateway.schemas.validation import Schema, SchemaError
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.inputs.reading import parse_input

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

TOOL_FIELDS = ("additional_tools", "allowed_tools", "tool_choice", "parallel_tool_calls", "provider_tools")
_NO_TOOLS: Mapping[str, Any] = {
    "tool_params": "",
    "dynamic_tools": [],
    "dynamic_provider_tools": [],
    "allowed_tools": None,
    "tool_choice": None,
    "parallel_tool_calls": None,
}


def function_of(gateway: Gateway, name: str, kind: str) -> FunctionConfig:
    """The function of a datapoint of this `kind`. Raises `BadRequest` in the words of a dataset's own check."""
    if name == DEFAULT_FUNCTION:
        function = FunctionConfig(name, "chat", {})
    else:
        found = gateway.config.functions.get(name)
        if found is None:
            raise BadRequest(
                f"Unknown function: {name}", hint=nearest_hint(name, gateway.config.functions, "Configured functions")
            )
        function = found
    if function.type != kind:
        shown = "JSON" if kind == "json" else "chat"
        raise BadRequest(f"Function '{name}' is not configured as a {shown} function")
    return function


async def input_text(gateway: Gateway, request: Request, function: FunctionConfig, given: Any) -> str:
    """The column `input`; its files go to the object store. Raises `GatewayError`."""
    read = parse_input(given)
    if validate_input(function, read):
        files = call_files(gateway, read)
        if gateway.records:
            await files.store(request.runtime, request.deadline)
    return read.stored_json()


def tools_of(gateway: Gateway, function: FunctionConfig, fields: Mapping[str, Any]) -> ToolSettings | None:
    """The tools that a datapoint may use, None for none. Raises `BadRequest`."""
    given = {name: fields[name] for name in TOOL_FIELDS if fields.get(name) is not None}
    return settle_tools(function, gateway.config.tools, given)


def columns_of(settings: ToolSettings | None) -> dict[str, Any]:
    """The columns that say so."""
    return dict(_NO_TOOLS) if settings is None else tool_columns(settings)


def chat_output_text(output: Any, settings: ToolSettings | None) -> str | None:
    """The column `output` of blocks; tool calls are checked anew from what the model wrote, whatever else they say."""
    if output is None:
        return None
    blocks = [_raw_call(block) if block["type"] == "tool_call" else block for block in output]
    return orjson.dumps(chat_output(blocks, settings)).decode()


def _raw_call(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "tool_call", "id": block["id"], "name": block["raw_name"], "arguments": block["raw_arguments"]}


def json_output_text(output: Any, schema: Schema) -> str | None:
    """The column `output` of what the model wrote; `parsed` is None where it is no JSON or does not fit the schema."""
    if output is None:
        return None
    raw = output.get("raw")
    value = None if raw is None else parsed(raw, schema)
    return orjson.dumps({"raw": raw, "parsed": value}).decode()


def output_schema(function: FunctionConfig, given: Any) -> Schema:
    """That of the datapoint, else the function's. Raises `BadRequest` for one that does not compile."""
    return compiled_schema(given) if given is not None else function.output_schema or Schema({})


def compiled_schema(given: Any) -> Schema:
    """Raises `BadRequest`."""
    schema = Schema(given)
    try:
        schema.compile()
    except SchemaError as error:
        reason = str(error).removeprefix("Failed to compile JSON Schema: ")
        raise BadRequest(f"Error in compiling client-provided JSON schema: {reason}") from None
    return schema
