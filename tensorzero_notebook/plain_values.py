"""Values of Python as text, where that runs no code of theirs: texts, numbers, times, and lists and dicts of them as JSON.

`issubclass(type(value), …)` rather than `isinstance`: a proxy may compute its `__class__`.
"""

from __future__ import annotations

import datetime
import inspect
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, GetSetDescriptorType, MethodType, ModuleType
from typing import Any
from uuid import UUID

from tensorzero_notebook.nearest import did_you_mean

_WITH_TEXT = (Decimal, Fraction, UUID, PurePath, datetime.date, datetime.time, datetime.timedelta)
_HOMES = ("decimal", "fractions", "uuid", "pathlib", "datetime", "pandas", "numpy", "uuid_utils")
"""Whose `str` is known to be plain."""
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)
_DEEPEST = 50
_MISSING = object()


class NotPlain(Exception):
    """A value without a plain text. `hint` is the next step, where there is one."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Step:
    """One step into a value: `[key]`, or `.key` where `field`."""

    key: str | int
    field: bool = False


def is_data(value: Any) -> bool:
    """Whether it is neither a module, nor a class, nor a function."""
    return not (issubclass(type(value), (ModuleType, type)) or callable(value))


def value_inside(value: Any, name: str, steps: Sequence[Step]) -> Any:
    """What `name` and its steps lead to. Only what is stored is looked at: no property, no method, no `__getitem__` of the
    user's. Raises `NotPlain`."""
    for step in steps:
        found, there = _field(value, str(step.key)) if step.field else _item(value, step.key)
        if found is _MISSING:
            near = did_you_mean(str(step.key), [one for one in there if isinstance(one, str)])
            raise NotPlain(f"{name}, {kind_of(value)}, has no {step.key!r} that can be read", near.strip() or None)
        value = found
        name = f"{name}.{step.key}" if step.field else f"{name}[{step.key!r}]"
    return value


def _item(value: Any, key: str | int) -> tuple[Any, Sequence[Any]]:
    """The item, or `_MISSING`, and the keys that there are."""
    if issubclass(type(value), dict):
        return dict.get(value, key, _MISSING), list(dict.keys(value))
    for kind in (list, tuple, str):
        if issubclass(type(value), kind) and isinstance(key, int):
            inside = -kind.__len__(value) <= key < kind.__len__(value)
            return (kind.__getitem__(value, key) if inside else _MISSING), ()
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None and type(value) is pandas.Series:
        return (value.at[key] if key in value.index else _MISSING), list(value.index)
    if numpy is not None and type(value) is numpy.ndarray and value.ndim and isinstance(key, int):
        return (value[key] if -len(value) <= key < len(value) else _MISSING), ()
    return _MISSING, ()


def _field(value: Any, name: str) -> tuple[Any, Sequence[str]]:
    """The stored attribute, or `_MISSING`, and the names that there are."""
    if issubclass(type(value), ModuleType):
        return _MISSING, ()
    found = inspect.getattr_static(value, name, _MISSING)
    if inspect.ismemberdescriptor(found) or type(found).__name__ == "_tuplegetter":  # slots, named tuples: no code
        try:
            found = found.__get__(value, type(value))
        except AttributeError:
            found = _MISSING
    elif hasattr(type(found), "__get__"):
        found = _MISSING
    stored = inspect.getattr_static(value, "__dict__", None)
    own = stored.__get__(value, type(value)) if type(stored) is GetSetDescriptorType else {}
    return found, [*own, *getattr(type(value), "__slots__", ()), *getattr(type(value), "_fields", ())]


def text_of(value: Any) -> str:
    """Raises `NotPlain`."""
    text = _scalar_text(value)
    if text is not None:
        return text
    if issubclass(type(value), (dict, list, tuple, set, frozenset)):
        return json.dumps(_for_json(value, 0), ensure_ascii=False)
    raise NotPlain(f"it is {kind_of(value)}", _way_to_text(value))


def formatted(value: Any, spec: str) -> str:
    """A number in Python's format. Raises `NotPlain`."""
    if type(value).__module__ == "numpy" and not issubclass(type(value), (int, float)) and hasattr(value, "item"):
        value = value.item() if not getattr(value, "ndim", 0) else value
    try:
        if issubclass(type(value), int) and not issubclass(type(value), bool):
            return int.__format__(value, spec)
        if issubclass(type(value), float):
            return float.__format__(value, spec)
        if type(value) is Decimal:
            return format(value, spec)
    except (ValueError, OverflowError) as error:
        raise NotPlain(str(error).rstrip(".")) from None
    raise NotPlain(f"a format is for numbers, and it is {kind_of(value)}")


def _scalar_text(value: Any) -> str | None:
    """None for what is no scalar."""
    if issubclass(type(value), Enum):
        return _scalar_text(value.__dict__.get("_value_"))
    if value is None or issubclass(type(value), bool):
        return str(value)
    for kind in (str, int, float):
        if issubclass(type(value), kind):
            try:
                return kind.__str__(value) if kind is str else kind.__repr__(value)
            except ValueError as error:  # an integer of thousands of digits
                raise NotPlain(str(error).rstrip(".")) from None
    home = type(value).__module__.partition(".")[0]
    if home not in _HOMES:
        return None
    numpy = sys.modules.get("numpy")
    simple = numpy is not None and issubclass(type(value), numpy.generic) and value.dtype.kind in "biufcMmU"
    if simple or issubclass(type(value), _WITH_TEXT) or (home == "uuid_utils" and type(value).__name__ == "UUID"):
        return str(value)
    return None


def _for_json(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise NotPlain(f"it is nested more than {_DEEPEST} deep")
    if issubclass(type(value), dict):
        return {_key_text(key): _for_json(one, depth + 1) for key, one in dict.items(value)}
    for kind in (list, tuple, set, frozenset):
        if issubclass(type(value), kind):
            return [_for_json(one, depth + 1) for one in kind.__iter__(value)]
    if value is None or issubclass(type(value), bool) or type(value) in (int, float):
        return value
    text = _scalar_text(value)
    if text is None:
        raise NotPlain(f"there is {kind_of(value)} in it", "Make text of it first.")
    number = issubclass(type(value), (int, float)) or (type(value).__module__ == "numpy" and value.dtype.kind in "iufb")
    return _number(value) if number else text


def _number(value: Any) -> Any:
    """numpy's numbers and those of enums, as Python's."""
    return value.item() if type(value).__module__ == "numpy" else value + 0


def _key_text(key: Any) -> str:
    text = _scalar_text(key)
    if text is None:
        raise NotPlain(f"there is {kind_of(key)} among its keys")
    return text


def kind_of(value: Any) -> str:
    """In words: `a module`, `a function`, `a DataFrame`."""
    if issubclass(type(value), ModuleType):
        return "a module"
    if issubclass(type(value), type):
        return "a class"
    if issubclass(type(value), _FUNCTIONS):
        return "a function"
    name = type(value).__name__
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


def _way_to_text(value: Any) -> str | None:
    name = type(value).__name__
    if name == "DataFrame":
        return "Make text of it first: table = frame.to_csv(index=False), then {table}."
    if hasattr(type(value), "tolist"):
        return "Make a list of it first: values = it.tolist(), then {values}."
    return "Make text of it first: words = str(it), then {words}." if is_data(value) else None
