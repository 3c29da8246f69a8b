"""Classes that callers receive and never make: the original's are native ones, and behave so (observed 2026.6.0)."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


class Native:
    """Parent of what is bound to this process, and may hold a key: neither copied nor pickled."""

    __slots__ = ()

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError(f"cannot pickle 'builtins.{type(self).__name__}' object")


class Received(Native):
    """Parent of such classes: no construction, and the original's default repr."""

    __slots__ = ("__weakref__",)

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
        raise TypeError(f"cannot create 'builtins.{cls.__name__}' instances")

    def __repr__(self) -> str:
        return native_repr(self)


def native_repr(value: object) -> str:
    return f"<builtins.{type(value).__name__} object at {id(value):#x}>"


def make(cls: type[T]) -> T:
    """An instance without its constructor."""
    return object.__new__(cls)


def refuse_subclass(cls: type, final: str) -> None:
    """For `__init_subclass__` of a final class."""
    raise TypeError(f"type 'builtins.{final}' is not an acceptable base type")
