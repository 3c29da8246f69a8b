"""What the stages of one inference hand to each other.

Content that a provider returns stays plain JSON-able dicts, in the public shape except for tool calls, which are
`{"type", "id", "name", "arguments": "<text>"}` until `functions/` has checked them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from tensorzero.gateway.config.sections import ExtraBody, ExtraHeader
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.inputs.blocks import RequestMessage
from tensorzero.masking.reprs import discreet
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime

Block = dict[str, Any]


@dataclass(slots=True)
class Usage:
    """Tokens and cost of one or several model inferences; None where a provider did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    provider_cache_read_input_tokens: int | None = None
    provider_cache_write_input_tokens: int | None = None
    cost: float | None = None

    def public(self) -> dict[str, Any]:
        """As in a response: tokens and cost always, cache tokens where known."""
        shown: dict[str, Any] = {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens, "cost": self.cost}
        if self.provider_cache_read_input_tokens is not None:
            shown["provider_cache_read_input_tokens"] = self.provider_cache_read_input_tokens
        if self.provider_cache_write_input_tokens is not None:
            shown["provider_cache_write_input_tokens"] = self.provider_cache_write_input_tokens
        return shown

    def keep_largest(self, other: Usage) -> None:
        """Field-wise maximum: how several usages inside one stream combine."""
        for name in ("input_tokens", "output_tokens", "provider_cache_read_input_tokens", "provider_cache_write_input_tokens"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if theirs is not None and (mine is None or theirs > mine):
                setattr(self, name, theirs)


@discreet("variant_extra_headers", "extra_headers")
@dataclass(slots=True)
class ModelRequest:
    """What a provider is asked: rendered messages and merged parameters, unset ones absent from `params`.

    `json_mode` is None for free text; `tool` is not among its values, as that mode is a tool like others by now.
    """

    system: str | None
    messages: tuple[RequestMessage, ...]
    params: Mapping[str, Any]
    stream: bool
    variant_extra_body: Sequence[ExtraBody] = ()
    variant_extra_headers: Sequence[ExtraHeader] = ()
    extra_body: Sequence[ExtraBody] = ()
    extra_headers: Sequence[ExtraHeader] = ()
    tools: ToolSettings | None = None
    json_mode: Literal["on", "strict"] | None = None
    schema: Schema | None = None
    extra_cache_key: str | None = None  # keeps equal requests of one call apart in the cache
    usual: bool = field(default=False, compare=False)  # each message is one text


@discreet("credentials")
@dataclass(slots=True)
class ProviderCall:
    """One attempt at one provider."""

    runtime: Runtime
    request: ModelRequest
    credentials: Mapping[str, str]
    model_name: str
    model_inference_id: str
    deadline: Deadline | None  # a stream's changes after its first chunk
    timeout_s: float  # of every HTTP request
    read_timeout_s: float | None = None  # of every wait for its bytes


@discreet()
@dataclass(slots=True)
class ProviderResponse:
    content: list[Block]
    usage: Usage
    finish_reason: str | None
    raw_request: str
    raw_response: str
    raw_usage: Any = None
    latency_ms: int | None = None


class ProviderChunk(NamedTuple):
    """One upstream event: content chunks in the public shape, and what it said besides."""

    content: list[Block]
    raw: str
    usage: Usage | None = None
    finish_reason: str | None = None
    raw_usage: Any = None


@discreet()
@dataclass(slots=True)
class ModelInference:
    """One provider's answer with all that its row needs."""

    id: str
    model_name: str
    provider_name: str
    provider_type: str
    request: ModelRequest
    content: list[Block]
    usage: Usage
    finish_reason: str | None
    raw_request: str
    raw_response: str
    response_time_ms: int
    raw_usage: Any = None
    api_type: str = "chat_completions"
    ttft_ms: int | None = None
    cached: bool = False
    usage_id: str | None = None
    failed: Sequence[dict[str, Any]] = ()  # raw responses of attempts that failed before this one


@discreet()
@dataclass(slots=True)
class VariantResult:
    """What a variant made of a call.

    `output` is a chat function's list of public blocks, or a JSON function's `{"raw", "parsed"}`; `auxiliary` are the blocks
    of a JSON function's answer that are not its output. `original_response` is the body of the model that had the last word.
    """

    variant_name: str
    output: Any
    model_inferences: list[ModelInference]
    finish_reason: str | None
    params: Mapping[str, Any]
    auxiliary: list[Block] = field(default_factory=list)
    original_response: str | None = None
