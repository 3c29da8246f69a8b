"""The tools of a stored inference or datapoint, from its columns to the fields of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


def tool_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """`additional_tools`, `allowed_tools`, `tool_choice`, `parallel_tool_calls`, `provider_tools`.

    `allowed_tools` is None where the function's own counted. Rows of gateways before the columns were several have everything
    in `tool_params`; of them choice and parallelism are told (TensorZero docs: stored inferences).
    """
    choice, parallel = row["tool_choice"], row["parallel_tool_calls"]
    if row["allowed_tools"] is None and choice is None and row["tool_params"]:
        legacy = orjson.loads(row["tool_params"])
        choice, parallel = legacy.get("tool_choice"), legacy.get("parallel_tool_calls")
        return _fields(None, None, choice, parallel, [])
    allowed = None if row["allowed_tools"] is None else orjson.loads(row["allowed_tools"])
    dynamic = [orjson.loads(tool) for tool in row["dynamic_tools"]]
    return _fields(
        dynamic or None,
        allowed["tools"] if allowed is not None and allowed["choice"] != "function_default" else None,
        orjson.loads(choice) if choice is not None and choice.startswith("{") else choice,
        parallel,
        [orjson.loads(tool) for tool in row["dynamic_provider_tools"]],
    )


def _fields(additional: Any, allowed: Any, choice: Any, parallel: Any, provider_tools: list[Any]) -> dict[str, Any]:
    return {
        "additional_tools": additional,
        "allowed_tools": allowed,
        "parallel_tool_calls": parallel,
        "provider_tools": provider_tools,
        "tool_choice": choice,
    }
