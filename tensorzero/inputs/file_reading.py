"""File and image blocks of an input: URLs, base64 data and places in object storage."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Literal, cast

from tensorzero.inputs.blocks import File
from tensorzero.inputs.file_types import sniffed
from tensorzero.runtime.urls import normal_url


class BlockError(ValueError):
    """Why a content block is not one."""


_NO_MATCH = "data did not match any variant of untagged enum FileTaggedOrUntagged"
_WORD = "[A-Za-z0-9!#$%&'+.^_`|~-]"
_QUOTED = r'"(?:\\[\x20-~]|[\x20!#-\[\]-~])*"'
_MIME = re.compile(rf"{_WORD}+/{_WORD}*(?: *;(?: *{_WORD}+=(?:{_QUOTED}|{_WORD}*))?)* *\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNTAGGED = ("url", "base64", "object_storage_pointer", "object_storage")
_DETAILS = (None, "low", "high", "auto")


def parse_file(raw: dict[str, Any]) -> File:
    """A file block by its `file_type`, or by the first form that its fields fit. Raises BlockError."""
    kind = raw.get("file_type")
    for name in (kind, *_UNTAGGED) if kind in _UNTAGGED else _UNTAGGED:
        file = _file(name, raw)
        if file is not None:
            return file
    raise BlockError(_NO_MATCH)


def _file(kind: Literal["url", "base64", "object_storage_pointer", "object_storage"], raw: dict[str, Any]) -> File | None:
    mime, detail, filename = raw.get("mime_type"), raw.get("detail"), raw.get("filename")
    if detail not in _DETAILS or not _text_or_none(filename) or not _text_or_none(mime):
        return None
    if mime is not None and not _MIME.match(mime):
        return None
    mime = None if mime is None else _plain_mime(cast(str, mime))
    if kind == "url":
        url = _url(raw.get("url"))
        return None if url is None else File("url", url, mime, None, detail, filename)
    data, place = raw.get("data"), raw.get("storage_path")
    if kind == "base64":
        return File("base64", None, _mime_of(data, mime), data, detail, filename) if isinstance(data, str) else None
    path, source = _storage_path(place), _url(raw.get("source_url"))
    if mime is None or path is None:
        return None
    if kind == "object_storage_pointer":
        return File(kind, source, mime, None, detail, filename, path)
    return File(kind, source, mime, data, detail, filename, path) if isinstance(data, str) else None


def _plain_mime(mime: str) -> str:
    lower = mime.lower()
    return lower if "=" in lower else lower.rstrip(" ;")


def _mime_of(data: str, mime: str | None) -> str:
    if data.startswith("data:"):
        raise BlockError(
            "Invalid base64 data prefix: The `data` field must not contain `data:` prefix. "
            "Data should be pure base64-encoded content only."
        )
    if mime is not None:
        return mime
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise BlockError("Invalid base64 data: Failed to decode base64 data: failed to decode base64") from None
    found = sniffed(content)
    if found is not None:
        return found
    raise BlockError("Invalid mime type: No mime type provided and unable to infer from data")


def _text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _storage_path(value: Any) -> dict[str, Any] | None:
    """The place in its one spelling, with nothing but what belongs to it; None for what is no place."""
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    kind, path = _storage_kind(fields.get("kind")), fields.get("path")
    if kind is None or not isinstance(path, str):
        return None
    path = path.removeprefix("/").removesuffix("/")
    if path and (_CONTROL.search(path) or not {"", ".", ".."}.isdisjoint(path.split("/"))):
        return None
    return {"kind": kind, "path": path}


def _storage_kind(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    name = fields.get("type")
    if name == "disabled":
        return {"type": name}
    if name == "filesystem":
        return {"type": name, "path": fields["path"]} if isinstance(fields.get("path"), str) else None
    if name != "s3_compatible":
        return None
    kind = {key: fields.get(key) for key in ("bucket_name", "region", "endpoint", "allow_http")}
    fits = all(map(_text_or_none, list(kind.values())[:3])) and (
        kind["allow_http"] is None or isinstance(kind["allow_http"], bool)
    )
    return {"type": name, **kind} if fits else None


def _url(value: Any) -> str | None:
    return normal_url(value) if isinstance(value, str) else None
