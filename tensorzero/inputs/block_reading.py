"""One content block of an input, from its JSON object. The reasons are the original's reader's own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import orjson

from tensorzero.inputs.blocks import InputBlock, RawText, Template, Text, Thought, ToolCall, ToolResult, Unknown
from tensorzero.inputs.file_reading import BlockError, parse_file
from tensorzero.parsing.words import unexpected, unexpected_content

__all__ = ["BlockError", "parse_block", "strict_fields"]

_TYPES = "`text`, `template`, `tool_call`, `tool_result`, `raw_text`, `thought`, `file`, `image`, `unknown`"
_LEGACY_MODEL, _LEGACY_PROVIDER = "tensorzero::model_name::", "::provider_name::"

Parsed = tuple["InputBlock | None", dict[str, Any]]


def parse_block(raw: dict[str, Any]) -> Parsed:
    """The block, or (None, arguments) for arguments of the template of its message's role. Raises BlockError."""
    kind = raw.get("type")
    if kind == "text":
        return _text(raw)
    if not isinstance(kind, str):
        raise BlockError("TensorZeroDerive: missing tag field `type`")
    parse = _PARSERS.get(kind)
    if parse is None:
        raise BlockError(f"unknown variant `{kind}`, expected one of {_TYPES}")
    return parse(raw), {}


def _text(raw: dict[str, Any]) -> Parsed:
    if len(raw) != 2:
        raise BlockError(f"Expected exactly one other key in text content, found {len(raw) - 1} other keys")
    if "text" in raw:
        text = raw["text"]
        if not isinstance(text, str):
            raise BlockError(f"Error deserializing `text`: invalid type: {unexpected(text)}, expected a string")
        return Text(text), {}
    if "arguments" in raw:
        arguments = raw["arguments"]
        if not isinstance(arguments, dict):
            raise BlockError(f"Error deserializing `arguments`: invalid type: {unexpected(arguments)}, expected a map")
        return None, cast("dict[str, Any]", arguments)
    key = next(key for key in raw if key != "type")
    raise BlockError(f"Unknown key `{key}` in text content")


def strict_fields(raw: dict[str, Any], kinds: dict[str, str]) -> list[Any]:
    """The values of exactly these fields, in this order; `kinds` says "a string" or "a map"."""
    for key, value in raw.items():
        expected = kinds.get(key)
        if expected is None:
            if key == "type":
                continue
            names = [f"`{name}`" for name in kinds]
            listed = f"one of {', '.join(names)}" if len(names) > 2 else " or ".join(names)
            raise BlockError(f"{key}: unknown field `{key}`, expected {listed}")
        if not isinstance(value, str if expected == "a string" else dict):
            raise BlockError(f"{key}: invalid type: {unexpected(value)}, expected {expected}")
    for name in kinds:
        if name not in raw:
            raise BlockError(f"missing field `{name}`")
    return [raw[name] for name in kinds]


def _template(raw: dict[str, Any]) -> Template:
    return Template(*strict_fields(raw, {"name": "a string", "arguments": "a map"}))


def _raw_text(raw: dict[str, Any]) -> RawText:
    return RawText(*strict_fields(raw, {"value": "a string"}))


def _tool_result(raw: dict[str, Any]) -> ToolResult:
    return ToolResult(*strict_fields(raw, {"name": "a string", "result": "a string", "id": "a string"}))


def _tool_call(raw: dict[str, Any]) -> ToolCall:
    """The plain shape if it matches, else the shape that responses have, whose parsed fields count for nothing."""
    identifier, name, arguments = raw.get("id"), raw.get("name"), raw.get("arguments")
    if isinstance(identifier, str):
        if isinstance(name, str) and isinstance(arguments, str):
            return ToolCall(identifier, name, arguments)
        if isinstance(name, str) and isinstance(arguments, dict):
            return ToolCall(identifier, name, _compact(arguments))
        raw_name, raw_arguments = raw.get("raw_name"), raw.get("raw_arguments")
        if isinstance(raw_name, str) and isinstance(raw_arguments, str) and (name is None or isinstance(name, str)):
            return ToolCall(identifier, raw_name, raw_arguments, (name, arguments))
    raise BlockError("data did not match any variant of untagged enum ToolCallWrapper")


def _thought(raw: dict[str, Any]) -> Thought:
    fields: dict[str, Any] = {}
    for key, value in raw.items():
        if key == "summary":
            fields["summary"] = _summary(value)
        elif key in ("text", "signature", "provider_type", "_internal_provider_type"):
            name = key.removeprefix("_internal_")
            if name in fields:
                raise BlockError(f"duplicate field `{name}`")
            fields[name] = _optional_text(key, value)
        elif key == "extra_data":
            fields["extra_data"] = value
    return Thought(**fields)


def _summary(raw: Any) -> list[dict[str, Any]] | None:
    if raw is None:
        return None
    if not isinstance(raw, (list, tuple)):
        raise BlockError(f"summary: invalid type: {unexpected(raw)}, expected a sequence")
    parts: list[dict[str, Any]] = []
    for index, part in enumerate(cast("list[Any]", raw)):
        where = f"summary.[{index}]: "
        if not isinstance(part, dict):
            raise BlockError(f"{where}invalid type: {unexpected_content(part)}, expected object")
        fields = cast("dict[str, Any]", part)
        kind = fields.get("type")
        if not isinstance(kind, str):
            raise BlockError(f"{where}TensorZeroDerive: missing tag field `type`")
        if kind != "summary_text":
            raise BlockError(f"{where}unknown variant `{kind}`, expected `summary_text`")
        if "text" not in fields:
            raise BlockError(f"{where}missing field `text`")
        if not isinstance(fields["text"], str):
            raise BlockError(f"{where}text: invalid type: {unexpected(fields['text'])}, expected a string")
        parts.append({"type": "summary_text", "text": fields["text"]})
    return parts


def _unknown(raw: dict[str, Any]) -> Unknown:
    names = {
        key: _optional_text(key, raw.get(key)) for key in raw if key in ("model_name", "provider_name", "model_provider_name")
    }
    if "data" not in raw:
        raise BlockError("missing field `data`")
    model, provider, legacy = names.get("model_name"), names.get("provider_name"), names.get("model_provider_name")
    if legacy is not None:
        if model is not None or provider is not None:
            raise BlockError("Cannot specify both `model_provider_name` and `model_name`/`provider_name`")
        if not legacy.startswith(_LEGACY_MODEL):
            raise BlockError(f"Invalid legacy `model_provider_name` format (missing prefix): {legacy}")
        model, separator, provider = legacy.removeprefix(_LEGACY_MODEL).rpartition(_LEGACY_PROVIDER)
        if not separator:
            raise BlockError(f"Invalid legacy `model_provider_name` format (missing provider_name): {legacy}")
    return Unknown(raw["data"], model, provider)


def _optional_text(key: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BlockError(f"{key}: invalid type: {unexpected(value)}, expected a string")
    return value


def _compact(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
    except TypeError:  # integers beyond 64 bits, subclasses of str
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_PARSERS: dict[str, Callable[[dict[str, Any]], InputBlock]] = {
    "template": _template,
    "tool_call": _tool_call,
    "tool_result": _tool_result,
    "raw_text": _raw_text,
    "thought": _thought,
    "file": parse_file,
    "image": parse_file,
    "unknown": _unknown,
}
