"""32-bit floats, which is what the original keeps its parameters in."""

from __future__ import annotations

import struct


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
