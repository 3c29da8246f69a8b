"""Public values: content blocks, responses, chunks, their readers, and the exceptions.

All are plain mutable dataclasses, equal by value. Field order is part of the interface: positional construction works.
"""

from __future__ import annotations

import json
import warnings
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, cast
from uuid import UUID, SafeUUID

import uuid_utils
from typing_extensions import NotRequired

from tensorzero.omit_type import OMIT, OmitType

if TYPE_CHECKING:
    import httpx

__all__ = ["OMIT", "UUID", "OmitType", "uuid_utils"]  # importable from here as well; the rest is public by its name

ApiType = Literal["chat_completions", "responses", "embeddings"]
Detail = Literal["low", "high", "auto"]
System = str | dict[str, Any]
ToolChoice = Literal["auto", "required", "off"] | dict[Literal["specific"], str]  # the gateway takes "none", not "off"


@dataclass
class Usage:
    """Tokens and money of one answer. `cost` is in the currency of the configuration, where prices are configured."""

    input_tokens: int
    output_tokens: int
    provider_cache_read_input_tokens: int | None = None
    provider_cache_write_input_tokens: int | None = None
    cost: float | None = None


@dataclass
class RawUsageEntry:
    """What one provider call said about its usage, unchanged."""

    model_inference_id: UUID
    provider_type: str
    api_type: ApiType
    data: dict[str, Any] | None = None


@dataclass
class RawResponseEntry:
    """The body text of one provider call; a failed attempt has no `model_inference_id`."""

    provider_type: str
    api_type: ApiType
    data: str
    model_inference_id: UUID | None = None


class HasTypeField(Protocol):
    type: str


@dataclass
class ContentBlock(ABC, HasTypeField):
    """One part of a message or of an answer; `type` says which."""


@dataclass
class Template(ContentBlock):
    """The arguments of a named template."""

    name: str
    arguments: Any
    type: str = "template"


