"""What a section may hold, as values: each shape reads a TOML value, fills in defaults and reports every mistake.

Reading never stops: a shape returns INVALID for what it could not read and goes on with the rest. Keys are looked at in
the order in which the original looks: as written in TOML, sorted below a `type` key, missing ones last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tensorzero.gateway.config.mistakes import Mistakes, Place, nearest
from tensorzero.gateway.config.toml_text import Moment, Single
from tensorzero.parsing import words
from tensorzero.parsing.words import (
    json_float,
    missing_field,
    plain_float,
    unexpected,
    unknown_field,
    wrong_length,
)


class _Invalid:
    def __repr__(self) -> str:
        return "INVALID"


INVALID: Any = _Invalid()
ABSENT: Any = _Invalid()


class Unresolved(dict[str, Any]):
    """A value whose mistake was reported before it was read: nothing more is said about it."""


class Shape(Protocol):
    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any: ...


def toml_type(value: Any) -> str:
    """A value's TOML type, as path keys name it."""
    for kinds, name in (
        (bool, "boolean"), (int, "integer"), (float, "float"), (str, "string"), (Mapping, "table"), (Sequence, "array"),
    ):  # fmt: skip
        if isinstance(value, kinds):
            return name
    return "datetime"


def as_json(value: Any) -> Any:
    """The value as it goes through JSON on its way to a structure chosen by `type`: NaN as null."""
    match value:
        case float() if math.isnan(value) or math.isinf(value):
            return None
        case Unresolved():
            return value
        case Mapping():
            return {key: as_json(item) for key, item in value.items()}
        case list():
            return [as_json(item) for item in value]
        case Moment():
            return str(value)
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Text:
    expected: str = "a string"

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        return str(value) if isinstance(value, str) else wrong_type(value, self.expected, place, mistakes)


@dataclass(frozen=True, slots=True)
class Flag:
    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        return value if isinstance(value, bool) else wrong_type(value, "a boolean", place, mistakes)


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer of the original's type `kind`."""

    kind: str
    low: int
    high: int

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return wrong_type(value, self.kind, place, mistakes)
        if self.low <= value <= self.high:
            return value
        mistakes.at(place, f"invalid value: integer `{value}`, expected {self.kind}")
        return INVALID


U16 = Whole("u16", 0, 2**16 - 1)
U32 = Whole("u32", 0, 2**32 - 1)
U64 = Whole("u64", 0, 2**64 - 1)
USIZE = Whole("usize", 0, 2**64 - 1)
I32 = Whole("i32", -(2**31), 2**31 - 1)


