"""JSON replies as the generated dataclasses: unions resolved by their literal fields, unknown keys left out.

A reader is made of each type once, and calls those of the types inside: a page of ten thousand inferences is a million values.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, Union, cast

from tensorzero.types import TensorZeroInternalError

Read = Callable[[Any], Any]
_MISSING = object()


class _MismatchError(Exception):
    """The value is not of the annotated type."""


def reader(name: str) -> Read:
    """A function that makes the generated class `name` of a decoded reply, or raises `TensorZeroInternalError`."""

    def read(value: Any) -> Any:
        from tensorzero import generated_types

        try:
            return _reader(getattr(generated_types, name))(value)
        except _MismatchError as error:
            raise TensorZeroInternalError(f"Internal TensorZero Error: the gateway's reply is not a {name}: {error}") from None

    return read


@cache
def _reader(hint: Any) -> Read:
    if hint is Any:
        return _as_it_is
    origin = typing.get_origin(hint)
    if origin is Union or origin is types.UnionType:
        return _union(typing.get_args(hint))
    if origin is Literal:
        return _literal(typing.get_args(hint))
    if origin is list:
        return _list(typing.get_args(hint)[0])
    if dataclasses.is_dataclass(hint):
        return _dataclass(cast("type[Any]", hint))
    return _scalar(dict if origin is dict else hint)


def _as_it_is(value: Any) -> Any:
    return value


def _dataclass(cls: type[Any]) -> Read:
    plan: list[tuple[str, Read, Any]] | None = None  # made at first use: types may hold themselves

    def read(value: Any) -> Any:
        nonlocal plan
        if not isinstance(value, dict):
            raise _MismatchError(f"expected an object for {cls.__name__}, found {type(value).__name__}")
        if plan is None:
            plan = _plan(cls)
        get = cast("dict[str, Any]", value).get
        found: dict[str, Any] = {}
        for name, read_field, default in plan:
            given = get(name, _MISSING)
            if given is not _MISSING:
                found[name] = read_field(given)
            elif default is _MISSING:
                raise _MismatchError(f"{cls.__name__}.{name} is missing")
        return cls(**found)

    return read


def _plan(cls: type[Any]) -> list[tuple[str, Read, Any]]:
    """Name, reader, and `_MISSING` for a field that has to be there; literals first: they tell a union's members apart."""
    hints = typing.get_type_hints(cls)
    fields = sorted(dataclasses.fields(cls), key=lambda field: typing.get_origin(hints[field.name]) is not Literal)
    return [(field.name, _reader(hints[field.name]), _MISSING if _is_required(field) else None) for field in fields]


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _union(members: tuple[Any, ...]) -> Read:
    readers: list[Read] | None = None
    tagged: Mapping[str, Read] = {}

    def read(value: Any) -> Any:
        nonlocal readers, tagged
        if value is None and type(None) in members:
            return None
        if readers is None:
            readers, tagged = [_reader(member) for member in members], _by_tag(members)
        if tagged and isinstance(value, dict):
            known = tagged.get(cast("dict[str, Any]", value).get("type", ""))
            if known is not None:
                return known(value)
        reasons: list[str] = []
        for read_member in readers:
            try:
                return read_member(value)
            except _MismatchError as error:
                reasons.append(str(error))
        raise _MismatchError("; ".join(reasons))

    return read


def _by_tag(members: tuple[Any, ...]) -> Mapping[str, Read]:
    """The dataclasses among them by the one `type` that each has; none where two have the same."""
    found: dict[str, Read] = {}
    for member in members:
        if not dataclasses.is_dataclass(member):
            continue
        hint = typing.get_type_hints(cast("type[Any]", member)).get("type")
        tags = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
        if len(tags) != 1 or tags[0] in found:
            return {}
        found[tags[0]] = _reader(member)
    return found


def _literal(values: tuple[Any, ...]) -> Read:
    def read(value: Any) -> Any:
        if value not in values:
            raise _MismatchError(f"expected one of {values}, found {value!r}")
        return value

    return read


def _list(item: Any) -> Read:
    read_item: Read | None = None

    def read(value: Any) -> Any:
        nonlocal read_item
        if not isinstance(value, list):
            raise _MismatchError(f"expected a list, found {type(value).__name__}")
        if read_item is None:
            read_item = _reader(item)
        return list(map(read_item, cast("list[Any]", value)))

    return read


def _scalar(hint: Any) -> Read:
    def read(value: Any) -> Any:
        if type(value) is hint:
            return value
        if hint is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
            raise _MismatchError(f"expected {hint.__name__}, found {type(value).__name__}")
        return value

    return read
