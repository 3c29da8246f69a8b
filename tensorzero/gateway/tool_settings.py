"""What one call may use of tools, as `functions/tools.py` settles it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorzero.gateway.config.sections import ToolConfig


@dataclass(frozen=True, slots=True)
class CustomTool:
    """OpenAI's free-form tool: its input is text in a format, not an object with a schema."""

    name: str
    description: str | None = None
    format: Mapping[str, Any] | None = None

    def upstream(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"name": self.name}
        if self.description is not None:
            shown["description"] = self.description
        if self.format is not None:
            shown["format"] = self.format
        return shown


Tool = ToolConfig | CustomTool


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """What one call may use. `tools` and `dynamic` are in the order in which models see them.

    `allowed` are names as asked for: with `explicit`, the call's `allowed_tools`; else the function's keys and the names of
    the call's own tools. `choice` is `none`, `auto`, `required` or `{"specific": name}`.
    """

    tools: tuple[ToolConfig, ...] = ()
    dynamic: tuple[Tool, ...] = ()
    provider_tools: tuple[Mapping[str, Any], ...] = ()
    allowed: tuple[str, ...] = ()
    explicit: bool = False
    choice: str | Mapping[str, str] = "auto"
    parallel: bool | None = None

    @property
    def functions(self) -> tuple[ToolConfig, ...]:
        """Every tool that takes an object."""
        return (*self.tools, *(tool for tool in self.dynamic if isinstance(tool, ToolConfig)))

    @property
    def custom(self) -> tuple[CustomTool, ...]:
        return tuple(tool for tool in self.dynamic if isinstance(tool, CustomTool))

    def named(self, name: str) -> Tool | None:
        """The tool that models know by this name."""
        for tool in (*self.tools, *self.dynamic):
            if tool.name == name:
                return tool
        return None

    def provider_tools_for(self, model_name: str, provider_name: str) -> list[Any]:
        """The provider tools whose scope holds this model and provider."""
        return [entry["tool"] for entry in self.provider_tools if _in_scope(entry.get("scope"), model_name, provider_name)]


def _in_scope(scope: Any, model_name: str, provider_name: str) -> bool:
    if scope is None:
        return True
    return scope.get("model_name") == model_name and scope.get("provider_name") in (None, provider_name)
