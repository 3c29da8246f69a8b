"""The examples of dynamic in-context learning: the nearest ones of the database, as questions and answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import orjson

from tensorzero.gateway.asking import ask_database
from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import DiclConfig
from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.values import Block
from tensorzero.inputs.blocks import RequestBlock, RequestMessage, Text, Thought, ToolCall, Unknown
from tensorzero.parsing.json_fault import json_fault
from tensorzero.parsing.shape_fault import Cursor, Shape, optional, sequence, shape_fault, struct, tagged, text

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

_CALL = {"id": text, "raw_name": text, "raw_arguments": text}
_CHAT = sequence(tagged({"text": {"text": text}, "tool_call": _CALL, "thought": {}, "unknown": {}}))
_JSON = struct("JsonInferenceOutput", {"raw": optional(text), "parsed": Cursor.take})
_INPUT = struct("StoredInput", {})
_UNEQUAL = frozenset({190, 395})  # ClickHouse's own word for it, and that of the query's own check
_UNEQUAL_TEXT = (
    "Failed to run ClickHouse query: Code: 190. DB::Exception: Array arguments for function arrayCosineDistance must have "
    "equal sizes. (SIZES_OF_ARRAYS_DONT_MATCH)"
)
_NO_OUTPUT = (
    "DICL example missing output. There was a bug in a notebook from 2025-08 that may have caused the output to not be written "
    "to ClickHouse. You can remove the examples with missing output by running the query "
    "`DELETE FROM DynamicInContextLearningExample WHERE empty(output)`."
)


async def nearest_examples(
    gateway: Gateway, variant: DiclConfig, call: InferenceCall, vector: Sequence[float]
) -> list[Mapping[str, Any]]:
    """Rows of `input` and `output`, the nearest first; none without a database."""
    if gateway.database is None or not variant.k:
        return []
    from tensorzero.clickhouse.errors import QueryRefused, StorageError
    from tensorzero.clickhouse.queries.dicl import nearest_examples_query
    from tensorzero.gateway.gateway import storage_failure

    query = nearest_examples_query(call.function.name, variant.name, vector, variant.k)
    try:
        rows = await ask_database(call.runtime, call.deadline, partial(gateway.database.query, flush=False), query)
    except QueryRefused as error:
        if error.code in _UNEQUAL:
            hint = f"The examples' vectors are not of the {len(vector)} numbers of `embedding_model`: another model made them."
            raise GatewayError(_UNEQUAL_TEXT, hint=hint) from error
        raise GatewayError(f"Failed to run ClickHouse query: {error}", hint=error.hint) from error
    except StorageError as error:
        raise storage_failure(error) from error
    farthest = variant.max_distance
    return [row for row in rows if farthest is None or row["distance"] <= farthest]


def shown(examples: Sequence[Mapping[str, Any]], function_type: str) -> list[RequestMessage]:
    """A question and its answer for each example. Raises GatewayError for one that cannot be read."""
    messages: list[RequestMessage] = []
    for example in examples:
        answer = _answer(example, function_type)
        messages.append(RequestMessage("user", (Text(_question(example["input"])),)))
        messages.append(RequestMessage("assistant", answer))
    return messages


def _question(stored: str) -> str:
    """A stored input in its one spelling."""
    fault = _fault(stored, _INPUT)
    if fault is not None:
        raise GatewayError(f"Failed to parse `input`: {fault}")
    given = orjson.loads(stored)
    if not isinstance(given, dict):
        return stored
    fields = {"system": given.get("system"), "messages": given.get("messages", [])}
    return orjson.dumps({name: value for name, value in fields.items() if value is not None}).decode()


def _answer(example: Mapping[str, Any], function_type: str) -> tuple[RequestBlock, ...]:
    output: str = example["output"]
    if not output:
        raise GatewayError(_NO_OUTPUT)
    fault = _fault(output, _JSON if function_type == "json" else _CHAT)
    if fault is None:
        stored = orjson.loads(output)
        if function_type == "json":
            return (Text(_raw(stored) or ""),)
        return tuple(_block(block) for block in stored)
    written, given = (json.dumps(text, ensure_ascii=False) for text in (output, example["input"]))
    raw = f"RawExample {{ input: {given}, output: {written}, cosine_distance: {float(example['distance'])} }}"
    raise GatewayError(f"Failed to parse `output` in example `{raw}`: {fault}")


def _fault(text: str, shape: Shape) -> str | None:
    return json_fault(text) or shape_fault(text, shape, steps=None)


def _raw(stored: Any) -> str | None:
    return cast("str | None", stored[0] if isinstance(stored, list) else stored.get("raw"))


def _block(block: Block) -> RequestBlock:
    match block["type"]:
        case "text":
            return Text(block["text"])
        case "tool_call":
            return ToolCall(block["id"], block["raw_name"], block["raw_arguments"])
        case "thought":
            fields = {name: block.get(name) for name in ("text", "signature", "summary", "provider_type", "extra_data")}
            return Thought(**fields)
        case _:
            return Unknown(block.get("data"), block.get("model_name"), block.get("provider_name"))
