"""What `experimental_render_samples` gives: read-only views, made by the gateway's answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tensorzero.clients.native import View
from tensorzero.internal import ModelInput
from tensorzero.types import ContentBlock

ChatInferenceOutput = list[ContentBlock]


class ResolvedInputMessage(View):
    @property
    def role(self) -> str:
        return self._value["role"]

    @property
    def content(self) -> list[ContentBlock]:
        return self._value["content"]

    def __repr__(self) -> str:
        return self._json()


class ResolvedInput(View):
    @property
    def system(self) -> str | dict[str, Any] | None:
        return self._value.get("system")

    @property
    def messages(self) -> list[ResolvedInputMessage]:
        return [ResolvedInputMessage._of(message) for message in self._value["messages"]]

    def __repr__(self) -> str:
        return self._json()


class RenderedSample(View):
    """One stored inference or datapoint with its templates filled in."""

    @property
    def function_name(self) -> str:
        return self._value["function_name"]

    @property
    def input(self) -> ModelInput:
        return self._value["input"]

    @property
    def stored_input(self) -> ResolvedInput:
        return ResolvedInput._of(self._value["stored_input"])

    @property
    def output(self) -> ChatInferenceOutput | None:
        return self._value.get("output")

    @property
    def stored_output(self) -> Any | None:
        return self._value.get("stored_output")

    @property
    def episode_id(self) -> UUID | None:
        return self._value.get("episode_id")

    @property
    def inference_id(self) -> UUID | None:
        return self._value.get("inference_id")

    @property
    def output_schema(self) -> dict[str, Any] | None:
        return self._value.get("output_schema")

    @property
    def dispreferred_outputs(self) -> list[ChatInferenceOutput]:
        return self._value.get("dispreferred_outputs") or []

    @property
    def tags(self) -> dict[str, str]:
        return self._value.get("tags") or {}

    @property
    def allowed_tools(self) -> list[str] | None:
        return self._value.get("allowed_tools")

    @property
    def additional_tools(self) -> list[Any] | None:
        return self._value.get("additional_tools")

    @property
    def parallel_tool_calls(self) -> bool | None:
        return self._value.get("parallel_tool_calls")

    @property
    def provider_tools(self) -> list[Any] | None:
        return self._value.get("provider_tools")

    def __repr__(self) -> str:
        return self._json()


RenderedStoredInference = RenderedSample
