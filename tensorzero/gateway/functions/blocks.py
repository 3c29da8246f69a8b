"""What an input is made of. Slotted and cheap to build: one is made for every block of every call; nobody changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union

Role = Literal["user", "assistant"]


@dataclass(slots=True)
class TextBlock:
    text: str


@dataclass(slots=True)
class TemplateBlock:
    """Arguments for the variant's template of that name."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class RawTextBlock:
    """Text that meets neither schema nor template."""

    value: str


@dataclass(slots=True)
class ToolCallBlock:
    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class ToolResultBlock:
    id: str
    name: str
    result: str


@dataclass(slots=True)
class ThoughtBlock:
    text: str | None = None
    signature: str | None = None
    summary: list[dict[str, Any]] | None = None
    provider_type: str | None = None
    extra_data: Any = None


@dataclass(slots=True)
class FileBlock:
    """A file by URL (`url`), by content (`data`, base64) or by its place in object storage (`storage_path`)."""

    url: str | None = None
    data: str | None = None
    mime_type: str | None = None
    detail: str | None = None
    filename: str | None = None
    storage_path: Mapping[str, Any] | None = None


@dataclass(slots=True)
class UnknownBlock:
    """Passed on untouched, to the model and provider it names or to all."""

    data: Any
    model_name: str | None = None
    provider_name: str | None = None


RequestBlock = Union[TextBlock, ToolCallBlock, ToolResultBlock, ThoughtBlock, FileBlock, UnknownBlock]
InputBlock = Union[RequestBlock, TemplateBlock, RawTextBlock]


@dataclass(slots=True)
class InputMessage:
    role: Role
    content: tuple[InputBlock, ...]


@dataclass(slots=True)
class Input:
    """`system` is text, template arguments, or None where absent."""

    system: str | Mapping[str, Any] | None
    messages: tuple[InputMessage, ...]


@dataclass(slots=True)
class RequestMessage:
    """A message after templating: what a provider sees."""

    role: Role
    content: tuple[RequestBlock, ...]
