"""What `experimental_render_samples` gives: read-only views, made by the gateway's answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tensorzero.clients.native import View
from tensorzero.internal import ModelInput
from tensorzero.types import ContentBlock

ChatInferenceOutput = list[ContentBlock]


class ResolvedInputMessage(View):
    """A message with its templates filled in."""

    @property
    def role(self) -> str:
        """`user` or `assistant`."""
        return self._value["role"]

    @property
    def content(self) -> list[ContentBlock]:
        """Its content blocks, in order."""
        return self._value["content"]

    def __repr__(self) -> str:
        return self._json()


class ResolvedInput(View):
    """An input with its templates filled in."""

    @property
    def system(self) -> str | dict[str, Any] | None:
        """The system's text or arguments, None where there is none."""
        return self._value.get("system")

    @property
    def messages(self) -> list[ResolvedInputMessage]:
        """The messages, in order."""
        return [ResolvedInputMessage._of(message) for message in self._value["messages"]]

    def __repr__(self) -> str:
        return self._json()


class RenderedSample(View):
    """One stored inference or datapoint with its templates filled in."""

    @property
    def function_name(self) -> str:
        """The function that was asked."""
        return self._value["function_name"]

    @property
    def input(self) -> ModelInput:
        """What the model would be sent: `system`, a text or None, and `messages`."""
        return self._value["input"]

    @property
    def stored_input(self) -> ResolvedInput:
        """What was stored, before the variant's templates."""
        return ResolvedInput._of(self._value["stored_input"])

    @property
    def output(self) -> ChatInferenceOutput | None:
        """The content blocks of the answer, None where the sample has none."""
        return self._value.get("output")

    @property
    def stored_output(self) -> Any | None:
        """The answer as it was stored, None where the sample has none."""
        return self._value.get("stored_output")

    @property
    def episode_id(self) -> UUID | None:
        """The episode, None for a datapoint."""
        return self._value.get("episode_id")

    @property
    def inference_id(self) -> UUID | None:
        """The inference, None for a datapoint."""
        return self._value.get("inference_id")

    @property
    def output_schema(self) -> dict[str, Any] | None:
        """The JSON schema of the output, for a JSON function."""
        return self._value.get("output_schema")

    @property
    def dispreferred_outputs(self) -> list[ChatInferenceOutput]:
        """Answers that a demonstration was preferred to; empty without one."""
        return self._value.get("dispreferred_outputs") or []

    @property
    def tags(self) -> dict[str, str]:
        """The stored tags."""
        return self._value.get("tags") or {}

    @property
    def allowed_tools(self) -> list[str] | None:
        """The names of the tools that the inference was confined to, None where it was not."""
        return self._value.get("allowed_tools")

    @property
    def additional_tools(self) -> list[Any] | None:
        """The tools that the call brought along."""
        return self._value.get("additional_tools")

    @property
    def parallel_tool_calls(self) -> bool | None:
        """Whether several tools might be called at once, None where nothing was said."""
        return self._value.get("parallel_tool_calls")

    @property
    def provider_tools(self) -> list[Any] | None:
        """The tools of the providers' own."""
        return self._value.get("provider_tools")

    def __repr__(self) -> str:
        return self._json()


RenderedStoredInference = RenderedSample
