"""A better answer: the answer's own blocks as a person edits them, and what was edited as the value of a demonstration.

What can be a demonstration (observed 2026.6.0): of a chat function a text, or text and tool call blocks; of a JSON function the
JSON value itself. Thoughts and unknown blocks cannot, and are left out aloud.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tensorzero_notebook.keys import hide_keys
from tensorzero_notebook.views.text import joined


@dataclass(frozen=True, slots=True)
class DraftBlock:
    """`type`: text, tool_call or json. `text` is the text, the arguments or the value, as the model wrote it."""

    type: str
    text: str
    name: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a demonstration begins with. `left_out` names what of the answer cannot be in one."""

    kind: str
    blocks: tuple[DraftBlock, ...]
    left_out: str = ""

    def shown(self) -> dict[str, Any]:
        """The draft as the page gets it: JSON with line breaks, where it is JSON."""
        blocks: list[dict[str, Any]] = []
        for block in self.blocks:
            match block.type:
                case "tool_call":
                    blocks.append({"type": "tool_call", "name": _safe(block.name), "arguments": _safe(_indented(block.text))})
                case "json":
                    blocks.append({"type": "json", "text": _safe(_indented(block.text))})
                case _:
                    blocks.append({"type": "text", "text": _safe(block.text)})
        tools = list(dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_call"))
        return {"form": self.kind, "blocks": blocks, "left_out": self.left_out, "tools": tools}


class DraftError(ValueError):
    """What was edited is no demonstration."""


def draft_of(response: Any) -> Draft:
    """The draft for a `ChatInferenceResponse` or `JsonInferenceResponse`; of None, an empty text."""
    output = getattr(response, "output", None)
    if output is not None:
        raw = output.raw if output.raw is not None else json.dumps(output.parsed, ensure_ascii=False)
        return Draft("json", (DraftBlock("json", raw),))
    blocks: list[DraftBlock] = []
    left: list[str] = []
    for block in getattr(response, "content", None) or ():
        match block.type:
            case "text":
                blocks.append(DraftBlock("text", block.text or ""))
            case "tool_call":
                name, given = block.raw_name or block.name or "", block.raw_arguments
                blocks.append(DraftBlock("tool_call", json.dumps(block.arguments) if given is None else given, name, block.id))
            case kind:
                left.append(kind)
    return Draft("chat", tuple(blocks) or (DraftBlock("text", ""),), _left_out(left))


def value_of(draft: Draft, edited: Sequence[Any]) -> Any:
    """The value to store. `edited`: block by block `{"kept": index}`, or the block as the page has it, with `of` the index of
    the block it was made of. Raises `DraftError`.
    """
    blocks = [_edited(draft, part) for part in edited if isinstance(part, Mapping)]
    if draft.kind == "json":
        if len(blocks) != 1:
            raise DraftError("A JSON function's answer is one value.")
        return _json(blocks[0].text, "The answer")
    if not blocks or all(block.type == "text" and not block.text.strip() for block in blocks):
        raise DraftError("Nothing is written yet.")
    if len(blocks) == 1 and blocks[0].type == "text":
        return blocks[0].text
    return [_stored(block) for block in blocks]


def demonstration_text(value: Any) -> str:
    """A demonstration's value in words: texts, and tool calls as `name(arguments)`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(
        isinstance(block, Mapping) and block.get("type") in ("text", "tool_call") for block in value
    ):
        return "\n".join(
            str(block.get("text")) if block["type"] == "text" else f"{block.get('name')}({_compact(block.get('arguments'))})"
            for block in value
        )
    return _compact(value)


def _edited(draft: Draft, part: Mapping[str, Any]) -> DraftBlock:
    kept = _block(draft, part.get("kept"))
    if kept is not None:
        return kept
    before = _block(draft, part.get("of"))
    if part.get("type") == "tool_call":
        identifier = before.id if before is not None and before.id else f"call_{uuid4().hex}"
        return DraftBlock("tool_call", str(part.get("arguments", "")), str(part.get("name", "")), identifier)
    return DraftBlock("json" if draft.kind == "json" else "text", str(part.get("text", "")))


def _block(draft: Draft, index: Any) -> DraftBlock | None:
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(draft.blocks):
        return None
    return draft.blocks[index]


def _stored(block: DraftBlock) -> dict[str, Any]:
    if block.type == "text":
        return {"type": "text", "text": block.text}
    if not block.name.strip():
        raise DraftError("A tool call needs the tool's name.")
    arguments = _json(block.text, f"The arguments of {block.name}")
    return {"type": "tool_call", "id": block.id, "name": block.name, "arguments": arguments}


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise DraftError(f"{what} must be JSON: {error}") from None


def _safe(text: str) -> str:
    """What may go to a page, and can."""
    return hide_keys(joined(text))


def _no_json(name: str) -> Any:
    raise ValueError(f"{name} is none of its numbers")


def _indented(text: str) -> str:
    """With line breaks, where that changes nothing else; text that is no JSON as it is."""
    try:
        value = json.loads(text, parse_float=_Written, parse_int=_Written)
        return _written(value, "") if isinstance(value, (dict, list)) and value else text
    except (ValueError, RecursionError):
        return text


class _Written(str):
    """A number as it was written: 1.10 stays 1.10."""

    __slots__ = ()


def _written(value: Any, margin: str) -> str:
    deeper = margin + "  "
    if isinstance(value, dict) and value:
        lines = [f"{deeper}{json.dumps(name, ensure_ascii=False)}: {_written(part, deeper)}" for name, part in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(deeper + _written(part, deeper) for part in value) + f"\n{margin}]"
    return value if isinstance(value, _Written) else json.dumps(value, ensure_ascii=False)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _left_out(kinds: Sequence[str]) -> str:
    if not kinds:
        return ""
    words = {"thought": "thought", "unknown": "unknown block"}
    counted = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    named = [f"{count} {words.get(kind, kind)}{'s' if count > 1 else ''}" for kind, count in counted.items()]
    return f"Not part of a demonstration: {', '.join(named)}."
