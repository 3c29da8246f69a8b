"""Classes that callers receive and never make: the original's are native ones, and behave so (observed 2026.6.0)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")


def is_own(cls: type) -> bool:
    """Whether a class is this package's, and not one that somebody has made of it."""
    return cls.__module__.startswith("tensorzero.clients.")


class Native:
    """Parent of what is bound to this process, and may hold a key: neither copied nor pickled, nor a parent of others' classes.

    Its instances say that they are of the module `builtins`, as the original's do. The class itself says where it is written,
    so that `TensorZeroGateway??` and `help()` find it.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        if is_own(cls):
            return
        parent = next(base for base in cls.__mro__[1:] if is_own(base))
        if not vars(parent).get("_open_to_others"):
            raise TypeError(f"type 'builtins.{parent.__name__}' is not an acceptable base type")

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError(f"cannot pickle 'builtins.{type(self).__name__}' object")

    if not TYPE_CHECKING:  # type checkers know every attribute there is

        def __getattr__(self, name: str) -> Any:
            message = f"'builtins.{type(self).__name__}' object has no attribute '{name}'"
            raise AttributeError(message, name=name, obj=self)


class Received(Native):
    """Parent of such classes: no construction, and the original's default repr."""

    __slots__ = ("__weakref__",)

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
        raise TypeError(f"cannot create 'builtins.{cls.__name__}' instances")

    def __repr__(self) -> str:
        return native_repr(self)


class View(Received):
    """Parent of read-only attributes over a JSON object."""

    __slots__ = ("_value",)
    _value: dict[str, Any]

    @classmethod
    def _of(cls, value: dict[str, Any]) -> Any:
        view = make(cls)
        object.__setattr__(view, "_value", value)
        return view

    def _json(self) -> str:
        return json.dumps(self._value, indent=2, ensure_ascii=False, default=str)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'builtins.{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        self.__delattr__(name)

    def __delattr__(self, name: str) -> None:
        if hasattr(type(self), name):
            raise AttributeError(f"attribute '{name}' of 'builtins.{type(self).__name__}' objects is not writable")
        raise AttributeError(f"'builtins.{type(self).__name__}' object has no attribute '{name}'")


def native_repr(value: object) -> str:
    return f"<builtins.{type(value).__name__} object at {id(value):#x}>"


def make(cls: type[T]) -> T:
    """An instance without its constructor."""
    return object.__new__(cls)
