"""`input` as it goes over the wire: every message's content a list of blocks, every block in its one full form.

The gateway takes all the short forms too; the original's client sends the full one (observed 2026.6.0).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, cast

import orjson

from tensorzero.clients.shapes import Path, WrongShapeError, kind, one_of, text, unknown_field

_ROLE = one_of("user", "assistant")
_TYPES = ("text", "template", "tool_call", "tool_result", "raw_text", "thought", "file", "image", "unknown")
_ABSOLUTE_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//[^/].*|[^/].*)", re.DOTALL)
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/x-flac"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
)


def wire_input(given: dict[str, Any]) -> dict[str, Any]:
    """The full form of an input made of plain values. Raises `WrongShapeError`."""
    for key in given:
        if key not in ("system", "messages"):
            raise unknown_field(key, (), ("system", "messages"))
    found: dict[str, Any] = {}
    system = given.get("system")
    if system is not None:
        if not isinstance(system, (str, dict)):
            raise WrongShapeError(("system",), "data did not match any variant of untagged enum System", past=1)
        found["system"] = system
    messages = given.get("messages", [])
    if not isinstance(messages, list):
        raise WrongShapeError(("messages",), f"invalid type: {kind(messages)}, expected a sequence")
    found["messages"] = [_message(item, ("messages", at)) for at, item in enumerate(cast("list[Any]", messages))]
    return found


def _message(given: Any, path: Path) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise WrongShapeError(path, f"invalid type: {kind(given)}, expected struct Helper")
    message = cast("dict[str, Any]", given)
    for key in message:
        if key not in ("role", "content"):
            raise unknown_field(key, path, ("role", "content"))
    for key in ("role", "content"):
        if key not in message:
            raise WrongShapeError(path, f"missing field `{key}`")
    role = _ROLE(message["role"], (*path, "role"))
    return {"role": role, "content": _content(message["content"], role, (*path, "content"))}


def _content(given: Any, role: str, path: Path) -> list[dict[str, Any]]:
    if isinstance(given, str):
        return [{"type": "text", "text": given}]
    if isinstance(given, dict):
        return [_template(role, given)]
    if not isinstance(given, list):
        raise WrongShapeError(path, f"invalid type: {kind(given)}, expected a string, object, or array")
    return [_whole_block(item, role, (*path, at)) for at, item in enumerate(cast("list[Any]", given))]


def _whole_block(given: Any, role: str, path: Path) -> dict[str, Any]:
    try:
        return _block(given, role, path)
    except WrongShapeError as wrong:
        raise wrong.within(path) from None


def _template(name: str, arguments: Any) -> dict[str, Any]:
    return {"type": "template", "name": name, "arguments": arguments}


def _block(given: Any, role: str, path: Path) -> dict[str, Any]:
    if not isinstance(given, dict):
        shown = "number" if isinstance(given, (int, float)) and not isinstance(given, bool) else kind(given)
        raise WrongShapeError(path, f"invalid type: {shown}, expected object")
    block = cast("dict[str, Any]", given)
    if "type" not in block:
        raise WrongShapeError(path, "TensorZeroDerive: missing tag field `type`")
    read = _BLOCKS.get(block["type"]) if isinstance(block["type"], str) else None
    if read is None:
        listed = ", ".join(f"`{name}`" for name in _TYPES)
        raise WrongShapeError(path, f"unknown variant `{block['type']}`, expected one of {listed}")
    return read(block, role, path)


def _text(block: dict[str, Any], role: str, path: Path) -> dict[str, Any]:
    if len(block) != 2:
        raise WrongShapeError(path, f"Expected exactly one other key in text content, found {len(block) - 1} other keys")
    if "arguments" in block:
        if not isinstance(block["arguments"], dict):
            raise WrongShapeError(
                path, f"Error deserializing `arguments`: invalid type: {kind(block['arguments'])}, expected a map"
            )
        return _template(role, block["arguments"])
    if "text" not in block:
        unknown = next(key for key in block if key != "type")
        raise WrongShapeError(path, f"Unknown key `{unknown}` in text content")
    if not isinstance(block["text"], str):
        raise WrongShapeError(path, f"Error deserializing `text`: invalid type: {kind(block['text'])}, expected a string")
    return {"type": "text", "text": block["text"]}


def _named_template(block: dict[str, Any], _role: str, path: Path) -> dict[str, Any]:
    _only(block, path, ("name", "arguments"))
    return _template(text(block["name"], (*path, "name")), block["arguments"])


def _raw_text(block: dict[str, Any], _role: str, path: Path) -> dict[str, Any]:
    _only(block, path, ("value",))
    return {"type": "raw_text", "value": text(block["value"], (*path, "value"))}


def _tool_call(block: dict[str, Any], _role: str, path: Path) -> dict[str, Any]:
    get = block.get
    call_id, name, arguments = get("id"), get("name"), get("arguments")
    if isinstance(call_id, str) and isinstance(name, str) and arguments is not None:
        sent = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
        return {"type": "tool_call", "id": call_id, "name": name, "arguments": sent}
    if not all(isinstance(get(key), str) for key in ("id", "raw_name", "raw_arguments")):
        raise WrongShapeError(path, "data did not match any variant of untagged enum ToolCallWrapper")
    return {
        "type": "tool_call",
        "id": call_id,
        "raw_name": get("raw_name"),
        "raw_arguments": get("raw_arguments"),
        "name": name,
        "arguments": arguments,
    }


def _tool_result(block: dict[str, Any], _role: str, path: Path) -> dict[str, Any]:
    _only(block, path, ("name", "result", "id"))
    return {"type": "tool_result"} | {key: text(block[key], (*path, key)) for key in ("name", "result", "id")}


def _thought(block: dict[str, Any], _role: str, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "thought", "text": block.get("text")}
    for key in ("signature", "summary", "provider_type", "extra_data"):
        if block.get(key) is not None:
            found[key] = block[key]
    if "summary" in found:
        if not isinstance(found["summary"], list):
            raise WrongShapeError((*path, "summary"), f"invalid type: {kind(found['summary'])}, expected a sequence")
        found["summary"] = [{"type": "summary_text", "text": part["text"]} for part in found["summary"]]
    return found


def _unknown(block: dict[str, Any], _role: str, path: Path) -> dict[str, Any]:
    if "data" not in block:
        raise WrongShapeError(path, "missing field `data`")
    found = {"type": "unknown", "data": block["data"]}
    for key in ("model_name", "provider_name"):
        if block.get(key) is not None:
            found[key] = block[key]
    return found


def _file(block: dict[str, Any], _role: str, path: Path) -> dict[str, Any]:
    if block.get("file_type") not in (None, "url", "base64"):
        return block
    found: dict[str, Any] = {"type": "file"}
    url, data = block.get("url"), block.get("data")
    if isinstance(url, str) and _ABSOLUTE_URL.fullmatch(url):
        found |= {"file_type": "url", "url": url, "mime_type": block.get("mime_type")}
    elif isinstance(data, str):
        mime_type = block.get("mime_type") or _mime_type(data, path)
        found |= {"file_type": "base64", "source_url": block.get("source_url"), "mime_type": mime_type, "data": data}
    else:
        raise WrongShapeError(path, "data did not match any variant of untagged enum FileTaggedOrUntagged")
    for key in ("detail", "filename"):
        if block.get(key) is not None:
            found[key] = block[key]
    return found


def _mime_type(data: str, path: Path) -> str:
    try:
        head = base64.b64decode(data, validate=True)[:16]
    except binascii.Error:
        raise WrongShapeError(path, "Invalid base64 data: Failed to decode base64 data: failed to decode base64") from None
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"WAVE"):
        return "image/webp" if head[8:12] == b"WEBP" else "audio/x-wav"
    if head[4:8] == b"ftyp":
        return "video/mp4"
    for magic, mime_type in _MAGIC:
        if head.startswith(magic):
            return mime_type
    raise WrongShapeError(path, "Invalid mime type: No mime type provided and unable to infer from data")


def _only(block: dict[str, Any], path: Path, names: tuple[str, ...]) -> None:
    for key in block:
        if key != "type" and key not in names:
            raise unknown_field(key, path, names)
    for name in names:
        if name not in block:
            raise WrongShapeError(path, f"missing field `{name}`")


_BLOCKS: dict[str, Callable[[dict[str, Any], str, Path], dict[str, Any]]] = {
    "text": _text,
    "template": _named_template,
    "tool_call": _tool_call,
    "tool_result": _tool_result,
    "raw_text": _raw_text,
    "thought": _thought,
    "file": _file,
    "image": _file,
    "unknown": _unknown,
}
