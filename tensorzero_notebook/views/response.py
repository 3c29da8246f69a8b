"""The response object that a stream adds up to."""

from __future__ import annotations

from typing import Any

from tensorzero.types import (
    ChatInferenceResponse,
    JsonInferenceOutput,
    JsonInferenceResponse,
    Text,
    Thought,
    ThoughtSummaryBlock,
    ToolCall,
    Usage,
)


class ResponseBuilder:
    """Gathers the chunks of one stream; `response()` is what the same call without `stream=True` would have returned.

    Tool call arguments stay raw: parsing them is the gateway's work.
    """

    def __init__(self) -> None:
        self._last: Any = None
        self._usage: Usage | None = None
        self._finish_reason: Any = None
        self._blocks: dict[tuple[str, str], dict[str, Any]] = {}
        self._raw: list[str] | None = None

    def add(self, chunk: Any) -> None:
        self._last = chunk
        self._usage = chunk.usage or self._usage
        self._finish_reason = chunk.finish_reason or self._finish_reason
        if not hasattr(chunk, "content"):
            self._raw = [] if self._raw is None else self._raw
            self._raw.append(chunk.raw or "")
            return
        for block in chunk.content:
            self._add_block(block)

    def response(self) -> ChatInferenceResponse | JsonInferenceResponse | None:
        """None when no chunk came: there is no inference id then."""
        if self._last is None:
            return None
        shared: dict[str, Any] = {
            "inference_id": self._last.inference_id,
            "episode_id": self._last.episode_id,
            "variant_name": self._last.variant_name,
            "usage": self._usage or Usage(input_tokens=0, output_tokens=0),
            "finish_reason": self._finish_reason,
        }
        if self._raw is not None:
            return JsonInferenceResponse(output=JsonInferenceOutput(raw="".join(self._raw)), **shared)
        return ChatInferenceResponse(content=[block for block in map(_content, self._blocks.values()) if block], **shared)

    def _add_block(self, block: Any) -> None:
        key = (block.type, str(getattr(block, "id", "")))
        held = self._blocks.setdefault(key, {"type": block.type, "id": key[1], "text": [], "name": []})
        match block.type:
            case "tool_call":
                held["text"].append(block.raw_arguments or "")
                held["name"].append(block.raw_name or "")
            case "text":
                held["text"].append(block.text or "")
            case "thought":
                _add_thought(held, block)
            case _:
                pass


def _add_thought(held: dict[str, Any], block: Any) -> None:
    """Its text, or parts of a summary by their ids, and the signature by which the model knows it again."""
    held["text"].append(block.text or "")
    held["signature"] = block.signature or held.get("signature")
    if block.summary_text is not None:
        summary = held.setdefault("summary", {})
        summary[block.summary_id] = summary.get(block.summary_id, "") + block.summary_text


def _content(block: dict[str, Any]) -> Any:
    text = "".join(block["text"])
    match block["type"]:
        case "text":
            return Text(text=text)
        case "thought":
            summary = [ThoughtSummaryBlock(part) for part in block.get("summary", {}).values()]
            return Thought(text=text or None, signature=block["signature"], summary=summary or None)
        case "tool_call":
            return ToolCall(id=block["id"], raw_arguments=text, raw_name="".join(block["name"]))
        case _:
            return None
