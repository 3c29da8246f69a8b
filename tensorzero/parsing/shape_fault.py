"""Where JSON has another shape than the one that is read, in the words of the original's reader, with line and column.

A shape is a function that reads one value at a cursor. The text is JSON already; what has no place in a shape is skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from tensorzero.parsing.words import (
    duplicate_field,
    invalid_type,
    missing_field,
    no_variant,
    unexpected,
    unknown_variant,
    wrong_length,
)

EXACT_UP_TO = 16 * 1024 * 1024
"""Characters of a text whose fault is looked for."""
EXACT_STEPS = 50_000
"""Fields and items that are looked at before a fault is left unnamed."""

_SKIP = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \n\t\r]*")


class _FaultError(Exception):
    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


class _TooLongError(Exception):
    pass


class Cursor:
    """A place in a text."""

    def __init__(self, text: str, steps: int | None = None) -> None:
        """After `steps` places _TooLongError is raised; None goes through every text."""
        self.text = text
        self.at = 0
        self._steps = -1 if steps is None else steps

    def peek(self) -> str:
        """The next character that is not white space."""
        if self._steps == 0:
            raise _TooLongError
        self._steps -= 1
        space = _SPACE.match(self.text, self.at)
        self.at = self.at if space is None else space.end()
        return self.text[self.at]

    def step(self) -> None:
        self.at += 1

    def take(self) -> Any:
        """The value here, whatever it is."""
        self.peek()
        value, self.at = _SKIP(self.text, self.at)
        return value


Shape = Callable[[Cursor], None]


def shape_fault(text: str, shape: Shape, steps: int | None = EXACT_STEPS) -> str | None:
    """The first fault of a JSON text, in document order; None if there is none, or none within `steps` of a text of bearable
    length. With `steps` None every text is read to its end."""
    if steps is not None and len(text) > EXACT_UP_TO:
        return None
    try:
        shape(Cursor(text, steps))
    except _TooLongError:
        return None
    except _FaultError as fault:
        before = text[: fault.at]
        column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "surrogatepass"))
        return f"{fault.reason} at line {before.count(chr(10)) + 1} column {column}"
    except (RecursionError, ValueError, IndexError):  # too deep, or no JSON
        return None
    return None


def _wrong(cursor: Cursor, expected: str) -> _FaultError:
    """Of a scalar the original's reader has read all, of a list or an object nothing."""
    start = cursor.peek()
    if start in "{[":
        return _FaultError(f"invalid type: {'map' if start == '{' else 'sequence'}, expected {expected}", cursor.at)
    value = cursor.take()
    return _FaultError(invalid_type(value, expected), cursor.at)


def text(cursor: Cursor) -> None:
    if cursor.peek() != '"':
        raise _wrong(cursor, "a string")
    cursor.take()


def unsigned(bits: int) -> Shape:
    def read(cursor: Cursor) -> None:
        if cursor.peek() not in "-0123456789":
            raise _wrong(cursor, f"u{bits}")
        value = cursor.take()
        if isinstance(value, float) or not -(2**63) <= value < 2**64:
            raise _FaultError(invalid_type(value, f"u{bits}"), cursor.at)
        if not 0 <= value < 2**bits:
            raise _FaultError(f"invalid value: integer `{value}`, expected u{bits}", cursor.at)

    return read


def one_of_texts(cursor: Cursor) -> None:
    """A name that is read as such, so that anything else is no value at all."""
    begin = cursor.at if cursor.peek() == '"' else None
    if cursor.peek() == "{":  # the name with something to it
        begin = cursor.at
        cursor.step()
    if cursor.peek() != '"' or begin is None:
        raise _FaultError("expected value", cursor.at + 1)
    cursor.at = begin
    cursor.take()


def optional(shape: Shape) -> Shape:
    def read(cursor: Cursor) -> None:
        if cursor.peek() == "n":
            cursor.take()
        else:
            shape(cursor)

    return read


