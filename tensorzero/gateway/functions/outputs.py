"""A model's content as callers get it and as it is stored with the inference."""

from __future__ import annotations

from typing import Any

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import ToolConfig
from tensorzero.gateway.functions.json_function import json_output, parsed
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.gateway.values import Block


def output_of(call: InferenceCall, content: list[Block], json_mode: str | None) -> tuple[Any, list[Block]]:
    """A chat function's blocks, or a JSON function's `{"raw", "parsed"}` with the blocks that are not in it."""
    if call.schema is not None and call.function.type == "json":
        return json_output(content, call.schema)
    return chat_output(content, call.tools, as_text=json_mode == "tool"), []


def chat_output(content: list[Block], tools: ToolSettings | None, *, as_text: bool = False) -> list[Block]:
    """Tool calls with their raw and their checked side. `as_text`: a call is the answer itself (JSON mode `tool`)."""
    for block in content:
        if block["type"] == "tool_call":
            break
    else:
        return content
    return [_call(block, tools, as_text) if block["type"] == "tool_call" else block for block in content]


def _call(block: Block, tools: ToolSettings | None, as_text: bool) -> Block:
    if as_text:
        return {"type": "text", "text": block["arguments"]}
    tool = tools.named(block["name"]) if tools is not None else None
    return {
        "type": "tool_call",
        "id": block["id"],
        "raw_name": block["name"],
        "raw_arguments": block["arguments"],
        "name": None if tool is None else tool.name,
        "arguments": parsed(block["arguments"], tool.parameters) if isinstance(tool, ToolConfig) else None,
    }
