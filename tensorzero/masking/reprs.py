"""Reprs that show no secret and never raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from reprlib import recursive_repr
from typing import Any, TypeVar, cast

T = TypeVar("T")

_MISSING = object()
_SECRET_KEYS = frozenset(("credentials", "tensorzero::credentials", "extra_headers", "tensorzero::extra_headers"))


class Hidden(str):
    """A secret that is kept where somebody may look: text like any other, but for its repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[hidden]'"


def discreet(*hidden: str) -> Callable[[type[T]], type[T]]:
    """For a dataclass: the fields named are not shown where they hold something, nor what of a request's body is secret; what
    the others show is masked.

    A value that is not there, or whose own repr raises, is shown as `…`.
    """

    def decorate(cls: type[T]) -> type[T]:
        shown: Any = fields(cls)  # type: ignore[arg-type]

        @recursive_repr("…")
        def __repr__(self: Any) -> str:  # noqa: N807
            from tensorzero.masking.mask import mask

            parts = [f"{field.name}={_shown(self, field.name, hidden)}" for field in shown if field.repr]
            return mask(f"{type(self).__qualname__}({', '.join(parts)})")

        cls.__repr__ = __repr__  # type: ignore[method-assign]
        return cls

    return decorate


def _shown(owner: Any, name: str, hidden: tuple[str, ...]) -> str:
    try:
        value = getattr(owner, name, _MISSING)
        if value is _MISSING:
            return "…"
        if name in hidden and value:
            return "[hidden]"
        if isinstance(value, Mapping) and not _SECRET_KEYS.isdisjoint(cast("Mapping[Any, Any]", value)):
            value = {key: "[hidden]" if key in _SECRET_KEYS else held for key, held in cast("Mapping[Any, Any]", value).items()}
        return repr(value)
    except Exception:  # noqa: BLE001 - a repr is asked for when something is wrong already
        return "…"
