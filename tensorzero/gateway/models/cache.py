"""Answers that were given before: looked up before a provider is asked, kept after it has answered.

An entry belongs to one model, provider and request. Whose call it was is not part of the key: neither the function's and
variant's names nor the episode, tags or credentials are. Nothing that goes wrong here fails a call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import orjson
from blake3 import blake3

from tensorzero.clickhouse.errors import StorageError
from tensorzero.clickhouse.queries.cache import short_key
from tensorzero.clickhouse.tables import CACHE_TABLE
from tensorzero.gateway.asking import ask_database
from tensorzero.gateway.call import CacheOptions
from tensorzero.gateway.config.sections import ToolConfig
from tensorzero.gateway.floats import single
from tensorzero.gateway.functions.json_function import parsed
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.gateway.values import Block, ProviderCall, ProviderChunk, Usage
from tensorzero.masking.reprs import discreet
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded

if TYPE_CHECKING:
    from tensorzero.gateway.providers.protocol import EmbeddingCall

logger = logging.getLogger("tensorzero")

_BROKEN = (StorageError, ValueError, TypeError, KeyError)  # what an unusable entry, key or database raises
LOOKUP_SECONDS = 3.0
"""How long a call waits for the cache, and never more than half of what its own limit leaves."""
HANGS_SECONDS, SILENCE_SECONDS = 0.5, 10.0
"""A cache that did not answer for that long is not asked again for a while: a thousand calls would each wait."""
_THOUGHT: Block = {"signature": None, "summary_id": None, "summary_text": None}  # which the original writes in any case
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS


@discreet()
@dataclass(slots=True)
class Entry:
    """One cached answer. `output` is JSON: the model's blocks, or a stream's chunks, or what an embedding stores."""

    output: str
    raw_request: str
    raw_response: str
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str | None


def cache_key(model_name: str, provider_name: str, request: Any) -> str:
    """64 hexadecimal digits. Raises TypeError for a request that has no JSON."""
    digest = blake3(f"{model_name}\0{provider_name}\0".encode("utf-8", "surrogatepass"))
    digest.update(orjson.dumps(request, default=_plain, option=_OPTIONS))
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.compare}
    if isinstance(value, Schema):
        return value.json
    if isinstance(value, Mapping):
        return dict(value)  # type: ignore[reportUnknownArgumentType]
    raise TypeError(f"{type(value).__name__} has no place in a cache key")


def key_of(options: CacheOptions, call: ProviderCall, provider_name: str, function_type: str) -> str | None:
    """The key of one attempt; None where it has none, and so no entry."""
    request = call.request
    if request.params:
        request = replace(request, params=_comparable(request.params))
    try:
        return cache_key(call.model_name, provider_name, [request, function_type, options.fetches_files])
    except _BROKEN as error:
        logger.warning("An inference cannot be cached: %s", error)
        return None


def _comparable(params: Mapping[str, Any]) -> dict[str, Any]:
    """Alike whether the call says them or its variant: 32-bit floats, and no `json_mode`, as what it comes to is elsewhere."""
    return {name: single(value) if isinstance(value, float) else value for name, value in params.items() if name != "json_mode"}


async def find(options: CacheOptions, key: str, call: ProviderCall | EmbeddingCall) -> Entry | None:
    """The newest entry that is young enough. None also where the database does not answer soon: a provider will."""
    now = time.monotonic()
    if now < options.silence.until:
        return None
    since = None if options.max_age_s is None else int(time.time()) - options.max_age_s
    seconds = LOOKUP_SECONDS if call.deadline is None else min(LOOKUP_SECONDS, call.deadline.remaining() / 2)
    patience = Deadline(now + seconds, TimeoutError)
    try:
        row = await ask_database(call.runtime, patience, options.database.find_cache_entry, key, since)
        return None if row is None else _entry(row)
    except DeadlineExceeded:
        if seconds >= HANGS_SECONDS:
            options.silence.until = time.monotonic() + SILENCE_SECONDS
        logger.warning("The inference cache did not answer within %.1f s: it counts as empty", seconds)
    except _BROKEN as error:
        logger.warning("The inference cache could not be read: %s", error)
    return None


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        str(row["output"]),
        str(row["raw_request"]),
        str(row["raw_response"]),
        row["input_tokens"],
        row["output_tokens"],
        row["finish_reason"],
    )


def store(options: CacheOptions, key: str, entry: Entry) -> None:
    """Write an entry; it counts from now on, wherever its row is."""
    row = {
        "short_cache_key": short_key(key),
        "long_cache_key": key,
        "timestamp": int(time.time()),
        "output": entry.output,
        "raw_request": entry.raw_request,
        "raw_response": entry.raw_response,
        "input_tokens": entry.input_tokens,
        "output_tokens": entry.output_tokens,
        "finish_reason": entry.finish_reason,
    }
    try:
        options.database.write([(CACHE_TABLE, row)])
    except StorageError as error:
        logger.warning("An answer could not be cached: %s", error)


def content_of(entry: Entry) -> list[Block] | None:
    """The blocks of a plain answer; None for an entry that holds none."""
    try:
        content = orjson.loads(entry.output)
    except ValueError:
        content = None
    if isinstance(content, list):
        return content  # type: ignore[reportUnknownVariableType]
    logger.warning("A cached answer cannot be read")
    return None


def vector_of(entry: Entry) -> list[float] | str | None:
    """The vector of an embedding; None for an entry that holds none."""
    try:
        vector: Any = orjson.loads(entry.output)
    except ValueError:
        vector = None
    if isinstance(vector, str):
        return vector
    if isinstance(vector, list) and all(isinstance(number, (int, float)) for number in cast("list[Any]", vector)):
        return cast("list[float]", vector)
    logger.warning("A cached embedding cannot be read")
    return None


def content_entry(content: list[Block], usage: Usage, finish_reason: str | None, raw_request: str, raw_response: str) -> Entry:
    output = orjson.dumps(content).decode()
    return Entry(output, raw_request, raw_response, usage.input_tokens, usage.output_tokens, finish_reason)


def is_sound(content: list[Block], tools: ToolSettings | None) -> bool:
    """Whether every tool call fits its tool; without tools, whether its arguments are JSON. Others are not kept."""
    for block in content:
        if block["type"] == "tool_call" and not _is_sound_call(block, tools):
            logger.warning("Not cached: the arguments of a call of tool `%s` are not valid", block["name"])
            return False
    return True


def _is_sound_call(block: Block, tools: ToolSettings | None) -> bool:
    if tools is not None:
        tool = tools.named(block["name"])
        if isinstance(tool, ToolConfig):
            return parsed(block["arguments"], tool.parameters) is not None
        return tool is not None
    try:
        orjson.loads(block["arguments"])
    except ValueError:
        return False
    return True


class StreamStore:
    """Collects a stream's chunks; `finish` makes them an entry, unless one of them was an error."""

    def __init__(self, options: CacheOptions, key: str) -> None:
        self._options = options
        self._key = key
        self._chunks: list[ProviderChunk] = []
        self._broken = False

    def add(self, batch: Sequence[Any]) -> None:
        for chunk in batch:
            if isinstance(chunk, ProviderChunk):
                self._chunks.append(chunk)
            else:
                self._broken = True

    def finish(self, raw_request: str, masked: Callable[[str], str]) -> None:
        """The stream has come to its end. As the original's, the entry has no raw response of its own (observed 2026.6.0).

        `masked`: an event's text without what it repeats of its request's secrets.
        """
        if self._broken:
            return
        usage, finish_reason = Usage(), None
        for chunk in self._chunks:
            if chunk.usage is not None:
                usage.keep_largest(chunk.usage)
            if chunk.finish_reason is not None:
                finish_reason = chunk.finish_reason
        output = orjson.dumps([_stored_chunk(chunk, masked(chunk.raw)) for chunk in self._chunks]).decode()
        store(self._options, self._key, Entry(output, raw_request, "", usage.input_tokens, usage.output_tokens, finish_reason))


