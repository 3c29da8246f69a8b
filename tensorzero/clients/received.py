"""What `experimental_get_config` and `experimental_render_samples` give: read-only views, made by the gateway's answers."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from tensorzero.clients.native import Received, make
from tensorzero.internal import ModelInput
from tensorzero.types import ContentBlock

ChatInferenceOutput = list[ContentBlock]


class _View(Received):
    """Attributes from a dict."""

    __slots__ = ("_value",)
    _value: dict[str, Any]

    @classmethod
    def _of(cls, value: dict[str, Any]) -> Any:
        view = make(cls)
        view._value = value
        return view

    def _json(self) -> str:
        return json.dumps(self._value, indent=2, ensure_ascii=False, default=str)


class ResolvedInputMessage(_View):
    @property
    def role(self) -> str:
        return self._value["role"]

    @property
    def content(self) -> list[ContentBlock]:
        return self._value["content"]

    def __repr__(self) -> str:
        return self._json()


class ResolvedInput(_View):
    @property
    def system(self) -> str | dict[str, Any] | None:
        return self._value.get("system")

    @property
    def messages(self) -> list[ResolvedInputMessage]:
        return [ResolvedInputMessage._of(message) for message in self._value["messages"]]

    def __repr__(self) -> str:
        return self._json()


class RenderedSample(_View):
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


class ChatCompletionConfig(_View):
    """A variant; the templates are their source text."""

    @property
    def model(self) -> str:
        return self._value["model"]

    @property
    def system_template(self) -> str | None:
        return self._value.get("system_template")

    @property
    def user_template(self) -> str | None:
        return self._value.get("user_template")

    @property
    def assistant_template(self) -> str | None:
        return self._value.get("assistant_template")


class BestOfNSamplingConfig(_View):
    """Opaque."""


class MixtureOfNConfig(_View):
    """Opaque."""


class DICLConfig(_View):
    """Opaque."""


class ChainOfThoughtConfig(_View):
    """Opaque."""


_VARIANTS: dict[str, type[_View]] = {
    "chat_completion": ChatCompletionConfig,
    "experimental_best_of_n_sampling": BestOfNSamplingConfig,
    "experimental_mixture_of_n": MixtureOfNConfig,
    "experimental_dynamic_in_context_learning": DICLConfig,
    "experimental_chain_of_thought": ChainOfThoughtConfig,
}


class VariantsConfig(_View):
    """`len()` and `[name]`; not iterable."""

    __iter__ = None

    def __len__(self) -> int:
        return len(self._value)

    def __getitem__(self, key: str, /) -> Any:
        variant = self._value[key]
        return _VARIANTS[variant["type"]]._of(variant)


class FunctionConfigType(Received):
    """`Chat` or `Json`. Equal to nothing else, not even to another of its kind (observed 2026.6.0)."""

    __slots__ = ("_name",)

    @classmethod
    def of(cls, name: str) -> FunctionConfigType:
        kind = make(cls)
        kind._name = name
        return kind

    def __int__(self) -> int:
        return 0 if self._name == "Chat" else 1

    def __repr__(self) -> str:
        return f"FunctionConfigType.{self._name}"


class _FunctionConfig(_View):
    @property
    def type(self) -> FunctionConfigType:
        return FunctionConfigType.of(str(self._value["type"]).capitalize())

    @property
    def variants(self) -> VariantsConfig:
        return VariantsConfig._of(self._value["variants"])

    @property
    def system_schema(self) -> Any | None:
        return self._value.get("system_schema")

    @property
    def user_schema(self) -> Any | None:
        return self._value.get("user_schema")

    @property
    def assistant_schema(self) -> Any | None:
        return self._value.get("assistant_schema")

    def __str__(self) -> str:
        return self._json()


class FunctionConfigChat(_FunctionConfig):
    """A chat function of the configuration; `str()` is its JSON."""


class FunctionConfigJson(_FunctionConfig):
    """A JSON function of the configuration; `str()` is its JSON."""

    @property
    def output_schema(self) -> Any | None:
        return self._value.get("output_schema")


class FunctionsConfig(_View):
    """`len()` and `[name]`; not iterable."""

    __iter__ = None

    def __len__(self) -> int:
        return len(self._value)

    def __getitem__(self, key: str, /) -> FunctionConfigChat | FunctionConfigJson:
        function = self._value[key]
        if function["type"] == "json":
            return FunctionConfigJson._of(function)
        return FunctionConfigChat._of(function)


class Config(_View):
    """The configuration of an embedded gateway."""

    @property
    def functions(self) -> FunctionsConfig:
        return FunctionsConfig._of(self._value["functions"])
