"""What an inference is given: messages made of content blocks, before and after templates.

`stored()` is a block's JSON object as the original writes it to a row: null optional fields are left out, but for a thought's
`text` and a file's `source_url`. `wire()` is what the original's client sends to a gateway; where a block says nothing of its
own, the two are alike (observed 2026.6.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

import orjson

from tensorzero.inputs.file_types import suffix
from tensorzero.masking.reprs import discreet

Role = Literal["user", "assistant"]

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS
DISABLED_STORAGE: Mapping[str, Any] = {"type": "disabled"}


class _Block:
    __slots__ = ()

    def stored(self) -> dict[str, Any]:
        raise AssertionError("every block has its own")

    def wire(self) -> dict[str, Any]:
        return self.stored()


@dataclass(slots=True)
class Text(_Block):
    type: ClassVar[str] = "text"
    text: str

    def stored(self) -> dict[str, Any]:
        return {"type": "text", "text": self.text}


@dataclass(slots=True)
class Template(_Block):
    type: ClassVar[str] = "template"
    name: str
    arguments: dict[str, Any]

    def stored(self) -> dict[str, Any]:
        return {"type": "template", "name": self.name, "arguments": self.arguments}


@dataclass(slots=True)
class RawText(_Block):
    """Text that neither a schema nor a template touches."""

    type: ClassVar[str] = "raw_text"
    value: str

    def stored(self) -> dict[str, Any]:
        return {"type": "raw_text", "value": self.value}


@dataclass(slots=True)
class ToolCall(_Block):
    """`arguments` is always text, JSON or not.

    `answered`: the parsed name and arguments of a call that is given back as a response had it. They count for nothing, and
    travel along.
    """

    type: ClassVar[str] = "tool_call"
    id: str
    name: str
    arguments: str
    answered: tuple[str | None, Any] | None = field(default=None, repr=False, compare=False)

    def stored(self) -> dict[str, Any]:
        return {"type": "tool_call", "id": self.id, "name": self.name, "arguments": self.arguments}

    def wire(self) -> dict[str, Any]:
        if self.answered is None:
            return self.stored()
        name, arguments = self.answered
        raw = {"raw_name": self.name, "raw_arguments": self.arguments}
        return {"type": "tool_call", "id": self.id, **raw, "name": name, "arguments": arguments}


@dataclass(slots=True)
class ToolResult(_Block):
    type: ClassVar[str] = "tool_result"
    name: str
    result: str
    id: str

    def stored(self) -> dict[str, Any]:
        return {"type": "tool_result", "name": self.name, "result": self.result, "id": self.id}


@dataclass(slots=True)
class Thought(_Block):
    """`provider_type`: only providers of this type see the block; every provider does where it is None."""

    type: ClassVar[str] = "thought"
    text: str | None = None
    signature: str | None = None
    summary: list[dict[str, Any]] | None = None
    provider_type: str | None = None
    extra_data: Any = None

    def stored(self) -> dict[str, Any]:
        return {"type": "thought", "text": self.text, **_present(self, ("signature", "summary", "provider_type", "extra_data"))}


@discreet()
@dataclass(slots=True)
class File(_Block):
    """A URL, base64 data, or a place in object storage, by `file_type`.

    `url` is the source for `file_type` "url" and what the original calls `source_url` otherwise. `data` is base64 text.
    `fetched` is the same file with its data, once somebody has had to get that.
    """

    type: ClassVar[str] = "file"
    file_type: Literal["url", "base64", "object_storage_pointer", "object_storage"]
    url: str | None = None
    mime_type: str | None = None
    data: str | None = None
    detail: str | None = None
    filename: str | None = None
    storage_path: dict[str, Any] | None = None
    fetched: File | None = field(default=None, repr=False, compare=False)

    def stored(self) -> dict[str, Any]:
        if self.fetched is not None:
            return self.fetched.stored()
        stored: dict[str, Any] = {"type": "file", "source_url": self.url}
        stored["mime_type"] = self.mime_type or "application/octet-stream"
        # A file that could not be had lies nowhere, but readers want a path.
        stored["storage_path"] = self.storage_path or content_path(self.data or self.url or "", self.mime_type)
        return {**stored, **_present(self, ("detail", "filename"))}

    def wire(self) -> dict[str, Any]:
        sent: dict[str, Any] = {"type": "file", "file_type": self.file_type}
        sent["url" if self.file_type == "url" else "source_url"] = self.url
        sent["mime_type"] = self.mime_type
        stored = self.file_type == "object_storage"
        names = ("storage_path", "detail", "filename", "data") if stored else ("storage_path", "data", "detail", "filename")
        return {**sent, **_present(self, names)}


@dataclass(slots=True)
class Unknown(_Block):
    """A provider's own block, passed on verbatim to the model and provider that it names (None: to every one)."""

    type: ClassVar[str] = "unknown"
    data: Any
    model_name: str | None = None
    provider_name: str | None = None

    def stored(self) -> dict[str, Any]:
        return {"type": "unknown", "data": self.data, **_present(self, ("model_name", "provider_name"))}


RequestBlock: TypeAlias = Text | ToolCall | ToolResult | Thought | File | Unknown
InputBlock: TypeAlias = RequestBlock | Template | RawText


@dataclass(slots=True)
class InputMessage:
    role: Role
    content: tuple[InputBlock, ...]


@dataclass(slots=True)
class RequestMessage:
    """A message after templates: what a provider is given."""

    role: Role
    content: tuple[RequestBlock, ...]


@dataclass(slots=True)
class Input:
    """`system` is text, the arguments of the system template, or None. `usual`: each message is one text or template."""

    system: str | dict[str, Any] | None
    messages: tuple[InputMessage, ...]
    usual: bool = field(default=False, compare=False)

    def wire(self) -> dict[str, Any]:
        """The full form that goes over HTTP: every message's content a list of blocks."""
        sent: dict[str, Any] = {} if self.system is None else {"system": self.system}
        sent["messages"] = [{"role": m.role, "content": [block.wire() for block in m.content]} for m in self.messages]
        return sent

    def stored_json(self) -> str:
        """The `input` column of an inference row."""
        stored: dict[str, Any] = {} if self.system is None else {"system": self.system}
        stored["messages"] = _stored_messages(self.messages)
        return _json(stored)


def stored_messages_json(messages: tuple[RequestMessage, ...]) -> str:
    """The `input_messages` column of a model inference row."""
    return _json(_stored_messages(messages))


def content_path(data: str, mime_type: str | None, kind: Mapping[str, Any] = DISABLED_STORAGE) -> dict[str, Any]:
    """Where base64 `data` lies in a store of this `kind`, which is addressed by content.

    The hash is that of the base64 text, not of the bytes that it stands for (observed 2026.6.0).
    """
    import blake3

    name = blake3.blake3(data.encode("utf-8", "surrogatepass")).hexdigest()
    end = suffix(mime_type or "application/octet-stream")
    return {"kind": dict(kind), "path": f"observability/files/{name}" + (f".{end}" if end else "")}


def _stored_messages(messages: tuple[InputMessage, ...] | tuple[RequestMessage, ...]) -> list[dict[str, Any]]:
    return [{"role": m.role, "content": [block.stored() for block in m.content]} for m in messages]


def _present(block: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(block, name)) is not None}


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, option=_OPTIONS).decode()
    except TypeError:  # integers beyond 64 bits, subclasses of str
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
