"""A model request as the body of OpenAI's Responses API, keys in the original's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorzero.gateway.config.sections import ToolConfig
from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.floats import single
from tensorzero.gateway.functions.json_function import with_json_line
from tensorzero.gateway.providers.openai_files import file_part
from tensorzero.gateway.providers.openai_models import must_be_parallel
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.gateway.values import ModelRequest
from tensorzero.inputs.blocks import File, RequestMessage, Text, Thought, ToolCall, ToolResult, Unknown

Json = dict[str, Any]

_PARAMETERS = {
    "temperature": "temperature",
    "max_tokens": "max_output_tokens",
    "seed": "seed",
    "top_p": "top_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a provider's configuration adds to every request."""

    model: str
    provider_tools: tuple[Any, ...] = ()
    include_encrypted_reasoning: bool = False


def response_body(settings: Settings, request: ModelRequest, provider_tools: Sequence[Any] = ()) -> Json:
    """The whole body. `tools` and `stream` are always there; `provider_tools` are the call's own, whose scope fits."""
    body: Json = {"model": settings.model, "input": _input(request), "text": _text(request)}
    tools = request.tools
    body["tools"] = [*_tools(tools), *settings.provider_tools, *provider_tools]
    if tools is not None:
        if tools.parallel or (tools.parallel is False and not must_be_parallel(settings.model)):
            body["parallel_tool_calls"] = tools.parallel
        body["tool_choice"] = _tool_choice(tools)
    params = request.params
    for name, key in _PARAMETERS.items():
        value = params.get(name)
        if value is not None:
            body[key] = single(value) if isinstance(value, float) else value
    if settings.include_encrypted_reasoning:
        body["include"] = ["reasoning.encrypted_content"]
    if params.get("reasoning_effort") is not None:
        body["reasoning"] = {"effort": params["reasoning_effort"]}
    if params.get("service_tier") is not None:
        body["service_tier"] = params["service_tier"]
    body["stream"] = request.stream
    return body


def _text(request: ModelRequest) -> Json:
    text: Json = {"format": _format(request)}
    if request.params.get("verbosity") is not None:
        text["verbosity"] = request.params["verbosity"]
    return text


def _format(request: ModelRequest) -> Json:
    if request.json_mode is None:
        return {"type": "text"}
    if request.json_mode == "on" or request.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "name": "response_schema", "schema": request.schema.value, "strict": True}


def _tools(settings: ToolSettings | None) -> Iterable[Json]:
    if settings is None:
        return
    for tool in settings.functions:
        yield _function(tool)
    for tool in settings.custom:
        yield {"type": "custom", **tool.upstream()}


def _function(tool: ToolConfig) -> Json:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters.value,
        "strict": tool.strict,
    }


def _tool_choice(settings: ToolSettings) -> str | Json:
    """An explicit list of allowed tools goes before `none` and before a specific tool (observed 2026.6.0)."""
    choice = settings.choice
    if settings.explicit:
        return _allowed(settings.allowed, "required" if choice == "required" else "auto")
    return choice if isinstance(choice, str) else _allowed((choice["specific"],), "required")


def _allowed(names: Iterable[str], mode: str) -> Json:
    return {"mode": mode, "tools": [{"type": "function", "name": name} for name in names], "type": "allowed_tools"}


def _input(request: ModelRequest) -> list[Any]:
    found: list[Any] = []
    system = _system(request)
    if system is not None:
        found.append(_message("system", {"type": "input_text", "text": system}))
    for message in request.messages:
        items = _user(message) if message.role == "user" else _assistant(message)
        found.extend(items)
    return found


def _system(request: ModelRequest) -> str | None:
    """Of the messages only what a user wrote can make the line on JSON needless here (observed 2026.6.0)."""
    if request.json_mode != "on":
        return request.system
    users = (message for message in request.messages if message.role == "user")
    texts = (tuple(block for block in message.content if isinstance(block, Text)) for message in users)
    return with_json_line(request.system, [RequestMessage("user", content) for content in texts])


def _message(role: str, part: Json) -> Json:
    return {"type": "message", "role": role, "id": None, "content": [part]}


def _user(message: RequestMessage) -> Iterable[Any]:
    """An item a block, in order."""
    for block in message.content:
        match block:
            case Text():
                yield _message("user", {"type": "input_text", "text": block.text})
            case ToolResult():
                yield {"type": "function_call_output", "call_id": block.id, "output": block.result}
            case File():
                yield _message("user", _file(block))
            case Unknown():
                yield block.data
            case ToolCall():
                raise BadRequest("Tool calls are not supported in user messages")
            case Thought():
                continue


def _assistant(message: RequestMessage) -> Iterable[Any]:
    for block in message.content:
        match block:
            case Text():
                yield _message("assistant", {"type": "output_text", "text": block.text})
            case ToolCall():
                yield {"type": "function_call", "call_id": block.id, "name": block.name, "arguments": block.arguments}
            case Thought():
                yield from _reasoning(block)
            case Unknown():
                yield block.data
            case ToolResult():
                raise BadRequest("Tool results are not supported in assistant messages")
            case File():
                raise BadRequest("Files are not supported in assistant messages")


def _reasoning(thought: Thought) -> Iterable[Json]:
    """Only what is encrypted can be taken up again; a thought's own text stays here."""
    if thought.signature is None:
        return
    yield {"type": "reasoning", "encrypted_content": thought.signature, "summary": list(thought.summary or ())}


def _file(file: File) -> Json:
    part = file_part(file)
    content: Mapping[str, Any] = part[part["type"]]
    match part["type"]:
        case "image_url":
            detail = {"detail": content["detail"]} if "detail" in content else {}
            return {"type": "input_image", "image_url": content["url"], **detail}
        case "file":
            return {"type": "input_file", **content}
        case _:
            raise BadRequest(
                "Internal error: `prepare_file_message` produced an unexpected content block. This should never happen, "
                "please file a bug report at https://github.com/tensorzero/tensorzero/discussions/new?category=bug-reports",
                hint="The Responses API takes no audio; chat completions do, with a model that hears.",
            )
