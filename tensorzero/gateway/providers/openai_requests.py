"""A model request as the body of OpenAI's chat completions, keys in the original's order."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from tensorzero.gateway.config.sections import ToolConfig
from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.floats import single
from tensorzero.gateway.functions.json_function import with_json_line
from tensorzero.gateway.providers.openai_files import file_part
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.gateway.values import ModelRequest
from tensorzero.inputs.blocks import (
    File,
    RequestBlock,
    RequestMessage,
    Text,
    Thought,
    ToolCall,
    ToolResult,
    Unknown,
)
from tensorzero.masking.reprs import Hidden

Json = dict[str, Any]

_BEFORE_STREAM = {
    "temperature": "temperature",
    "max_tokens": "max_completion_tokens",
    "seed": "seed",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_AFTER_STREAM = {
    "stop_sequences": "stop",
    "reasoning_effort": "reasoning_effort",
    "service_tier": "service_tier",
    "verbosity": "verbosity",
}


def endpoint(base: str, path: str) -> str:
    """`path` below `base`, whose query, fragment, user and password are not for it (observed 2026.6.0)."""
    plain = base.partition("#")[0].partition("?")[0]
    start, authority, below = _split(plain)
    url = f"{start}{authority.rpartition('@')[2]}{below}"
    return f"{url}{'' if url.endswith('/') else '/'}{path}"


def login_of(base: str) -> str | None:
    """The user and password of an `api_base` as the value of `authorization`, which is how they travel (observed 2026.6.0).

    In a URL they would be seen in every error and log.
    """
    login, at, _ = _split(base)[1].rpartition("@")
    if not at or not login:
        return None
    user, _, password = login.partition(":")
    return Hidden(f"Basic {b64encode(unquote_to_bytes(user) + b':' + unquote_to_bytes(password)).decode()}")


def _split(url: str) -> tuple[str, str, str]:
    """What is before the authority, the authority, and the rest."""
    scheme, separator, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return scheme + separator, authority, rest[len(authority) :]


def request_body(model: str, request: ModelRequest, file_parts: Mapping[str, str] | None = None) -> Json:
    """The whole body. Unset parameters are left out; `stream` is always there.

    `file_parts`: which part (`image_url`, `input_audio`, `file`) carries files of a type, where it is not the usual one.
    """
    body: Json = {"messages": messages(request, file_parts), "model": model}
    if request.params:
        _add(body, request.params, _BEFORE_STREAM)
    body["stream"] = request.stream
    if request.stream:
        body["stream_options"] = {"include_usage": True}
    if request.json_mode is not None:
        body["response_format"] = _response_format(request)
    if request.tools is not None:
        _add_tools(body, request.tools)
    if request.params:
        _add(body, request.params, _AFTER_STREAM)
    return body


def _response_format(request: ModelRequest) -> Json:
    if request.json_mode == "on" or request.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "response", "strict": True, "schema": request.schema.value}}


def _add_tools(body: Json, settings: ToolSettings) -> None:
    """`tools`, `tool_choice` and `parallel_tool_calls`; nothing for a call that has provider tools only."""
    tools: list[Json] = [_function_tool(tool) for tool in settings.functions]
    tools += [{"type": "custom", "custom": tool.upstream()} for tool in settings.custom]
    if not tools:
        return
    body["tools"] = tools
    body["tool_choice"] = _tool_choice(settings)
    if settings.parallel is not None:
        body["parallel_tool_calls"] = settings.parallel


def _function_tool(tool: ToolConfig) -> Json:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters.value}
    return {"type": "function", "function": function, "strict": tool.strict}


def _tool_choice(settings: ToolSettings) -> str | Json:
    """An explicit list of allowed tools goes out as asked, keys and all, unless no tool may be called (observed 2026.6.0)."""
    choice = settings.choice
    if settings.explicit and choice != "none":
        tools = [{"type": "function", "function": {"name": name}} for name in settings.allowed]
        mode = "required" if choice == "required" else "auto"
        return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}
    if isinstance(choice, str):
        return choice
    return {"type": "function", "function": {"name": choice["specific"]}}


def _add(body: Json, params: Mapping[str, Any], names: Mapping[str, str]) -> None:
    for name, key in names.items():
        value = params.get(name)
        if value is not None:
            body[key] = single(value) if isinstance(value, float) else value


def messages(request: ModelRequest, file_parts: Mapping[str, str] | None = None) -> list[Json]:
    found: list[Json] = []
    system = with_json_line(request.system, request.messages) if request.json_mode == "on" else request.system
    if system is not None:
        found.append({"role": "system", "content": system})
    if request.usual:
        found += [{"role": message.role, "content": message.content[0].text} for message in request.messages]  # type: ignore[union-attr]
        return found
    for message in request.messages:
        content = message.content
        if len(content) == 1 and type(content[0]) is Text:
            found.append({"role": message.role, "content": content[0].text})
        elif message.role == "user":
            found.extend(_user(message, file_parts))
        else:
            found.extend(_assistant(message, file_parts))
    return found


def _user(message: RequestMessage, file_parts: Mapping[str, str] | None) -> Iterable[Json]:
    """Tool results first, each a message of its own; then what remains."""
    parts: list[RequestBlock] = []
    for block in message.content:
        match block:
            case ToolResult():
                yield {"role": "tool", "content": block.result, "tool_call_id": block.id}
            case ToolCall():
                raise BadRequest("Tool calls are not supported in user messages")
            case Thought():
                continue
            case _:
                parts.append(block)
    if parts:
        yield {"role": "user", "content": _content(parts, file_parts)}


def _assistant(message: RequestMessage, file_parts: Mapping[str, str] | None) -> Iterable[Json]:
    parts: list[RequestBlock] = []
    calls: list[Json] = []
    thoughts: list[str] = []
    for block in message.content:
        match block:
            case ToolCall():
                function = {"name": block.name, "arguments": block.arguments}
                calls.append({"id": block.id, "type": "function", "function": function})
            case ToolResult():
                raise BadRequest("Tool results are not supported in assistant messages")
            case Thought():
                if block.text is not None:
                    thoughts.append(block.text)
            case _:
                parts.append(block)
    answer: Json = {"role": "assistant"}
    if parts:
        answer["content"] = _content(parts, file_parts)
    if calls:
        answer["tool_calls"] = calls
    if not parts and not calls:
        return  # thoughts alone are no message (observed 2026.6.0)
    if thoughts:
        answer["reasoning_content"] = "\n\n".join(thoughts)
    yield answer


def _content(blocks: list[RequestBlock], file_parts: Mapping[str, str] | None) -> Any:
    """A text alone as text, anything else as a list."""
    only = blocks[0] if len(blocks) == 1 else None
    return only.text if isinstance(only, Text) else [_part(block, file_parts) for block in blocks]


def _part(block: RequestBlock, file_parts: Mapping[str, str] | None) -> Any:
    match block:
        case Text():
            return {"type": "text", "text": block.text}
        case Unknown():
            return block.data
        case File():
            return file_part(block, file_parts)
        case _:
            raise BadRequest(f"Unsupported content block: {type(block).__name__}")
