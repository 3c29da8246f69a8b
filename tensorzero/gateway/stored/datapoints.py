"""A datapoint from its row to the API, and from a request to its row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import orjson

from tensorzero.clickhouse.queries.datapoints import STORED_TOOLS, TABLES
from tensorzero.gateway.recording import Row
from tensorzero.gateway.stored.inferences import stored_input
from tensorzero.gateway.stored.tools import tool_fields

_SAME = ("type", "dataset_name", "function_name", "id", "episode_id", "tags", "is_deleted", "updated_at", "staled_at")
_SAME_TOO = ("source_inference_id", "is_custom", "name")
_STORED = ("dataset_name", "function_name", "id", "episode_id", "input", "output", "tags", "auxiliary", "is_deleted")
_STORED_TOO = ("staled_at", "source_inference_id", "is_custom", "name", "snapshot_hash")


def datapoint(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `datapoints_query` as the API gives it. Raises ValueError where a stored text is no JSON."""
    found = {name: row[name] for name in (*_SAME, *_SAME_TOO)}
    found["auxiliary"] = row["auxiliary"] or None
    found["input"] = stored_input(row["input"])
    found["output"] = None if row["output"] is None else orjson.loads(row["output"])
    if row["type"] == "json":
        found["output_schema"] = orjson.loads(row["output_schema"])
        return found
    return found | tool_fields(row)


def stored_row(row: Mapping[str, Any], **changes: Any) -> Row:
    """A row of `datapoints_query` as it is written again, with changes, as the newest of its id."""
    kind = row["type"]
    names = (*_STORED, *_STORED_TOO, *(STORED_TOOLS if kind == "chat" else ("output_schema",)))
    return TABLES[kind], {**{name: row[name] for name in names}, "updated_at": now(), **changes}


def now() -> str:
    """Microseconds, as the tables have them."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