@dataclass(frozen=True, slots=True)
class Real:
    single: bool = False

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return wrong_type(value, "f32" if self.single else "f64", place, mistakes)
        return Single(value) if self.single else float(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `names`; `aliases` are read and stored as their right name."""

    names: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    listed: tuple[str, ...] = ()

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if value == {} and not place.json:
            mistakes.at(place, "wanted exactly 1 element, found 0 elements")
            return INVALID
        if isinstance(value, Mapping) and place.json and len(value) != 1:
            mistakes.at(place, "invalid value: map, expected map with a single key")
            return INVALID
        if isinstance(value, Mapping):
            key = next(iter(value))
            if key in self.names:
                mistakes.at(place.key(key), f"expected table, found {toml_type(value[key])}")
                return INVALID
            value = key
        if not isinstance(value, str) or isinstance(value, Moment):
            if place.json:
                return wrong_type(value, "string or map", place, mistakes)
            mistakes.at(place, "invalid type: unit variant, expected string only")
            return INVALID
        value = self.aliases.get(value, value)
        if value in self.names:
            return value
        unknown_variant(value, self.listed or self.names, place, mistakes)
        return INVALID


@dataclass(frozen=True, slots=True)
class Identifier:
    """The name of a choice, as a standard `type` key reads it."""

    names: tuple[str, ...]

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, str):
            return wrong_type(value, "variant identifier", place, mistakes)
        return Choice(self.names).read(str(value), place, mistakes)


@dataclass(frozen=True, slots=True)
class Items:
    shape: Shape

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, list):
            return wrong_type(value, "a sequence", place, mistakes)
        items = [self.shape.read(item, place.index(i), mistakes) for i, item in enumerate(value)]
        return INVALID if INVALID in items else items


@dataclass(frozen=True, slots=True)
class Table:
    """Any keys, one shape. Entries that cannot be read are left out, so that the others are still checked."""

    shape: Shape
    expected: str = "a map"

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if isinstance(value, Unresolved):
            return INVALID
        if not isinstance(value, Mapping):
            return wrong_type(value, self.expected, place, mistakes)
        out: dict[str, Any] = {}
        for key in sorted(value) if place.json else value:
            item = self.shape.read(value[key], place.key(key), mistakes)
            if item is not INVALID:
                out[key] = item
        return out


@dataclass(frozen=True, slots=True)
class FileText:
    """A path value, read already (paths.py)."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        return INVALID if isinstance(value, Unresolved) or not isinstance(value, Mapping) else dict(value)


@dataclass(frozen=True, slots=True)
class Anything:
    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        return value


@dataclass(frozen=True, slots=True)
class Checked:
    """`shape`, then `check(value) -> message or None` in the same place."""

    shape: Shape
    check: Callable[[Any], str | None]

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        value = self.shape.read(value, place, mistakes)
        if value is not INVALID and (problem := self.check(value)) is not None:
            mistakes.at(place, problem)
            return INVALID
        return value


@dataclass(frozen=True, slots=True)
class Field:
    """`default` (a value, or a function that makes one) is what the original stores when the key is not there."""

    name: str
    shape: Shape
    required: bool = False
    default: Any = ABSENT
    written: bool = True
    """False for what the original stores but nobody may write."""

    def filled(self) -> Any:
        return self.default() if callable(self.default) else self.default


@dataclass(frozen=True, slots=True)
class Record:
    """A table with known keys, or a list of their values in order.

    `open` ignores other keys; `listing=False` is how flattened structures report them. A list may end after `needed` values
    (all by default).
    """

    name: str
    fields: tuple[Field, ...]
    open: bool = False
    listing: bool = True
    needed: int | None = None

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if isinstance(value, Unresolved):
            return INVALID
        if isinstance(value, list) and self.listing:
            return self._in_order(value, place, mistakes)
        if not isinstance(value, Mapping):
            return wrong_type(value, f"struct {self.name}", place, mistakes)
        by_name = {f.name: f for f in self.fields if f.written}
        read: dict[str, Any] = {}
        unlisted: list[str] = []
        for key in sorted(value) if place.json else value:
            known = by_name.get(key)
            if known is None and self.listing:
                self._unknown(key, by_name, place, mistakes)
            elif known is None:
                unlisted.append(key)
            elif known.required or known.default is not ABSENT or not (place.json and value[key] is None):
                read[key] = known.shape.read(value[key], place.key(key), mistakes)
        for known in self.fields:
            if known.required and known.name not in read:
                mistakes.at(place, missing_field(known.name))
                read[known.name] = INVALID
        for key in unlisted:  # a flattened structure says so last
            self._unknown(key, by_name, place, mistakes)
        if INVALID in read.values():
            return INVALID
        return self.ordered(read)

    def _in_order(self, values: list[Any], place: Place, mistakes: Mistakes) -> Any:
        known = [f for f in self.fields if f.written]
        read: dict[str, Any] = {}
        for i, (one, value) in enumerate(zip(known, values, strict=False)):
            read[one.name] = one.shape.read(value, place.index(i), mistakes)
            if read[one.name] is INVALID:
                return INVALID
        if len(values) < (len(known) if self.needed is None else self.needed):
            mistakes.at(place, wrong_length(len(values), self.name, len(known)))
            return INVALID
        if len(values) > len(known):
            mistakes.at(place, f"invalid length {len(values)}, expected fewer elements in array")
            return INVALID
        return self.ordered(read)

    def ordered(self, read: Mapping[str, Any]) -> dict[str, Any]:
        values = ((f.name, read[f.name] if f.name in read else f.filled()) for f in self.fields)
        return {name: value for name, value in values if value is not ABSENT}

    def _unknown(self, key: str, by_name: Mapping[str, Field], place: Place, mistakes: Mistakes) -> None:
        if self.open:
            return
        near = nearest(key, by_name)
        if self.listing:
            # A frozen place prints no key of its own.
            mistakes.at(place.key(key), unknown_field(key, list(by_name)), near)
        else:
            mistakes.say(f"{place.printed}: unknown field `{key}`", (*place.keys, key), near)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A table whose `tag` key chooses the record. `own` keys stand beside it for every choice."""

    options: Mapping[str, Shape]
    tag: str = "type"
    own: Record | None = None
    listed: tuple[str, ...] = ()
    expected: str = "a map"
    trouble: Callable[[str], str | None] | None = None
    """Why a choice that is not there is not, as a hint, where somebody knows."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if isinstance(value, Unresolved):
            return INVALID
        if not isinstance(value, Mapping):
            if self.expected == "object" and isinstance(value, int | float) and not isinstance(value, bool):
                mistakes.at(place, "invalid type: number, expected object")
                return INVALID
            return wrong_type(value, f"struct {self.own.name}" if self.own else self.expected, place, mistakes)
        own_names = {f.name for f in self.own.fields if f.written} if self.own else set[str]()
        mine = {key: item for key, item in value.items() if key in own_names}
        mine = as_json(mine) if place.json else mine
        own = self.own.read(mine, place, mistakes) if self.own else {}
        rest = as_json({key: item for key, item in value.items() if key not in own_names and key != self.tag})
        chosen = value.get(self.tag)
        if not isinstance(chosen, str):
            options = " or ".join(f'`{self.tag} = "{name}"`' for name in [*self.options][:2])
            more = ", among others" if len(self.options) > 2 else ""
            mistakes.at(place, f"TensorZeroDerive: missing tag field `{self.tag}`", hint=f"Write {options}{more}.")
            return INVALID
        if chosen not in self.options:
            hint = None if self.trouble is None else self.trouble(chosen)
            unknown_variant(chosen, self.listed or tuple(self.options), place, mistakes, hint)
            return INVALID
        inner = self.options[chosen].read(rest, place.group(), mistakes)
        if inner is INVALID or own is INVALID:
            return INVALID
        return {self.tag: chosen, **inner, **own}


def dig(value: Any, *keys: str) -> Any:
    """What stands at `keys` in tables as written; None where the way there is no table."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def unknown_variant(name: str, names: Sequence[str], place: Place, mistakes: Mistakes, hint: str | None = None) -> None:
    mistakes.at(place, words.unknown_variant(name, names), nearest(name, names), hint=hint)


def wrong_type(value: Any, expected: str, place: Place, mistakes: Mistakes) -> Any:
    """Report that `value` is not `expected`; INVALID."""
    shown = unexpected(value, json_float if place.json else plain_float)
    mistakes.at(place, f"invalid type: {shown}, expected {expected}")
    return INVALID
