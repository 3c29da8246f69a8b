"""Which tools a call may use: the function's, the call's own, and what restricts them.

`allowed_tools` names configured tools by key, `tool_choice` names any tool by the name that models see. A call without any
tool has no settings at all, whatever else it asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tensorzero.gateway.config.sections import FunctionConfig, ToolConfig
from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.tool_settings import CustomTool, Tool, ToolSettings

_FIELDS = ("allowed_tools", "additional_tools", "parallel_tool_calls", "provider_tools", "tool_choice")  # in order of checks
_OTHER_FIELDS = frozenset(_FIELDS) - {"provider_tools"}  # a client's body always names that one
_WITH_POINT = ("allowed_tools", "additional_tools")
_JSON_FUNCTION_FIELDS = ("allowed_tools", "additional_tools", "tool_choice", "parallel_tool_calls")


def _asked_for(body: Mapping[str, Any]) -> bool:
    return bool(body.get("provider_tools")) or not _OTHER_FIELDS.isdisjoint(body)


def settle_tools(
    function: FunctionConfig, configured: Mapping[str, ToolConfig], body: Mapping[str, Any]
) -> ToolSettings | None:
    """The settings of a call, None without any tool. Raises `BadRequest` for names that do not exist or exist twice."""
    if not function.tools and isinstance(function.tool_choice, str) and not _asked_for(body):
        return None
    if function.type == "json":
        _refuse_for_json(body)
        return None
    dynamic = tuple(_dynamic_tool(tool) for tool in body.get("additional_tools") or ())
    allowed = body.get("allowed_tools")
    keys = _keys(function, configured, {tool.name for tool in dynamic}, allowed)
    if allowed is None:
        allowed = (*function.tools, *(tool.name for tool in dynamic))
    parallel = body.get("parallel_tool_calls")
    settings = ToolSettings(
        tuple(configured[key] for key in keys),
        dynamic,
        tuple(body.get("provider_tools") or ()),
        tuple(allowed),
        body.get("allowed_tools") is not None,
        function.tool_choice if body.get("tool_choice") is None else body["tool_choice"],
        function.parallel_tool_calls if parallel is None else parallel,
    )
    _check_names(settings)
    return settings if settings.tools or settings.dynamic or settings.provider_tools else None


def refuse_with_json_tool_mode(function: FunctionConfig, body: Mapping[str, Any]) -> None:
    """JSON mode `tool` of a chat function stands alone: its one tool is the answer. Raises `BadRequest`."""
    if function.tools:
        raise BadRequest("JSON mode `tool` is not supported with other tools configured.")
    if function.tool_choice != "auto":
        raise BadRequest("JSON mode `tool` is not supported with `tool_choice` configured in the function.")
    if function.parallel_tool_calls is not None:
        raise BadRequest("JSON mode `tool` is not supported with `parallel_tool_calls` configured in the function.")
    if body.get("output_schema") is None:
        raise BadRequest("JSON mode `tool` requires `output_schema`.")
    for name in _FIELDS:
        given = body.get(name)
        if given is not None and not (name == "provider_tools" and not given):
            raise BadRequest(f"Cannot pass `{name}` when using JSON mode `tool`.")


def _refuse_for_json(body: Mapping[str, Any]) -> None:
    for name in _JSON_FUNCTION_FIELDS:
        if body.get(name) is not None:
            raise BadRequest(f"Cannot pass `{name}` to a JSON function{'.' if name in _WITH_POINT else ''}")


def _dynamic_tool(given: Mapping[str, Any]) -> Tool:
    if given.get("type") == "openai_custom":
        return CustomTool(given["name"], given.get("description"), given.get("format"))
    schema = Schema(given["parameters"])
    return ToolConfig(given["name"], given["name"], given["description"], schema, bool(given.get("strict")))


def _keys(
    function: FunctionConfig, configured: Mapping[str, ToolConfig], dynamic: set[str], allowed: Sequence[str] | None
) -> list[str]:
    """The function's tools, and the configured ones that `allowed_tools` adds to them."""
    keys = list(function.tools)
    known = dynamic.union(keys)
    for name in allowed or ():
        if name in known:
            continue
        if name not in configured:
            raise _not_found(name, [*configured, *dynamic], "`allowed_tools` takes")
        keys.append(name)
        known.add(name)
    return keys


def _check_names(settings: ToolSettings) -> None:
    names: dict[str, None] = {}  # in order
    for tool in (*settings.tools, *settings.dynamic):
        if tool.name in names:
            raise BadRequest(f"Duplicate tool name: {tool.name}. Tool names must be unique.")
        names[tool.name] = None
    if not isinstance(settings.choice, str) and settings.choice["specific"] not in names:
        raise _not_found(settings.choice["specific"], list(names), "`tool_choice` takes")


def _not_found(name: str, known: Sequence[str], what: str) -> BadRequest:
    listed = ", ".join(f"`{one}`" for one in known) or "nothing: there are no tools"
    return BadRequest(f"Tool not found: {name}", hint=f"{what} {listed}.")


def tool_columns(settings: ToolSettings) -> dict[str, Any]:
    """The columns of a `ChatInference` row. `tool_params` is the copy for readers of older versions."""
    choice = settings.choice
    legacy = {
        "tools_available": [_described(tool) for tool in settings.functions],
        "tool_choice": choice,
        "parallel_tool_calls": settings.parallel,
    }
    allowed = {"tools": settings.allowed, "choice": "explicit" if settings.explicit else "function_default"}
    return {
        "tool_params": _json(legacy),
        "dynamic_tools": [_json(_stored(tool)) for tool in settings.dynamic],
        "dynamic_provider_tools": [
            _json({"scope": entry.get("scope"), "tool": entry["tool"]}) for entry in settings.provider_tools
        ],
        "allowed_tools": _json(allowed),
        "tool_choice": choice if isinstance(choice, str) else _json(choice),
        "parallel_tool_calls": settings.parallel,
    }


def stored_tools(row: Mapping[str, Any]) -> ToolSettings:
    """The tools of a stored inference, from its `tool_params`, or from `dynamic_tools` where that is empty."""
    legacy = row.get("tool_params")
    if legacy:
        return ToolSettings(dynamic=tuple(_dynamic_tool(tool) for tool in orjson.loads(legacy)["tools_available"]))
    return ToolSettings(dynamic=tuple(_dynamic_tool(orjson.loads(tool)) for tool in row.get("dynamic_tools") or ()))


def _described(tool: ToolConfig) -> dict[str, Any]:
    parameters = tool.parameters.value
    return {"description": tool.description, "parameters": parameters, "name": tool.name, "strict": tool.strict}


def _stored(tool: Tool) -> dict[str, Any]:
    if isinstance(tool, CustomTool):
        return {"type": "openai_custom", **tool.upstream()}
    return {"type": "function", **_described(tool)}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
