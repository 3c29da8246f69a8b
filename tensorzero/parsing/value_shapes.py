"""What a decoded JSON value must be, as data: a shape checks one value and says where it is wrong, in the original's words.

    FILTER = tagged({"tag": struct("TagFilter", {"key": string, "value": string}, ("key", "value"))})
    FILTER({"type": "tag", "key": 1}, ("filter",))     # WrongShapeError: filter: key: invalid type: integer `1`, …

The original's reader takes most structures as it goes, so that an error stands at its own place. An object that is told apart
by its `type` is read whole first: then the place is that of the whole, and the reason says where inside (observed 2026.6.0).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from tensorzero.parsing.uuid_forms import parsed_uuid, uuid_problem
from tensorzero.parsing.words import (
    invalid_type,
    missing_field,
    unexpected,
    unexpected_content,
    unknown_variant,
    wrong_length,
)

Path = tuple["str | int", ...]
Shape = Callable[[Any, Path], None]
"""Raises WrongShapeError."""

_DIGITS = re.compile(r"[0-9]+")
_TIME_PARTS = ((4, "-", 0, 9999), (2, "-", 1, 12), (2, "Tt ", 1, 31), (2, ":", 0, 23), (2, ":", 0, 59), (2, "", 0, 60))


class WrongShapeError(Exception):
    """One place in a JSON value that is not what it must be.

    `at_key`: the key is wrong, not what it holds. `at_start`: the original's reader has read nothing of it. `past`: how far
    behind the element it stands when it notices. `placed=False`: the message has no place.
    """

    def __init__(
        self,
        path: Path,
        reason: str,
        *,
        at_key: bool = False,
        at_start: bool = False,
        past: int = 0,
        placed: bool = True,
    ) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason
        self.at_key = at_key
        self.at_start = at_start
        self.past = past
        self.placed = placed

    def within(self, path: Path) -> WrongShapeError:
        """The same problem as one of the element at `path`, which is read as a whole before its parts are looked at."""
        inner = path_text(self.path[len(path) :])
        return WrongShapeError(path, f"{inner}{': ' if inner else ''}{self.reason}", past=1)


def path_text(path: Path) -> str:
    """`messages[0].content`"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _whole_path_text(path: Path) -> str:
    """The same in an object that was read whole: `children.[0].content`."""
    return ".".join(f"[{step}]" if isinstance(step, int) else step for step in path)


def wrong_type(value: Any, path: Path, expected: str) -> WrongShapeError:
    return WrongShapeError(path, invalid_type(value, expected), at_start=isinstance(value, (dict, list)))


def anything(_value: Any, _path: Path) -> None:
    """Any JSON."""


def string(value: Any, path: Path) -> None:
    if not isinstance(value, str):
        raise wrong_type(value, path, "a string")


def boolean(value: Any, path: Path) -> None:
    if not isinstance(value, bool):
        raise wrong_type(value, path, "a boolean")


def number(value: Any, path: Path) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(value, path, "f64")


def unsigned(bits: int) -> Shape:
    def check(value: Any, path: Path) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(value, path, f"u{bits}")
        if not 0 <= value < 1 << bits:
            raise WrongShapeError(path, f"invalid value: {unexpected(value)}, expected u{bits}")

    return check


def uuid(value: Any, path: Path) -> None:
    if not isinstance(value, str):
        raise wrong_type(value, path, "a formatted UUID string")
    if parsed_uuid(value) is None:
        raise WrongShapeError(path, f"UUID parsing failed: {uuid_problem(value)[1]}")


def moment(value: Any, path: Path) -> None:
    """Date, time and zone of RFC 3339."""
    if not isinstance(value, str):
        raise wrong_type(value, path, "an RFC 3339 formatted date and time string")
    problem = _moment_problem(value)
    if problem is not None:
        raise WrongShapeError(path, problem)


def _moment_problem(text: str) -> str | None:
    at = 0
    for digits, ends, least, most in _TIME_PARTS:
        for _ in range(digits):
            if at >= len(text):
                return "premature end of input"
            if text[at] not in "0123456789":
                return "input contains invalid characters"
            at += 1
        if not least <= int(text[at - digits : at]) <= most:
            return "input is out of range"
        if ends:
            if at >= len(text):
                return "premature end of input"
            if text[at] not in ends:
                return "input contains invalid characters"
            at += 1
    if text[at : at + 1] == ".":
        fraction = _DIGITS.match(text, at + 1)
        if fraction is None:
            return "premature end of input" if at + 1 >= len(text) else "input contains invalid characters"
        at = fraction.end()
    return _zone_problem(text[at:])


def _zone_problem(zone: str) -> str | None:
    if not zone:
        return "premature end of input"
    if zone[0] in "Zz":
        return None if len(zone) == 1 else "trailing input"
    if zone[0] not in "+-":
        return "input contains invalid characters"
    for at, kind in enumerate(("0123456789", "0123456789", ":", "0123456789", "0123456789"), 1):
        if at >= len(zone):
            return "premature end of input"
        if zone[at] not in kind:
            return "input contains invalid characters"
    if int(zone[1:3]) > 23 or int(zone[4:6]) > 59:
        return "input is out of range"
    return "trailing input" if len(zone) > 6 else None


