"""JSON replies as the generated dataclasses: unions resolved by their literal fields, unknown keys left out."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast

from tensorzero.types import TensorZeroInternalError

T = TypeVar("T")


class _MismatchError(Exception):
    """The value is not of the annotated type."""


def reader(name: str) -> Callable[[Any], Any]:
    """A function that makes the generated class `name` of a decoded reply, or raises `TensorZeroInternalError`."""

    def read(value: Any) -> Any:
        from tensorzero import generated_types

        try:
            return _dataclass(getattr(generated_types, name), value)
        except _MismatchError as error:
            raise TensorZeroInternalError(f"Internal TensorZero Error: the gateway's reply is not a {name}: {error}") from None

    return read


def _dataclass(cls: type[T], value: Any) -> T:
    if not isinstance(value, dict):
        raise _MismatchError(f"expected an object for {cls.__name__}, found {type(value).__name__}")
    given = cast("dict[str, Any]", value)
    found: dict[str, Any] = {}
    for name, hint, required in _plan(cls):
        if name in given:
            found[name] = _value(hint, given[name])
        elif required:
            raise _MismatchError(f"{cls.__name__}.{name} is missing")
    return cls(**found)


@cache
def _plan(cls: type) -> list[tuple[str, Any, bool]]:
    """Name, type, required; literals first, because they tell the members of a union apart."""
    hints = typing.get_type_hints(cls)
    plan = [
        (
            field.name,
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(cast("Any", cls))
    ]
    return sorted(plan, key=lambda entry: typing.get_origin(entry[1]) is not Literal)


def _value(hint: Any, value: Any) -> Any:
    if hint is Any:
        return value
    origin = typing.get_origin(hint)
    if origin is Union or origin is types.UnionType:
        return _union(typing.get_args(hint), value)
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise _MismatchError(f"expected one of {typing.get_args(hint)}, found {value!r}")
        return value
    if origin is list:
        if not isinstance(value, list):
            raise _MismatchError(f"expected a list, found {type(value).__name__}")
        (item_hint,) = typing.get_args(hint)
        return [_value(item_hint, item) for item in cast("list[Any]", value)]
    if dataclasses.is_dataclass(hint):
        return _dataclass(cast("type[Any]", hint), value)
    return _scalar(dict if origin is dict else hint, value)


def _union(members: tuple[Any, ...], value: Any) -> Any:
    reasons: list[str] = []
    for member in members:
        try:
            return _value(member, value)
        except _MismatchError as error:
            reasons.append(str(error))
    raise _MismatchError("; ".join(reasons))


def _scalar(hint: Any, value: Any) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise _MismatchError(f"expected {hint.__name__}, found {type(value).__name__}")
    return value
