"""Answers in JSON: which mode, what it asks of a model, and what becomes of the answer.

A request's `json_mode` wins over the variant's; without either a JSON function is `strict` and a chat function has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from tensorzero.gateway.config.sections import ToolConfig
from tensorzero.gateway.schemas.validation import Schema, SchemaError
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.inputs.blocks import RequestMessage, Text, ToolResult
from tensorzero.parsing.json_fault import json_fault

_MAX_DEPTH = 127
_JSON_LINE = "Respond using JSON."
_ANYTHING = Schema({})
_RESPOND = ToolConfig("respond", "respond", "Respond to the user using the output schema provided.", _ANYTHING)

Blocks = list[dict[str, Any]]


def asked_mode(params: Mapping[str, Any]) -> str | None:
    """`json_mode` of a call, its older spelling translated."""
    mode = params.get("json_mode")
    return "tool" if mode == "implicit_tool" else mode


def respond_tool(schema: Schema | None) -> ToolSettings:
    """JSON mode `tool`: one tool whose arguments are the answer, and no choice but to call it."""
    return ToolSettings((replace(_RESPOND, parameters=schema or _ANYTHING),), choice={"specific": "respond"})


def with_json_line(system: str | None, messages: Iterable[RequestMessage]) -> str:
    """The system text of JSON mode `on`, which must mention JSON: a line more where there is no system text, or where neither
    it nor a message says "json" (observed 2026.6.0)."""
    if system is None:
        return _JSON_LINE
    if "json" in system.lower() or any("json" in text.lower() for message in messages for text in _texts(message)):
        return system
    return f"{_JSON_LINE}\n\n{system}"


def _texts(message: RequestMessage) -> Iterator[str]:
    for block in message.content:
        if isinstance(block, Text):
            yield block.text
        elif isinstance(block, ToolResult):
            yield block.result


def json_output(content: Blocks, schema: Schema) -> tuple[dict[str, Any], Blocks]:
    """`{"raw", "parsed"}` of the last text or tool call, and the other blocks.

    `parsed` is None for a text that is not JSON or does not fit; a bad answer is data, not an error.
    """
    for index in reversed(range(len(content))):
        block = content[index]
        if block["type"] in ("text", "tool_call"):
            raw = block["text"] if block["type"] == "text" else block["arguments"]
            return {"raw": raw, "parsed": parsed(raw, schema)}, content[:index] + content[index + 1 :]
    return {"raw": None, "parsed": None}, content


def parsed(text: str, schema: Schema) -> Any:
    """The value of a JSON text that fits `schema`, else None. A schema that does not compile fits nothing."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if text.count("{") + text.count("[") > _MAX_DEPTH and json_fault(text) is not None:
        return None
    try:
        return value if schema.is_valid(value) else None
    except SchemaError:
        return None
