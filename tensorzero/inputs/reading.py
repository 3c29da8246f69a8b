"""The one reader of `input`: from plain JSON values, or a caller's own objects, to messages of blocks.

It knows shapes and no configuration; what a function makes of an input is checked in tensorzero/gateway/functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tensorzero.inputs.block_reading import BlockError, parse_block
from tensorzero.inputs.blocks import Input, InputBlock, InputMessage, Role, Template, Text
from tensorzero.inputs.shape_errors import InputShapeError
from tensorzero.inputs.soundness import is_whole
from tensorzero.parsing.words import unexpected, unexpected_content

__all__ = ["Input", "InputShapeError", "parse_input", "usual_input"]

_ROLES = ("user", "assistant")
_INPUT_KEYS = frozenset(("system", "messages"))


def parse_input(raw: Any) -> Input:
    """`{"system"?, "messages"?}`, made of plain JSON values, as messages of blocks.

    Raises InputShapeError with the original's path and reason.
    """
    try:
        return _input(raw)
    except InputShapeError as error:
        error.locate(raw)
        raise


def usual_input(given: Mapping[str, Any]) -> Input | None:
    """The input of nearly every call, messages of a text or a block each, read at once from a caller's own objects.

    Later changes to them do not reach it. None for all else, which is to be copied and looked at closely.
    """
    raw, system = given.get("messages"), given.get("system")
    if type(raw) is not list or not given.keys() <= _INPUT_KEYS:
        return None
    messages: list[InputMessage] = []
    for message in cast("list[Any]", raw):
        if type(message) is not dict or len(message) != 2 or "role" not in message or "content" not in message:
            return None
        role, content = message["role"], message["content"]
        if type(role) is not str or (role != "user" and role != "assistant"):
            return None
        if type(content) is list and len(content) == 1:
            block = _usual_block(role, content[0])
        else:
            block = Text(content) if type(content) is str and (content.isascii() or is_whole(content)) else None
        if block is None:
            return None
        messages.append(InputMessage(role, (block,)))
    if type(system) is dict:
        system = _flat_copy(cast("dict[Any, Any]", system))
        if system is None:
            return None
    elif system is not None and not (type(system) is str and (system.isascii() or is_whole(system))):
        return None
    return Input(system, tuple(messages), usual=True)


def _usual_block(role: Role, block: Any) -> Text | Template | None:
    if type(block) is not dict or len(block) != 2 or "type" not in block or type(block["type"]) is not str:
        return None
    if block["type"] != "text":
        return None
    if "text" in block:
        text = block["text"]
        return Text(text) if type(text) is str and (text.isascii() or is_whole(text)) else None
    arguments = block.get("arguments")
    copy = _flat_copy(arguments) if type(arguments) is dict else None
    return None if copy is None else Template(role, copy)


def _flat_copy(arguments: dict[Any, Any]) -> dict[str, Any] | None:
    """Texts and lists of texts; None where there is anything else."""
    copy: dict[str, Any] = {}
    for key, value in arguments.items():
        if type(key) is not str or not key.isascii():
            return None
        if type(value) is list:
            for item in cast("list[Any]", value):
                if type(item) is not str or not (item.isascii() or is_whole(item)):
                    return None
            value = value.copy()
        elif type(value) is not str or not (value.isascii() or is_whole(value)):
            return None
        copy[key] = value
    return copy


def _input(raw: Any) -> Input:
    if not isinstance(raw, dict):
        raise InputShapeError(".", f"invalid type: {unexpected(raw)}, expected struct Input", (), "value")
    system: str | dict[str, Any] | None = None
    messages: tuple[InputMessage, ...] = ()
    fields: dict[str, Any] = raw
    for key, value in fields.items():
        if key == "messages":
            messages = _messages(value)
        elif key == "system":
            if value is not None and not isinstance(value, (str, dict)):
                reason = "data did not match any variant of untagged enum System"
                raise InputShapeError("system", reason, ("system",), "closed")
            system = value
        else:
            raise InputShapeError(key, f"unknown field `{key}`, expected `system` or `messages`", (key,), "key")
    return Input(system, messages)


def _messages(raw: Any) -> tuple[InputMessage, ...]:
    if not isinstance(raw, (list, tuple)):
        reason = f"invalid type: {unexpected(raw)}, expected a sequence"
        raise InputShapeError("messages", reason, ("messages",), "before" if isinstance(raw, dict) else "value")
    given: list[Any] = list(raw)
    return tuple([_message(message, index) for index, message in enumerate(given)])


def _message(raw: Any, index: int) -> InputMessage:
    path, steps = f"messages[{index}]", ("messages", index)
    if isinstance(raw, (list, tuple)):
        raw = _sequence_message(cast("list[Any]", raw), path, steps)
    if not isinstance(raw, dict):
        raise InputShapeError(path, f"invalid type: {unexpected(raw)}, expected struct Helper", steps, "value")
    fields = cast("dict[str, Any]", raw)
    role: Role | None = None
    content: Any = None
    deferred: Any = None
    for key, value in fields.items():
        if key == "role":
            role = _role(value, f"{path}.role", (*steps, "role"))
        elif key == "content":
            deferred = _content(value, path, steps)
            content = value
        else:
            raise InputShapeError(f"{path}.{key}", f"unknown field `{key}`, expected `role` or `content`", (*steps, key), "key")
    if role is None:
        raise InputShapeError(path, "missing field `role`", steps, "value")
    if deferred is None:
        raise InputShapeError(path, "missing field `content`", steps, "value")
    if isinstance(content, dict):
        return InputMessage(role, (Template(role, cast("dict[str, Any]", content)),))
    # Arguments given as text blocks name the template of their role, which may follow them in the object.
    return InputMessage(role, tuple(b if b is not None else Template(role, a) for b, a in deferred))


def _sequence_message(raw: list[Any], path: str, steps: tuple[str | int, ...]) -> dict[str, Any]:
    if len(raw) < 2:
        raise InputShapeError(path, f"invalid length {len(raw)}, expected struct Helper with 2 elements", steps, "value")
    if len(raw) > 2:
        raise InputShapeError(path, "trailing characters", (*steps, 2), "start")
    return {"role": raw[0], "content": raw[1]}


def _role(value: Any, path: str, steps: tuple[str | int, ...]) -> Role:
    if isinstance(value, dict) and len(cast("dict[str, Any]", value)) == 1:
        (name,) = cast("dict[str, Any]", value)
        if name in _ROLES and value[name] is None:
            return name
        raise InputShapeError(path, f"unknown variant `{name}`, expected `user` or `assistant`", (*steps, name), "key")
    if not isinstance(value, str):
        raise InputShapeError(path, "expected value", steps, "start")
    if value not in _ROLES:
        raise InputShapeError(path, f"unknown variant `{value}`, expected `user` or `assistant`", steps, "value")
    return value


def _content(raw: Any, path: str, steps: tuple[str | int, ...]) -> list[tuple[InputBlock | None, dict[str, Any]]]:
    """Blocks in order; (None, arguments) for arguments of the role's own template."""
    if isinstance(raw, str):
        return [(Text(raw), {})]
    if isinstance(raw, dict):
        return []
    path = f"{path}.content"
    if not isinstance(raw, (list, tuple)):
        reason = f"invalid type: {unexpected(raw)}, expected a string, object, or array"
        raise InputShapeError(path, reason, (*steps, "content"), "value")
    blocks: list[tuple[InputBlock | None, dict[str, Any]]] = []
    for index, block in enumerate(cast("list[Any]", raw)):
        if not isinstance(block, dict):
            reason = f"invalid type: {unexpected_content(block)}, expected object"
            raise InputShapeError(f"{path}[{index}]", reason, (*steps, "content", index), "closed")
        try:
            blocks.append(parse_block(cast("dict[str, Any]", block)))
        except BlockError as error:
            raise InputShapeError(f"{path}[{index}]", str(error), (*steps, "content", index), "closed") from None
    return blocks
