"""Types that annotations of `RenderedSample` name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tensorzero.types import ContentBlock, Tool


@dataclass
class OutputMessage:
    role: Literal["user", "assistant"]
    content: list[ContentBlock]


@dataclass
class ModelInput:
    system: str | None
    messages: list[OutputMessage]


@dataclass
class ToolCallConfigDatabaseInsert:
    tools_available: list[Tool]
    parallel_tool_calls: bool | None
