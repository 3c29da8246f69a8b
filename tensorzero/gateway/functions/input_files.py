"""File and image blocks of an input: URLs, base64 data and places in object storage."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Literal, cast
from urllib.parse import quote

from tensorzero.gateway.functions.blocks import File
from tensorzero.gateway.functions.file_types import sniffed


class BlockError(ValueError):
    """Why a content block is not one."""


_NO_MATCH = "data did not match any variant of untagged enum FileTaggedOrUntagged"
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+*-]+(?:\s*;.*)?\Z")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)\Z", re.DOTALL)
_UNTAGGED = ("url", "base64", "object_storage_pointer", "object_storage")
_DETAILS = (None, "low", "high", "auto")
_SAFE = "!#$%&'()*+,/:;=?@[]~"


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
    mime = None if mime is None else cast(str, mime).lower()
    if kind == "url":
        url = _url(raw.get("url"))
        return None if url is None else File("url", url, mime, None, detail, filename)
    data, place = raw.get("data"), raw.get("storage_path")
    if kind == "base64":
        return File("base64", None, _mime_of(data, mime), data, detail, filename) if isinstance(data, str) else None
    if mime is None or not _is_storage_path(place):
        return None
    path, source = cast("dict[str, Any]", place), _url(raw.get("source_url"))
    if kind == "object_storage_pointer":
        return File(kind, source, mime, None, detail, filename, path)
    return File(kind, source, mime, data, detail, filename, path) if isinstance(data, str) else None


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


def _is_storage_path(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    fields = cast("dict[str, Any]", value)
    kind = fields.get("kind")
    return (
        isinstance(kind, dict)
        and isinstance(cast("dict[str, Any]", kind).get("type"), str)
        and isinstance(fields.get("path"), str)
    )


def _url(value: Any) -> str | None:
    """An absolute URL with its scheme and host in lower case and other than ASCII percent-encoded; None if it is none."""
    match = _URL.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    scheme, rest = match[1].lower(), match[2]
    if scheme not in ("http", "https", "ftp", "ws", "wss"):
        return f"{scheme}:{rest}"
    authority, slash, path = rest.lstrip("/\\").partition("/")
    host, mark, query = authority.partition("?")
    if not host:
        return None
    return f"{scheme}://{host.lower()}/" + quote(f"{mark}{query}{path if slash and not mark else slash + path}", safe=_SAFE)
