"""What people have at hand in pandas, numpy and Arrow as Python's own values. None of the three is imported here."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any


def python_value(value: Any) -> Any:
    """A scalar of numpy, pandas or Arrow as Python's; anything else as it is. Finer than microseconds is cut off."""
    if hasattr(value, "as_py"):
        value = value.as_py()
    if _home(value) == "numpy":
        if getattr(value, "ndim", None) != 0:
            return value
        if value.dtype.kind in "mM":
            return _numpy_time(value)
        return value.item()
    if _home(value) == "pandas":
        if hasattr(value, "to_pydatetime") and not hasattr(value, "__len__"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that nanoseconds go
                return None if is_missing(value) else value.to_pydatetime()
        if hasattr(value, "to_pytimedelta") and not hasattr(value, "__len__"):
            return value.to_pytimedelta()
    return value


def _home(value: Any) -> str:
    """The package of its type."""
    return type(value).__module__.partition(".")[0]


def _numpy_time(value: Any) -> Any:
    """`datetime64` or `timedelta64`; months and years are no timedelta, and stay."""
    if value != value:  # NaT
        return None
    name = value.dtype.name.partition("[")[0]
    if name == "timedelta64" and value.dtype.str.endswith(("[M]", "[Y]")):
        return value
    if value.dtype.str.endswith(("[Y]", "[M]", "[W]", "[D]")):
        return value.astype(f"{name}[D]").item()
    return value.astype(f"{name}[us]").item()


def is_missing(value: Any) -> bool:
    """None, NaN, NaT, pandas' NA."""
    if value is None or (isinstance(value, float) and value != value):
        return True
    return type(value).__name__ in ("NaTType", "NAType") and _home(value) == "pandas"


def several(value: Any) -> list[Any] | None:
    """One value or several (a list, a set, a Series, an Index, an array, a column of Arrow) as a list; None for None.

    Raises TypeError, whose message ends a sentence, for what holds other things than values in a row.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        raise TypeError("is a mapping")
    if getattr(value, "ndim", 1) not in (0, 1) or hasattr(value, "column_names"):
        raise TypeError(f"is a {type(value).__name__}: name one column of it")
    if isinstance(value, (str, bytes)) or getattr(value, "ndim", 1) == 0 or not isinstance(value, Iterable):
        return [python_value(value)]
    found = [python_value(one) for one in value]
    if any(is_missing(one) for one in found):
        raise TypeError("has a missing value in it: `.dropna()` takes it out")
    return found
