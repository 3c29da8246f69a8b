"""Models of OpenAI's that take less than others, by their names (observed 2026.6.0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


def must_be_parallel(model: str) -> bool:
    """Whether `parallel_tool_calls = false` is not for this model."""
    return model.startswith("o1")


def changes_for(model: str) -> Callable[[Json], None] | None:
    """What to change in a body of chat completions; None for nearly every model."""
    changes = [change for change, applies in _CHANGES if applies(model)]
    if not changes:
        return None

    def change_all(body: Json) -> None:
        for change in changes:
            change(body)

    return change_all


def _without_parallel_off(body: Json) -> None:
    if body.get("parallel_tool_calls") is False:
        del body["parallel_tool_calls"]


def _without_system(body: Json) -> None:
    for message in body["messages"][:1]:
        if message["role"] == "system":
            message["role"] = "user"


def _without_schema(body: Json) -> None:
    if "response_format" in body:
        body["response_format"] = {"type": "json_object"}


_CHANGES: tuple[tuple[Callable[[Json], None], Callable[[str], bool]], ...] = (
    (_without_parallel_off, must_be_parallel),
    (_without_system, lambda model: model.startswith("o1-mini")),
    (_without_schema, lambda model: "3.5" in model),
)