def choice(*names: str) -> Shape:
    """One of these names."""

    def check(value: Any, path: Path) -> None:
        if isinstance(value, dict):
            raise WrongShapeError(path, "expected value", at_start=True, past=2)
        if not isinstance(value, str):
            raise WrongShapeError(path, "expected value", at_start=True, past=1)
        if value not in names:
            raise WrongShapeError(path, unknown_variant(value, names))

    return check


def whole_choice(*names: str) -> Shape:
    """The same in an object that is read whole."""

    def check(value: Any, path: Path) -> None:
        if not isinstance(value, str):
            raise wrong_type(value, path, "string or map")
        if value not in names:
            raise WrongShapeError(path, unknown_variant(value, names))

    return check


def optional(shape: Shape) -> Shape:
    def check(value: Any, path: Path) -> None:
        if value is not None:
            shape(value, path)

    return check


def sequence(shape: Shape) -> Shape:
    def check(value: Any, path: Path) -> None:
        if not isinstance(value, list):
            raise wrong_type(value, path, "a sequence")
        for at, item in enumerate(cast("list[Any]", value)):
            shape(item, (*path, at))

    return check


def mapping(shape: Shape) -> Shape:
    def check(value: Any, path: Path) -> None:
        if not isinstance(value, dict):
            raise wrong_type(value, path, "a map")
        for key, item in cast("dict[str, Any]", value).items():
            shape(item, (*path, key))

    return check


def struct(name: str, fields: Mapping[str, Shape], required: tuple[str, ...] = ()) -> Shape:
    """An object with these fields among others."""

    def check(value: Any, path: Path) -> None:
        if isinstance(value, list) and len(value) < len(fields):
            raise WrongShapeError(path, wrong_length(len(value), name, len(fields)))
        if not isinstance(value, dict):
            raise wrong_type(value, path, f"struct {name}")
        fields_fault(cast("dict[str, Any]", value), path, fields, required)

    return check


def fields_fault(value: Mapping[str, Any], path: Path, fields: Mapping[str, Shape], required: tuple[str, ...]) -> None:
    """In the order of the object, and then what is missing."""
    for key, item in value.items():
        shape = fields.get(key)
        if shape is not None:
            shape(item, (*path, key))
    for key in required:
        if key not in value:
            raise WrongShapeError(path, missing_field(key))


def flattened(name: str, tag: str, own: Mapping[str, Shape], variants: Mapping[str, Mapping[str, Shape]]) -> Shape:
    """A struct with fields of its own, and others that depend on `tag`: all are needed; the others' errors have no place."""

    def check(value: Any, path: Path) -> None:
        if not isinstance(value, dict):
            raise wrong_type(value, path, f"struct {name}")
        given = cast("dict[str, Any]", value)
        fields_fault(given, path, own, tuple(own))
        if tag not in given:
            raise WrongShapeError(path, missing_field(tag))
        kind = given[tag]
        if isinstance(kind, int) and not isinstance(kind, bool) and 0 <= kind < len(variants):
            kind = list(variants)[kind]
        if not isinstance(kind, str):
            raise WrongShapeError(path, invalid_type(kind, "variant identifier"))
        if kind not in variants:
            raise WrongShapeError(path, unknown_variant(kind, list(variants)))
        try:
            fields_fault(given, path, variants[kind], tuple(variants[kind]))
        except WrongShapeError as wrong:
            raise WrongShapeError(path, wrong.reason) from None

    return check


Fields = tuple[Mapping[str, Shape], tuple[str, ...]]
"""Fields, and which of them must be there."""


def tagged(variants: Callable[[], Mapping[str, Fields]], *, placed: bool = True) -> Shape:
    """An object whose `type` names one of `variants`. It is read whole before its fields are looked at.

    `variants` is a function, as they may hold each other. `placed=False`: the object is read by itself, and no line is told.
    """

    def check(value: Any, path: Path) -> None:
        try:
            _check_tagged(value, path, variants())
        except WrongShapeError as wrong:
            inner = _whole_path_text(wrong.path[len(path) :])
            reason = f"{inner}{': ' if inner else ''}{wrong.reason}"
            raise WrongShapeError(path, reason, past=1, placed=placed) from None

    return check


def _check_tagged(value: Any, path: Path, variants: Mapping[str, Fields]) -> None:
    if not isinstance(value, dict):
        raise WrongShapeError(path, f"invalid type: {unexpected_content(value)}, expected object")
    given = cast("dict[str, Any]", value)
    kind = given.get("type")
    if not isinstance(kind, str):
        raise WrongShapeError(path, "TensorZeroDerive: missing tag field `type`")
    if kind not in variants:
        raise WrongShapeError(path, unknown_variant(kind, list(variants)))
    fields_fault(given, path, *variants[kind])
