"""Methods that take keywords alone say in the original's words what is wrong with a call (observed 2026.6.0)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import getattr_static
from types import FunctionType
from typing import Any, TypeVar

from tensorzero.clients.failures import with_hint

T = TypeVar("T")


def keyword_calls(cls: type[T]) -> type[T]:
    """For a class: every public method that has keyword-only parameters becomes its own, those of its parents too.

    Where there is `_name` beside a method `name`, it is called straight away with what was given: few of `inference`'s 31
    arguments are, and handing on the others takes 3 µs.
    """
    for name in [name for name in dir(cls) if not name.startswith("_")]:
        member = getattr_static(cls, name)
        function = member.__func__ if isinstance(member, classmethod) else member  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(function, FunctionType) and function.__code__.co_kwonlyargcount:
            worded = _worded(function, f"{cls.__qualname__}.{name}", getattr(cls, f"_{name}", None))
            setattr(cls, name, classmethod(worded) if isinstance(member, classmethod) else worded)
    return cls


def _worded(method: FunctionType, title: str, straight: Callable[..., Any] | None) -> Callable[..., Any]:
    code, defaults = method.__code__, method.__kwdefaults__ or {}
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    known = frozenset(names)
    needed = tuple(name for name in names if name not in defaults)

    @wraps(method)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        if args:
            given = f"{len(args)} {'was' if len(args) == 1 else 'were'} given"
            raise TypeError(f"{title}() takes 0 positional arguments but {given}")
        for name in needed:
            if name not in kwargs and kwargs.keys() <= known:  # unknown ones are told of first
                missing = [f"'{name}'" for name in needed if name not in kwargs]
                count = f"{len(missing)} required keyword argument{'' if len(missing) == 1 else 's'}"
                raise TypeError(f"{title}() missing {count}: {_listed(missing)}")
        if straight is not None and kwargs.keys() <= known:
            return straight(self, kwargs)
        try:
            return method(self, **kwargs)
        except TypeError as error:
            if not kwargs.keys() <= known:
                with_hint(error, _unknown_hint(kwargs, names))
            raise

    call.__qualname__ = title
    return call


def _unknown_hint(given: Iterable[str], names: tuple[str, ...]) -> str | None:
    """For the first argument that the method does not take."""
    from difflib import get_close_matches

    from tensorzero.clients.inference_shapes import CHAT_COMPLETION_NAMES

    unknown = next(name for name in given if name not in names)
    if unknown in CHAT_COMPLETION_NAMES and "params" in names:
        return f'Parameters of a chat completion: params={{"chat_completion": {{"{unknown}": …}}}}'
    near = get_close_matches(unknown, names, 1)
    return f"Did you mean `{near[0]}`?" if near else None


def _listed(names: list[str]) -> str:
    if len(names) < 3:
        return " and ".join(names)
    return f"{', '.join(names[:-1])}, and {names[-1]}"
