"""What `experimental_get_config` gives: read-only views of the gateway's answer."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, NoReturn

from tensorzero.clients.native import Received, View, make


class ChatCompletionConfig(View):
    """A variant; the templates are their source text."""

    @property
    def model(self) -> str:
        """The model's name."""
        return self._value["model"]

    @property
    def system_template(self) -> str | None:
        """The source of the template `system`, None where there is none."""
        return self._template("system")

    @property
    def user_template(self) -> str | None:
        """The source of the template `user`, None where there is none."""
        return self._template("user")

    @property
    def assistant_template(self) -> str | None:
        """The source of the template `assistant`, None where there is none."""
        return self._template("assistant")

    def _template(self, role: str) -> str | None:
        found = self._value["templates"].get(role)
        return None if found is None else found["template"]["contents"]


class BestOfNSamplingConfig(View):
    """Opaque."""


class MixtureOfNConfig(View):
    """Opaque."""


class DICLConfig(View):
    """Opaque."""


class ChainOfThoughtConfig(View):
    """Opaque."""


_VARIANTS: dict[str, type[View]] = {
    "chat_completion": ChatCompletionConfig,
    "best_of_n_sampling": BestOfNSamplingConfig,
    "mixture_of_n": MixtureOfNConfig,
    "dicl": DICLConfig,
    "chain_of_thought": ChainOfThoughtConfig,
}


class _Named(View):
    """`len()` and `[name]`; neither iterable nor a container, as in the original."""

    _key_name: ClassVar[str]

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> NoReturn:
        raise TypeError(f"'builtins.{type(self).__name__}' object is not iterable")

    def __contains__(self, _key: object) -> NoReturn:
        raise TypeError(f"argument of type 'builtins.{type(self).__name__}' is not iterable")

    def _found(self, key: Any) -> Any:
        if not isinstance(key, str):
            kind = type(key).__name__
            raise TypeError(f"argument '{self._key_name}': '{kind}' object cannot be converted to 'PyString'")
        return self._value[key]


class VariantsConfig(_Named):
    """A function's variants by name."""

    _key_name = "key"

    def __getitem__(self, key: str, /) -> Any:
        inner = self._found(key)["inner"]
        return _VARIANTS[inner["type"]]._of(inner)  # pyright: ignore[reportPrivateUsage]


class FunctionConfigType(Received):
    """`Chat` or `Json`. Equal to nothing else, not even to another of its kind (observed 2026.6.0)."""

    __slots__ = ("_number",)
    Chat: ClassVar[FunctionConfigType]
    Json: ClassVar[FunctionConfigType]

    def __int__(self) -> int:
        return self._number

    def __repr__(self) -> str:
        return f"FunctionConfigType.{('Chat', 'Json')[self._number]}"


def _type(number: int) -> FunctionConfigType:
    kind = make(FunctionConfigType)
    kind._number = number  # pyright: ignore[reportPrivateUsage]
    return kind


FunctionConfigType.Chat = _type(0)
FunctionConfigType.Json = _type(1)


class _FunctionConfig(View):
    @property
    def type(self) -> FunctionConfigType:
        """`FunctionConfigType.Chat` or `FunctionConfigType.Json`."""
        return _type(0 if self._value["type"] == "chat" else 1)

    @property
    def variants(self) -> VariantsConfig:
        """Its variants by name."""
        return VariantsConfig._of(self._value["variants"])

    @property
    def system_schema(self) -> Any | None:
        """The JSON schema of the system's arguments, None where there is none; a copy."""
        return self._schema("system")

    @property
    def user_schema(self) -> Any | None:
        """The JSON schema of a user message's arguments, None where there is none; a copy."""
        return self._schema("user")

    @property
    def assistant_schema(self) -> Any | None:
        """The JSON schema of an assistant message's arguments, None where there is none; a copy."""
        return self._schema("assistant")

    def _schema(self, role: str) -> Any | None:
        found = self._value["schemas"].get(role)
        return None if found is None else copy.deepcopy(found["schema"]["value"])

    def __str__(self) -> str:
        return self._json()


class FunctionConfigChat(_FunctionConfig):
    """A chat function of the configuration; `str()` is its JSON."""


class FunctionConfigJson(_FunctionConfig):
    """A JSON function of the configuration; `str()` is its JSON."""

    @property
    def output_schema(self) -> Any | None:
        """The JSON schema of its output; a copy."""
        return copy.deepcopy(self._value["output_schema"]["value"])


class FunctionsConfig(_Named):
    """The functions by name."""

    _key_name = "function_name"

    def __getitem__(self, key: str, /) -> FunctionConfigChat | FunctionConfigJson:
        function = self._found(key)
        if function["type"] == "json":
            return FunctionConfigJson._of(function)
        return FunctionConfigChat._of(function)


class Config(View):
    """The configuration of an embedded gateway."""

    @property
    def functions(self) -> FunctionsConfig:
        """The functions by name."""
        return FunctionsConfig._of(self._value["functions"])
