"""Sampling parameters: a variant's own, overridden field by field by the call's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.sections import PARAMETERS, ChatCompletionConfig
from tensorzero.gateway.floats import shortest_single


def merge(variant: ChatCompletionConfig, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Only what is set, in storage order; `json_mode` only where the call sets it. Most calls and most variants set nothing."""
    own = variant.params
    if not asked:
        return own
    return _merged(own, asked)


def only_asked(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the call sets, without any variant's."""
    return _merged({}, asked) if asked else asked


def _merged(own: Mapping[str, Any], asked: Mapping[str, Any]) -> Mapping[str, Any]:
    merged = {name: asked[name] if asked.get(name) is not None else own.get(name) for name in PARAMETERS}
    if merged["json_mode"] == "implicit_tool":
        merged["json_mode"] = "tool"
    return {name: value for name, value in merged.items() if value is not None}


def stored(params: Mapping[str, Any]) -> dict[str, Any]:
    """The column `inference_params`."""
    return {
        "chat_completion": {
            name: shortest_single(value) if isinstance(value, float) else value for name, value in params.items()
        }
    }
