"""32-bit floats, which is what the original keeps its parameters in."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable


def single(value: float) -> float:
    """What a 32-bit float makes of `value`, as the original sends it upstream (0.1 goes out as 0.10000000149011612)."""
    return struct.unpack("<f", struct.pack("<f", value))[0]  # type: ignore[no-any-return]


def shortest_single(value: float) -> float:
    """The shortest decimal that is the same 32-bit float, as the original stores it."""
    exact = single(value)
    for digits in range(6, 10):
        short = float(f"{exact:.{digits}g}")
        if single(short) == exact:
            return short
    return exact


def shortest_singles(values: Iterable[float]) -> list[float]:
    """`shortest_single` of each, in a fraction of the time. Raises OverflowError for what is no 32-bit float."""
    exact = array("f", values)
    short = list(exact)
    left: Iterable[int] = range(len(exact))
    for digits in range(6, 10):
        for at in left:
            short[at] = float(f"{exact[at]:.{digits}g}")
        rounded = array("f", short)
        left = [at for at in left if rounded[at] != exact[at]]
    return short
