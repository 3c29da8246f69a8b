"""A file as a part of an OpenAI message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.errors import BadRequest
from tensorzero.inputs.blocks import File
from tensorzero.inputs.file_types import AUDIO_TYPES, audio_format, suffix

Json = dict[str, Any]


def file_part(file: File, overrides: Mapping[str, str] | None = None) -> Json:
    """`image_url`, `input_audio` or `file`, by the file's type or as `overrides` say for it. Raises `BadRequest`.

    A file without data is passed on by its URL, which models take for images only.
    """
    if file.data is None and file.url is not None:
        return {"type": "image_url", "image_url": _with_detail({"url": file.url}, file)}
    mime = file.mime_type or "application/octet-stream"
    match (overrides or {}).get(mime) or _usual(mime):
        case "image_url":
            return {"type": "image_url", "image_url": _with_detail({"url": _inline(file, mime)}, file)}
        case "input_audio":
            return {"type": "input_audio", "input_audio": {"data": file.data, "format": _format(mime)}}
        case _:
            return {"type": "file", "file": {"file_data": _inline(file, mime), "filename": file.filename or _name(mime)}}


def _usual(mime: str) -> str:
    if mime.startswith("image/"):
        return "image_url"
    return "input_audio" if mime.startswith("audio/") else "file"


def _inline(file: File, mime: str) -> str:
    return f"data:{mime};base64,{file.data}"


def _format(mime: str) -> str:
    found = audio_format(mime)
    if found is None:
        raise BadRequest(
            f"Unsupported audio MIME type: {mime}. Supported types: {AUDIO_TYPES}. Please open a feature request if your "
            "provider supports another audio format: "
            "https://github.com/tensorzero/tensorzero/discussions/categories/feature-requests"
        )
    return found


def _name(mime: str) -> str:
    end = suffix(mime)
    if end is None:
        raise BadRequest(f"Mime type {mime} has no filetype suffix", hint="A `filename` on the file block makes one needless.")
    return f"input.{end}"


def _with_detail(image: Json, file: File) -> Json:
    if file.detail is not None:
        image["detail"] = file.detail
    return image