def sequence(shape: Shape) -> Shape:
    def read(cursor: Cursor) -> None:
        if cursor.peek() != "[":
            raise _wrong(cursor, "a sequence")
        cursor.step()
        while cursor.peek() != "]":
            if cursor.peek() == ",":
                cursor.step()
            shape(cursor)
        cursor.step()

    return read


def struct(name: str, fields: Mapping[str, Shape], required: tuple[str, ...] = ()) -> Shape:
    """An object with these fields among others. A list of their values in order is read too."""

    def read(cursor: Cursor) -> None:
        start = cursor.peek()
        if start == "[":
            return _fields_in_order(cursor, name, tuple(fields.values()))
        if start != "{":
            raise _wrong(cursor, f"struct {name}")
        seen: set[str] = set()
        cursor.step()
        while cursor.peek() != "}":
            if cursor.peek() == ",":
                cursor.step()
            key = cursor.take()
            if key in seen:
                raise _FaultError(duplicate_field(key), cursor.at)
            if key in fields:
                seen.add(key)
            cursor.peek()
            cursor.step()
            fields.get(key, Cursor.take)(cursor)
        cursor.step()
        for key in required:
            if key not in seen:
                raise _FaultError(missing_field(key), cursor.at)
        return None

    return read


def _fields_in_order(cursor: Cursor, name: str, shapes: tuple[Shape, ...]) -> None:
    cursor.step()
    count = 0
    while cursor.peek() != "]":
        if cursor.peek() == ",":
            cursor.step()
        (shapes[count] if count < len(shapes) else Cursor.take)(cursor)
        count += 1
    cursor.step()
    if count < len(shapes):
        raise _FaultError(wrong_length(count, name, len(shapes)), cursor.at)


def untagged(name: str, fits: Callable[[Any], bool]) -> Shape:
    """Any of several shapes. It is read whole before it is looked at."""

    def read(cursor: Cursor) -> None:
        if not fits(cursor.take()):
            raise _FaultError(no_variant(name), cursor.at + 1)

    return read


def tagged(variants: Mapping[str, Mapping[str, Shape | tuple[str, tuple[str, ...]]]]) -> Shape:
    """An object whose `type` names one of `variants`. It is read whole before its fields are looked at.

    A field is a text, or a struct with its name and the names of its texts, all of which must be there.
    """

    def read(cursor: Cursor) -> None:
        value = cursor.take()
        reason = _tagged_fault(value, variants)
        if reason is not None:
            raise _FaultError(reason, cursor.at + 1)

    return read


def _tagged_fault(value: Any, variants: Mapping[str, Mapping[str, Any]]) -> str | None:
    if not isinstance(value, dict):
        words = {int: "number", float: "number", bool: "boolean", str: "string", list: "array"}
        return f"invalid type: {words.get(type(value), 'null')}, expected object"
    given = cast("dict[str, Any]", value)
    tag = given.get("type")
    if not isinstance(tag, str):
        return "TensorZeroDerive: missing tag field `type`"
    if tag not in variants:
        return unknown_variant(tag, list(variants))
    fields = variants[tag]
    for key, item in given.items():
        reason = None if key not in fields else _field_fault(key, item, fields[key])
        if reason is not None:
            return reason
    return next((missing_field(key) for key in fields if key not in given), None)


def _field_fault(path: str, value: Any, shape: Any) -> str | None:
    if shape is text:
        return None if isinstance(value, str) else f"{path}: invalid type: {unexpected(value)}, expected a string"
    name, keys = cast("tuple[str, tuple[str, ...]]", shape)
    if not isinstance(value, dict):
        return f"{path}: invalid type: {unexpected(value)}, expected struct {name}"
    given = cast("dict[str, Any]", value)
    for key in keys:
        if key in given and not isinstance(given[key], str):
            return f"{path}.{key}: invalid type: {unexpected(given[key])}, expected a string"
    return next((f"{path}: missing field `{key}`" for key in keys if key not in given), None)
