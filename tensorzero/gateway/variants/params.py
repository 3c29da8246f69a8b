"""Sampling parameters: a variant's own, overridden field by field by the call's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.sections import ChatCompletionConfig
from tensorzero.gateway.floats import shortest_single

# In the order in which they are stored.
NAMES = (
    "temperature",
    "max_tokens",
    "seed",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "json_mode",
    "stop_sequences",
    "reasoning_effort",
    "service_tier",
    "thinking_budget_tokens",
    "verbosity",
)
_NONE: Mapping[str, Any] = {}


def merge(variant: ChatCompletionConfig, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Only what is set, in storage order. Most calls and most variants set nothing."""
    merged: dict[str, Any] = {}
    for name in NAMES:
        value = asked.get(name)
        if value is None:
            value = getattr(variant, name)
        if value is not None:
            merged[name] = list(value) if isinstance(value, tuple) else value
    return merged or _NONE


def stored(params: Mapping[str, Any]) -> dict[str, Any]:
    """The column `inference_params`."""
    return {
        "chat_completion": {
            name: shortest_single(value) if isinstance(value, float) else value for name, value in params.items()
        }
    }
