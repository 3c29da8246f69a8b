"""Arguments that are JSON: copied to plain values, checked and put into the form that goes over the wire.

A wrong shape is a `TensorZeroInternalError` that says where: `Failed to deserialize JSON to <type>: <path>: <reason> at
line 1 column N` (observed 2026.6.0; the type names are the original's, callers' tests may hold them).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Any, cast

import orjson

from tensorzero.clients.failures import refused
from tensorzero.inputs.soundness import MAX_DEPTH, fault_place
from tensorzero.parsing import words
from tensorzero.parsing.columns import span_of
from tensorzero.parsing.value_shapes import Path, Shape, WrongShapeError, path_text
from tensorzero.parsing.words import invalid_type, unexpected
from tensorzero.types import TensorZeroInternalError, TensorZeroTypeEncoder

_ENCODE = TensorZeroTypeEncoder().default
_BEYOND_SINGLE = 2.0**128 - 2.0**103  # the first that rounds to an infinite 32-bit float
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def plain(value: Any, target: str) -> Any:
    """A copy of a caller's value made of dicts, lists, text, numbers, booleans and None: later changes do not reach it.

    TypeError for what has no JSON form; `TensorZeroInternalError` for NaN, infinities, lone surrogates and more than
    127 containers inside each other, with the path to them.
    """
    try:
        text = orjson.dumps(value, default=_ENCODE, option=_OPTIONS)
    except TypeError:  # keys that are not text, integers beyond 64 bits, surrogates, or no JSON at all
        return _plain_by_json(value, target)
    if b"null" in text or _holds_enum(value):  # this writer says null for NaN and what an enum holds: neither must pass
        return _plain_by_json(value, target)
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH:  # it may be nested too deeply
        return _plain_by_json(value, target)
    return orjson.loads(text)


def _holds_enum(value: Any) -> bool:
    """Whether there is a member of an enum that is neither text nor number, which has no JSON form (observed 2026.6.0)."""
    if isinstance(value, dict):
        return any(map(_holds_enum, cast("dict[Any, Any]", value).values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_enum, cast("list[Any]", value)))
    return isinstance(value, Enum) and not isinstance(value, (str, int, float))


def _plain_by_json(value: Any, target: str) -> Any:
    text = json.dumps(value, cls=TensorZeroTypeEncoder)
    place = fault_place(json.loads(text))
    if place is None:
        return orjson.loads(text)
    from tensorzero.parsing.json_fault import json_fault

    raise _failure(target, f"{place}{json_fault(text) or 'expected value'}")


def shaped(value: Any, target: str, read: Callable[[Any], Any]) -> Any:
    """`read` of a plain copy, with its `WrongShapeError` as the error that callers see."""
    copy = plain(value, target)
    try:
        return read(copy)
    except WrongShapeError as wrong:
        raise shape_error(copy, target, wrong) from None


def checked(value: Any, target: str, shape: Shape) -> Any:
    """A plain copy of a caller's value that has the shape. Raises like `shaped`."""
    copy = plain(value, target)
    try:
        shape(copy, ())
    except WrongShapeError as wrong:
        raise shape_error(copy, target, wrong) from None
    return copy


def shape_error(value: Any, target: str, wrong: WrongShapeError) -> TensorZeroInternalError:
    if not wrong.placed:
        return _failure(target, wrong.reason)
    where = path_text(wrong.path)
    span = span_of(value, wrong.path)
    column = (span.key_end if wrong.at_key else span.start if wrong.at_start else span.end) + wrong.past
    return _failure(target, f"{where}{': ' if where else ''}{wrong.reason} at line 1 column {column}")


def _failure(target: str, reason: str) -> TensorZeroInternalError:
    return refused(TensorZeroInternalError(f"Failed to deserialize JSON to {target}: {reason}"))


def text(value: Any, path: Path) -> str:
    if not isinstance(value, str):
        raise WrongShapeError(path, invalid_type(value, "a string"))
    return value


def number(value: Any, path: Path) -> float:
    """A 32-bit float; a whole number goes on as one too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WrongShapeError(path, invalid_type(value, "f32"))
    if abs(value) >= _BEYOND_SINGLE:
        raise WrongShapeError(path, "number out of range")
    return float(value)


def unsigned(value: Any, path: Path) -> int:
    return _integer(value, path, 0, 2**32 - 1, "u32")


def integer(value: Any, path: Path) -> int:
    return _integer(value, path, -(2**31), 2**31 - 1, "i32")


def _integer(value: Any, path: Path, least: int, most: int, expected: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongShapeError(path, invalid_type(value, expected))
    if not least <= value <= most:
        raise WrongShapeError(path, f"invalid value: {unexpected(value)}, expected {expected}")
    return value


def texts(value: Any, path: Path) -> list[str]:
    if not isinstance(value, list):
        raise WrongShapeError(path, invalid_type(value, "a sequence"))
    return [text(item, (*path, at)) for at, item in enumerate(cast("list[Any]", value))]


def one_of(*names: str) -> Callable[[Any, Path], str]:
    def read(value: Any, path: Path) -> str:
        if not isinstance(value, str):
            raise WrongShapeError(path, "expected value")
        if value not in names:
            raise WrongShapeError(path, words.unknown_variant(value, names))
        return value

    return read


def unknown_field(key: str, path: Path, names: tuple[str, ...]) -> WrongShapeError:
    return WrongShapeError((*path, key), words.unknown_field(key, names), at_key=True)
