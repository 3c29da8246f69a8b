"""The next step after an argument that cannot be read, from the words of the refusal, which are the original's."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

_INPUT = 'input={"messages": [{"role": "user", "content": "…"}]}'
_BLOCK = '{"type": "text", "text": "…"}'
_MESSAGE = '{"role": "user", "content": "…"}'
_TOOL = '{"name": "…", "description": "…", "parameters": {…}}'
_FILE_URL = '{"type": "file", "url": "https://…"}'
_FILE_DATA = '{"type": "file", "mime_type": "image/png", "data": "<base64>"}'
_NAMES = re.compile(r"`([^`]+)`")
_KINDS = {
    "f32": "a number",
    "u32": "a whole number from 0 to 4,294,967,295",
    "i32": "a whole number of 32 bits",
    "a string": "a text",
    "a sequence": "a list",
    "a map": "an object",
    "a boolean": "true or false",
}
_TYPES = {
    "PyString": "a str",
    "PyBool": "True or False",
    "PyDict": "a dict",
    "PyList": "a list",
    "Sequence": "a list or a tuple",
}
_OTHER_BLOCKS = {
    "image_url": '{"type": "image", "url": "https://…"}',
    "input_image": '{"type": "image", "url": "https://…"}',
    "input_text": _BLOCK,
    "output_text": _BLOCK,
    "input_audio": '{"type": "file", "mime_type": "audio/mpeg", "data": "<base64>"}',
    "tool_use": '{"type": "tool_call", "id": "…", "name": "…", "arguments": "{…}"}',
    "function_call": '{"type": "tool_call", "id": "…", "name": "…", "arguments": "{…}"}',
    "function_call_output": '{"type": "tool_result", "id": "…", "name": "…", "result": "…"}',
}


def argument_hint(message: str) -> str | None:
    """None where the words say it all."""
    for pattern, hint in _HINTS:
        match = pattern.search(message)
        if match is not None:
            return hint if isinstance(hint, str) else hint(match)
    return None


def _role(match: re.Match[str]) -> str:
    role = match[1]
    if role in ("system", "developer"):
        return 'The system text is no message: input={"system": "…", "messages": […]}'
    if role in ("tool", "function"):
        return (
            "What a tool returned is a block of a user's message: "
            '{"type": "tool_result", "id": "<of the call>", "name": "<of the tool>", "result": "…"}'
        )
    near = get_close_matches(role.lower(), ["user", "assistant"], 1)
    return f"Did you mean `{near[0]}`?" if near else "A message is the user's or the assistant's."


def _input_key(match: re.Match[str]) -> str:
    if match[1] in ("role", "content"):
        return f"A message stands in a list: {_INPUT}"
    near = get_close_matches(match[1], ["system", "messages"], 1)
    return f"Did you mean `{near[0]}`?" if near else f"The whole is {_INPUT}"


def _block_type(match: re.Match[str]) -> str | None:
    other = _OTHER_BLOCKS.get(match[1])
    return _nearest(match) if other is None else f"Here that is {other}"


def _nearest(match: re.Match[str]) -> str | None:
    near = get_close_matches(match[1], _NAMES.findall(match[2]), 1)
    return f"Did you mean `{near[0]}`?" if near else None


def _parameter(match: re.Match[str]) -> str:
    return f'Parameters of a chat completion: params={{"chat_completion": {{"{match[1]}": …}}}}'


def _kind(match: re.Match[str]) -> str | None:
    wanted = _KINDS.get(match[2])
    return None if wanted is None else f"`{match[1]}` takes {wanted}."


def _converted(match: re.Match[str]) -> str | None:
    if match[2] == "PyString" and match[1].endswith("s"):  # a part of it
        return f"Keys and names in `{match[1]}` are texts."
    wanted = _TYPES.get(match[2])
    return None if wanted is None else f"`{match[1]}` takes {wanted}."


_TABLE: tuple[tuple[str, str | Callable[[re.Match[str]], str | None]], ...] = (
    (r"argument 'input': '(?:str|list|tuple)' object", f"A text or messages alone are no input: {_INPUT}"),
    (r"argument 'tags': '\w+' object cannot be converted to 'PyString'", "Keys and values of `tags` are texts: str(…)."),
    (r"argument '(\w+)': '[^']*' object cannot be converted to '(\w+)'", _converted),
    (r"Failed to parse (\w+) as UUID", "An id is that of a response: `response.inference_id`, `response.episode_id`."),
    (r"Failed to parse tool_choice|ToolChoice: ", '`tool_choice={"specific": "<name>"}` makes a model call one tool.'),
    (r"Missing '\w+' in additional tool: .*\"function\"", f"An additional tool is not wrapped: {_TOOL}"),
    (r"Missing '\w+' in additional tool", f"An additional tool is {_TOOL}"),
    (r"recursion limit exceeded", "Lists and objects may lie in each other 127 levels deep."),
    (r"hex escape at line", "A text holds half of a character (a lone surrogate), which is no text in UTF-8."),
    (r"role: expected value", "A role is the text `user` or `assistant`."),
    (r"(?:Value|\]|[\w?]): expected value at", "NaN and infinities are no JSON."),
    (r"role: unknown variant `([^`]*)`, expected `user` or `assistant`", _role),
    (r"unknown field `([^`]*)`, expected `system` or `messages`", _input_key),
    (r"messages: invalid type: string", f"`messages` is a list: {_INPUT}"),
    (r"messages: invalid type", f"`messages` is a list of messages: {_INPUT}"),
    (r"messages\[\d+\]: (?:invalid type|missing field)", f"A message is {_MESSAGE}"),
    (r"unknown field `[^`]*`, expected `role` or `content`", f"A message is {_MESSAGE} and nothing else."),
    (r"content: invalid type: .* expected a string, object, or array", f"`content` is a text, or a list of blocks: {_BLOCK}"),
    (r"content\[\d+\]: (?:invalid type|TensorZeroDerive)", f"A block is an object with its type: {_BLOCK}"),
    (r"content\[\d+\]: unknown variant `([^`]*)`, expected (.*)", _block_type),
    (r"Unknown key `[^`]*` in text content", f'{_BLOCK}, or "arguments": {{…}} for a template.'),
    (r"Error deserializing `text`: invalid type", f"The text of a block is a str: {_BLOCK}"),
    (r"Error deserializing `arguments`: invalid type", 'Arguments of a template are an object: {"name": value}'),
    (r"untagged enum System", "`system` is a text, or an object of arguments for a template."),
    (r"untagged enum FileTaggedOrUntagged", f"A file is {_FILE_URL} or {_FILE_DATA}"),
    (r"Invalid base64 data", "The data of a file is base64 and nothing before it: `base64.b64encode(…).decode()`."),
    (r"unknown field `([^`]*)`, expected `chat_completion`", _parameter),
    (r"unknown (?:field|variant) `([^`]*)`, expected (.*)", _nearest),
    (r"(\w+): invalid type: .*, expected (f32|u32|i32|a string|a sequence|a map|a boolean) at", _kind),
)
_HINTS = [(re.compile(pattern), hint) for pattern, hint in _TABLE]
