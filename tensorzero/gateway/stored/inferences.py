"""A row of `stored_inferences_query` as a `StoredInference` of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tensorzero.gateway.stored.tools import tool_fields

_SAME = (
    "type",
    "inference_id",
    "function_name",
    "variant_name",
    "episode_id",
    "timestamp",
    "processing_time_ms",
    "ttft_ms",
    "tags",
    "snapshot_hash",
)


def stored_inference(row: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ValueError where a stored text is no JSON."""
    found = {name: row[name] for name in _SAME}
    found["input"] = stored_input(row["input"])
    found["output"] = None if row["output"] is None else orjson.loads(row["output"])
    found["dispreferred_outputs"] = [] if row["dispreferred"] is None else [orjson.loads(row["dispreferred"])]
    found["extra_body"] = orjson.loads(row["extra_body"]) if row["extra_body"] else []
    found["inference_params"] = orjson.loads(row["inference_params"])
    if row["type"] == "json":
        found["output_schema"] = orjson.loads(row["output_schema"])
        return found
    return found | tool_fields(row)


def stored_input(text: str) -> dict[str, Any]:
    """The column `input`. Rows of older gateways have a bare text for a message's content, or blocks with a `value`."""
    found: dict[str, Any] = orjson.loads(text)
    for message in found.setdefault("messages", []):
        content = message["content"]
        if isinstance(content, str):
            message["content"] = [{"type": "text", "text": content}]
        else:
            message["content"] = [_block(message["role"], block) for block in content]
    return found


def _block(role: str, block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] != "text" or "value" not in block:
        return block
    value = block["value"]
    if isinstance(value, str):
        return {"type": "text", "text": value}
    return {"type": "template", "name": role, "arguments": value}