def _stored_chunk(chunk: ProviderChunk, raw: str) -> dict[str, Any]:
    usage = None if chunk.usage is None else chunk.usage.public()
    content = [_THOUGHT | block if block["type"] == "thought" else block for block in chunk.content]
    return {"content": content, "usage": usage, "raw_response": raw}


class KeptStream:
    """A cached stream, played again in one go."""

    complaint: str | None = None

    def __init__(self, entry: Entry) -> None:
        """Raises ValueError, KeyError or TypeError for an entry that holds no stream."""
        self.raw_request = entry.raw_request
        self.sent: Mapping[str, str] = {}
        self._chunks = [_played(chunk) for chunk in orjson.loads(entry.output)]
        if not self._chunks:
            raise ValueError("the entry holds no chunks")
        self._chunks[-1] = self._chunks[-1]._replace(finish_reason=entry.finish_reason)

    async def batches(self) -> AsyncIterator[list[Any]]:
        yield self._chunks

    async def close(self) -> None:
        """There is no connection."""


def _played(chunk: Mapping[str, Any]) -> ProviderChunk:
    usage = chunk["usage"]
    return ProviderChunk(chunk["content"], chunk["raw_response"], None if usage is None else _tokens(usage))


def _tokens(usage: Mapping[str, Any]) -> Usage:
    read, written = usage.get("provider_cache_read_input_tokens"), usage.get("provider_cache_write_input_tokens")
    return Usage(usage["input_tokens"], usage["output_tokens"], read, written)


def stream_of(entry: Entry) -> KeptStream | None:
    """None for an entry that cannot be played."""
    try:
        return KeptStream(entry)
    except _BROKEN as error:
        logger.warning("A cached stream cannot be read: %s", error)
        return None