@dataclass
class Text(ContentBlock):
    """Text, or (older style) the arguments of the role's template: exactly one of the two."""

    text: str | None = None
    arguments: Any | None = None
    type: str = "text"

    def __post_init__(self) -> None:
        if self.text is None and self.arguments is None:
            raise ValueError("Either `text` or `arguments` must be provided.")
        if self.text is not None and self.arguments is not None:
            raise ValueError("Only one of `text` or `arguments` must be provided.")
        if self.text is not None and not isinstance(self.text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            warnings.warn(
                'Please use `ContentBlock(type="text", arguments=...)` when providing arguments for a prompt template/schema. '
                'In a future release, `Text(type="text", text=...)` will require a string literal.',
                DeprecationWarning,
                stacklevel=3,
            )

    def to_dict(self) -> dict[str, Any]:
        """As JSON: `text` or `arguments`."""
        if self.text is None:
            if self.arguments is None:
                raise ValueError("Either `text` or `arguments` must be provided.")
            return {"type": "text", "arguments": self.arguments}
        if isinstance(self.text, dict):
            return {"type": "text", "arguments": self.text}
        return {"type": "text", "text": self.text}


@dataclass
class RawText(ContentBlock):
    """Text that no template and no schema touches."""

    value: str
    type: str = "raw_text"


@dataclass
class ImageBase64(ContentBlock):
    """An image in the message, in base64. `FileBase64` is the newer name."""

    data: str | None
    mime_type: str | None = None
    type: str = "image"


@dataclass
class FileBase64(ContentBlock):
    """A file in the message: its data in base64, its MIME type, its name."""

    data: str | None
    mime_type: str | None = None
    type: str = "file"


@dataclass
class ImageUrl(ContentBlock):
    """An image by its URL. `FileUrl` is the newer name."""

    url: str
    mime_type: str | None = None
    detail: Detail | None = None
    type: str = "image"


@dataclass
class FileUrl(ContentBlock):
    """A file that the gateway fetches, or hands on, by its URL."""

    url: str
    type: str = "file"


@dataclass
class ToolCall(ContentBlock):
    """`name` and `arguments` are None where the model's own (`raw_*`) did not pass the tool's check."""

    id: str
    raw_arguments: str
    raw_name: str
    arguments: dict[str, Any] | None = None
    name: str | None = None
    type: str = "tool_call"

    def to_dict(self) -> dict[str, Any]:
        """As JSON, as an input takes it."""
        found: dict[str, Any] = {
            "id": self.id,
            "raw_arguments": self.raw_arguments,
            "raw_name": self.raw_name,
            "type": self.type,
        }
        if self.arguments is not None:
            found["arguments"] = self.arguments
        if self.name is not None:
            found["name"] = self.name
        return found


@dataclass
class ThoughtSummaryBlock:
    text: str
    type: str = "summary_text"


@dataclass
class Thought(ContentBlock):
    """A model's reasoning. `type` is the second field."""

    text: str | None = None
    type: str = "thought"
    signature: str | None = None
    summary: list[ThoughtSummaryBlock] | None = None
    provider_type: str | None = None


@dataclass
class ToolResult(ContentBlock):
    """What a tool returned, for the call with this `id`."""

    name: str
    result: str
    id: str
    type: str = "tool_result"


@dataclass
class UnknownContentBlock(ContentBlock):
    """A block that only one provider understands, passed on as it is."""

    data: Any
    model_name: str | None = None
    provider_name: str | None = None
    type: str = "unknown"


class FinishReason(str, Enum):  # as a StrEnum, str() would give the value; users see `FinishReason.STOP`
    """Why a model stopped."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    TOOL_CALL = "tool_call"
    CONTENT_FILTER = "content_filter"
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return f"FinishReason.{self.name}"

    def __format__(self, format_spec: str) -> str:
        return format(str(self), format_spec)  # the same on every Python version


@dataclass
class JsonInferenceOutput:
    """What a JSON function answered: the model's text, and its value where the text passed the output schema."""

    raw: str | None = None
    parsed: dict[str, Any] | None = None


@dataclass
class ChatInferenceResponse:
    """The answer of a chat function or of a model: content blocks."""

    inference_id: UUID
    episode_id: UUID
    variant_name: str
    content: list[ContentBlock]
    usage: Usage
    raw_usage: list[RawUsageEntry] | None = None
    raw_response: list[RawResponseEntry] | None = None
    finish_reason: FinishReason | None = None
    original_response: str | None = None


@dataclass
class JsonInferenceResponse:
    """The answer of a JSON function: `output.raw`, and `output.parsed` where it fits the schema."""

    inference_id: UUID
    episode_id: UUID
    variant_name: str
    output: JsonInferenceOutput
    usage: Usage
    raw_usage: list[RawUsageEntry] | None = None
    raw_response: list[RawResponseEntry] | None = None
    finish_reason: FinishReason | None = None
    original_response: str | None = None


class Message(TypedDict):
    """One message of an input: a role, and a text or content blocks."""

    role: Literal["user", "assistant"]
    content: Any


class InferenceInput(TypedDict):
    """`input` of an inference: a system and messages, both optional."""

    messages: NotRequired[list[Message]]
    system: NotRequired[System]


InferenceResponse = ChatInferenceResponse | JsonInferenceResponse


@dataclass
class ContentBlockChunk(ABC, HasTypeField):
    """A piece of a content block; pieces with the same `id` belong together."""


@dataclass
class TextChunk(ContentBlockChunk):
    """A piece of a text."""

    id: str
    text: str
    type: str = "text"


@dataclass
class ToolCallChunk(ContentBlockChunk):
    """A piece of a tool call: `raw_arguments` adds to those before with the same `id`."""

    id: str
    raw_arguments: str
    raw_name: str
    type: str = "tool_call"


@dataclass
class ThoughtChunk(ContentBlockChunk):
    """`provider_type` is always None in what a gateway sends (observed 2026.6.0)."""

    id: str
    text: str | None
    type: str = "thought"
    signature: str | None = None
    summary_id: str | None = None
    summary_text: str | None = None
    provider_type: str | None = None


@dataclass
class UnknownChunk(ContentBlockChunk):
    id: str
    data: Any
    type: str = "unknown"


@dataclass
class ChatChunk:
    """One step of a chat stream. The last one has no content, but usage and finish reason."""

    inference_id: UUID
    episode_id: UUID
    variant_name: str
    content: list[ContentBlockChunk]
    usage: Usage | None = None
    raw_usage: list[RawUsageEntry] | None = None
    raw_response: list[RawResponseEntry] | None = None
    finish_reason: FinishReason | None = None
    original_chunk: str | None = None
    raw_chunk: str | None = None


@dataclass
class JsonChunk:
    """One step of a JSON function's stream. The last one has `raw=""`, usage and finish reason."""

    inference_id: UUID
    episode_id: UUID
    variant_name: str
    raw: str
    usage: Usage | None = None
    raw_usage: list[RawUsageEntry] | None = None
    raw_response: list[RawResponseEntry] | None = None
    finish_reason: FinishReason | None = None
    original_chunk: str | None = None
    raw_chunk: str | None = None


InferenceChunk = ChatChunk | JsonChunk


@dataclass
class FeedbackResponse:
    """The id under which the feedback is stored."""

    feedback_id: UUID


@dataclass
class WorkflowEvaluationRunResponse:
    """The id of the run: pass it to `workflow_evaluation_run_episode`."""

    run_id: UUID


@dataclass
class WorkflowEvaluationRunEpisodeResponse:
    """The id of the episode: pass it to `inference`."""

    episode_id: UUID


@dataclass
class ChatDatapointInsert:
    """A datapoint of a chat function, for `bulk_insert_datapoints`."""

    function_name: str
    input: InferenceInput
    output: Any | None = None
    allowed_tools: list[str] | None = None
    additional_tools: list[Any] | None = None
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    tags: dict[str, str] | None = None
    name: str | None = None


@dataclass
class JsonDatapointInsert:
    """A datapoint of a JSON function, for `bulk_insert_datapoints`."""

    function_name: str
    input: InferenceInput
    output: Any | None = None
    output_schema: Any | None = None
    tags: dict[str, str] | None = None
    name: str | None = None


@dataclass
class Tool:
    """A function that a model may call: name, description, JSON schema of its parameters."""

    description: str
    parameters: Any
    name: str
    strict: bool


@dataclass
class ToolParams:
    """The tools of a stored inference, and how they might be called."""

    tools_available: list[Tool]
    tool_choice: str
    parallel_tool_calls: bool | None = None


@dataclass
class OrderBy:
    """What stored inferences are ordered by."""

    by: Literal["timestamp", "metric"]
    name: str | None = None
    direction: Literal["ascending", "descending"] = "descending"


class EvaluatorStatsDict(TypedDict):
    """What `summary_stats` says of one evaluator. `stderr` is 0 below two values."""

    mean: float
    stderr: float
    count: int


def parse_content_block(block: dict[str, Any]) -> ContentBlock:
    """A block of an answer. KeyError for a missing field, ValueError for an unknown type."""
    kind = block["type"]
    if kind == "text":
        return Text(text=block["text"], type=kind)
    if kind == "tool_call":
        return ToolCall(block["id"], block["raw_arguments"], block["raw_name"], block.get("arguments"), block.get("name"), kind)
    if kind == "thought":
        summary = block.get("summary")
        blocks = [ThoughtSummaryBlock(text=part["text"]) for part in summary] if summary else None
        return Thought(block.get("text"), kind, block.get("signature"), blocks, block.get("provider_type"))
    if kind == "unknown":
        return UnknownContentBlock(block["data"], block.get("model_name"), block.get("provider_name"))
    raise ValueError(f"Unknown content block type: {block}")


def parse_content_block_chunk(block: dict[str, Any]) -> ContentBlockChunk:
    """A piece of a block. KeyError for a missing field, ValueError for an unknown type."""
    kind = block["type"]
    if kind == "text":
        return TextChunk(block["id"], block["text"], kind)
    if kind == "tool_call":
        return ToolCallChunk(block["id"], block["raw_arguments"], block["raw_name"], kind)
    if kind == "thought":
        return ThoughtChunk(
            block["id"],
            block.get("text"),
            kind,
            block.get("signature"),
            block.get("summary_id"),
            block.get("summary_text"),
        )
    if kind == "unknown":
        return UnknownChunk(block["id"], block["data"], kind)
    raise ValueError(f"Unknown content block type: {block}")


def parse_raw_usage_entry(entry: dict[str, Any]) -> RawUsageEntry:
    return RawUsageEntry(_uuid(entry["model_inference_id"]), entry["provider_type"], entry["api_type"], entry.get("data"))


def parse_raw_usage(raw_usage_data: list[dict[str, Any]] | None) -> list[RawUsageEntry] | None:
    return None if raw_usage_data is None else [parse_raw_usage_entry(entry) for entry in raw_usage_data]


def parse_raw_response_entry(entry: dict[str, Any]) -> RawResponseEntry:
    found = entry.get("model_inference_id")
    return RawResponseEntry(entry["provider_type"], entry["api_type"], entry["data"], _uuid(found) if found else None)


def parse_raw_response(raw_response_data: list[dict[str, Any]] | None) -> list[RawResponseEntry] | None:
    return None if raw_response_data is None else [parse_raw_response_entry(entry) for entry in raw_response_data]


def parse_inference_response(data: dict[str, Any]) -> InferenceResponse:
    """A whole answer: of a chat function if `content` is a list, of a JSON function if `output` is an object."""
    get = data.get
    content = get("content")
    output = get("output")
    if not isinstance(content, list) and not isinstance(output, dict):
        raise ValueError("Unable to determine response type")  # noqa: TRY004  # the original's exception
    finish_reason = get("finish_reason")
    rest = (
        Usage(**data["usage"]),
        parse_raw_usage(get("raw_usage")),
        parse_raw_response(get("raw_response")),
        _finish_reason(finish_reason) if finish_reason else None,
        get("original_response"),
    )
    inference_id, episode_id = _uuid(data["inference_id"]), _uuid(data["episode_id"])
    if isinstance(content, list):
        blocks = [parse_content_block(block) for block in cast("list[dict[str, Any]]", content)]
        return ChatInferenceResponse(inference_id, episode_id, data["variant_name"], blocks, *rest)
    value = cast("dict[str, Any]", output)
    answer = JsonInferenceOutput(value.get("raw"), value.get("parsed"))
    return JsonInferenceResponse(inference_id, episode_id, data["variant_name"], answer, *rest)


def parse_inference_chunk(chunk: dict[str, Any]) -> InferenceChunk:
    """One chunk of a stream: chat if it has `content`, JSON if it has `raw`."""
    if "content" not in chunk and "raw" not in chunk:
        raise ValueError(f"Unable to determine response type: {chunk}")
    return _chunk(chunk, _uuid(chunk["inference_id"]), _uuid(chunk["episode_id"]))


class ChunkReader:
    """`parse_inference_chunk` for the chunks of one stream: their two ids are read once."""

    __slots__ = ("_episode_id", "_episode_text", "_inference_id", "_inference_text")

    def __init__(self) -> None:
        self._inference_text = self._episode_text = ""
        self._inference_id = self._episode_id = _NIL

    def __call__(self, chunk: dict[str, Any]) -> InferenceChunk:
        inference_text, episode_text = chunk["inference_id"], chunk["episode_id"]
        if inference_text != self._inference_text:
            self._inference_id, self._inference_text = _uuid(inference_text), inference_text
        if episode_text != self._episode_text:
            self._episode_id, self._episode_text = _uuid(episode_text), episode_text
        return _chunk(chunk, self._inference_id, self._episode_id)


def _chunk(chunk: dict[str, Any], inference_id: UUID, episode_id: UUID) -> InferenceChunk:
    get = chunk.get
    finish_reason = get("finish_reason")
    usage, raw_usage, raw_response = get("usage"), get("raw_usage"), get("raw_response")
    rest = (
        Usage(**usage) if usage is not None else None,
        parse_raw_usage(raw_usage) if raw_usage is not None else None,
        parse_raw_response(raw_response) if raw_response is not None else None,
        _finish_reason(finish_reason) if finish_reason else None,
        get("original_chunk"),
        get("raw_chunk"),
    )
    if "content" in chunk:
        blocks = [parse_content_block_chunk(block) for block in chunk["content"]]
        return ChatChunk(inference_id, episode_id, chunk["variant_name"], blocks, *rest)
    if "raw" in chunk:
        return JsonChunk(inference_id, episode_id, chunk["variant_name"], chunk["raw"], *rest)
    raise ValueError(f"Unable to determine response type: {chunk}")


def _finish_reason(text: str) -> FinishReason:
    return _FINISH_REASONS.get(text) or FinishReason(text)


_FINISH_REASONS = {reason.value: reason for reason in FinishReason}


def parse_workflow_evaluation_run_response(data: dict[str, Any]) -> WorkflowEvaluationRunResponse:
    return WorkflowEvaluationRunResponse(_uuid(data["run_id"]))


def parse_workflow_evaluation_run_episode_response(data: dict[str, Any]) -> WorkflowEvaluationRunEpisodeResponse:
    return WorkflowEvaluationRunEpisodeResponse(_uuid(data["episode_id"]))


def _uuid(text: Any) -> UUID:
    """Replies carry two or more ids each; the usual spelling is read in half the time that `UUID` takes."""
    if type(text) is not str or len(text) != 36:
        return text if isinstance(text, UUID) else UUID(text)
    found = _new(UUID)
    _set_int(found, int(text.replace("-", ""), 16))
    _set_is_safe(found, _UNKNOWN)
    return found


_new, _UNKNOWN = object.__new__, SafeUUID.unknown
_set_int, _set_is_safe = UUID.int.__set__, UUID.is_safe.__set__  # type: ignore[attr-defined]  # slots, which UUID guards
_NIL = UUID(int=0)


class BaseTensorZeroError(Exception):
    """The parent of both exceptions. `hint`, where there is one, says what to do next. No text shows a known key."""

    hint: str | None = None

    def __init__(self) -> None:
        super().__init__()


class TensorZeroInternalError(BaseTensorZeroError):
    """The gateway could not be asked, or answered something that is not an answer."""

    def __init__(self, msg: str) -> None:
        from tensorzero.masking.chain import worded

        self.msg = worded(msg)
        Exception.__init__(self, self.msg)

    def __str__(self) -> str:
        return self.msg


class TensorZeroError(BaseTensorZeroError):
    """The gateway refused or failed: an HTTP status and its JSON body as text."""

    def __init__(self, status_code: int, text: str | None = None) -> None:
        from tensorzero.masking.chain import worded

        self.status_code = status_code
        self.text = worded(text)
        if not self.args:  # made by keywords, and still to be pickled
            self.args = (status_code, text)
        self.args = tuple(self.text if value is text else worded(value) for value in self.args)

    @property
    def response(self) -> httpx.Response:
        """Deprecated: the same as an `httpx.Response`."""
        warnings.warn(
            "TensorZeroError.response is deprecated - use '.text' and '.status_code' instead",
            DeprecationWarning,
            stacklevel=2,
        )
        import httpx

        return httpx.Response(status_code=self.status_code, text=self.text)

    def __str__(self) -> str:
        return f"TensorZeroError (status code {self.status_code}): {self.text}"


class TensorZeroTypeEncoder(json.JSONEncoder):
    """JSON for what callers pass in: ids as text, `to_dict` where there is one, dataclasses without `OMIT` fields."""

    def default(self, o: Any) -> Any:
        """The JSON-able form of one object; TypeError for what has none."""
        if isinstance(o, (UUID, uuid_utils.UUID)):
            return str(o)
        if not isinstance(o, type):
            if hasattr(o, "to_dict"):
                return o.to_dict()
            if is_dataclass(o):
                values = ((field.name, getattr(o, field.name)) for field in fields(o))
                return {name: self._convert_value(value) for name, value in values if not isinstance(value, OmitType)}
        return super().default(o)

    def _convert_value(self, value: Any) -> Any:
        if isinstance(value, (str, int, float)) or value is None:
            return value
        if isinstance(value, Mapping):
            return {key: self._convert_value(item) for key, item in cast("Mapping[Any, Any]", value).items()}
        if isinstance(value, (list, tuple)):
            return [self._convert_value(item) for item in cast("list[Any]", value)]
        return self.default(value)
