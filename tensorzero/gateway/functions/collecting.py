"""Chunks of a stream put together into the blocks that a plain answer would have had."""

from __future__ import annotations

from tensorzero.gateway.values import Block

_OF_A_THOUGHT = ("text", "signature", "summary_text")


class Collector:
    """Deltas of one (type, id) become one block, at the place of the first that was not empty.

    Of unknown blocks with one id the last counts (observed 2026.6.0).
    """

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], list[str]] = {}
        self._seen: dict[tuple[str, str], Block] = {}

    def add(self, content: list[Block]) -> None:
        for chunk in content:
            kind = chunk["type"]
            if kind == "text":
                text = chunk["text"]
                if text:
                    self._parts_of(kind, chunk).append(text)
            elif kind == "tool_call":
                self._add_tool_call(chunk)
            elif kind == "thought":
                if any(chunk.get(name) for name in _OF_A_THOUGHT):
                    self._add_thought(chunk)
            else:
                self._seen[kind, chunk["id"]] = {k: v for k, v in chunk.items() if k != "id"}

    def add_json(self, content: list[Block]) -> str | None:
        """A chunk of a JSON function, whose texts and tool arguments are one text, whatever their ids.

        Returns what the chunk adds to it: its last text or tool call, None where it has neither.
        """
        raw: str | None = None
        for chunk in content:
            if chunk["type"] == "text":
                raw = chunk["text"]
            elif chunk["type"] == "tool_call":
                raw = chunk["raw_arguments"]
        if raw is not None:
            self._parts_of("text", {"id": "0"}).append(raw)
        for chunk in content:
            if chunk["type"] == "thought" and any(chunk.get(name) is not None for name in _OF_A_THOUGHT):
                self._add_thought(chunk)
        return raw

    def _parts_of(self, kind: str, chunk: Block) -> list[str]:
        key = (kind, chunk["id"])
        parts = self._parts.get(key)
        if parts is None:
            parts = self._parts[key] = []
            self._seen[key] = {"type": kind}
        return parts

    def _add_tool_call(self, chunk: Block) -> None:
        parts = self._parts_of("tool_call", chunk)
        parts.append(chunk["raw_arguments"])
        if chunk["raw_name"]:
            self._seen["tool_call", chunk["id"]].setdefault("name", []).append(chunk["raw_name"])

    def _add_thought(self, chunk: Block) -> None:
        parts = self._parts_of("thought", chunk)
        if chunk.get("text") is not None:
            parts.append(chunk["text"])
        block = self._seen["thought", chunk["id"]]
        if chunk.get("summary_text") is not None:
            summary = block.setdefault("summary", {})  # by id, in order of coming
            summary.setdefault(chunk["summary_id"], []).append(chunk["summary_text"])
        for name in ("signature", "provider_type"):
            if chunk.get(name) is not None:
                block[name] = chunk[name]

    def content(self) -> list[Block]:
        """The blocks so far."""
        return [self._finished(key, block) for key, block in self._seen.items()]

    def _finished(self, key: tuple[str, str], block: Block) -> Block:
        kind, identifier = key
        parts = self._parts.get(key, [])
        text = "".join(parts)
        if kind == "text":
            return {"type": "text", "text": text}
        if kind == "tool_call":
            return {"type": "tool_call", "id": identifier, "name": "".join(block.get("name", ())), "arguments": text}
        if kind == "thought":
            return _thought(text if parts else None, block)
        return block


def _thought(text: str | None, block: Block) -> Block:
    found: Block = {"type": "thought", "text": text}
    if "signature" in block:
        found["signature"] = block["signature"]
    if "summary" in block:
        found["summary"] = [{"type": "summary_text", "text": "".join(parts)} for parts in block["summary"].values()]
    if "provider_type" in block:
        found["provider_type"] = block["provider_type"]
    return found
