"""Time-ordered ids in SQL, in the words that every ClickHouse build knows.

ClickHouse keeps a UUID as two 64-bit halves, the second one first in its own ordering, so that only a number sorts by time.
`…_uint` columns hold that number. chdb-core-lite lacks `toUInt128`, `toUInt256` and bit shifts, and cannot compare 128- and
256-bit numbers with `=` or `<`. It orders them, groups by them and looks them up with `IN`, which uses the primary key. So:

- `id_uint IN (number)`, not `id_uint = number`; compare by time with `first_half`;
- join on ids as UUIDs, not on numbers (a join filter compares with `=` where it holds a single value);
- `LIMIT 1 BY` or `GROUP BY` the key of a table that is ordered by numbers, not `FINAL` (which splits ranges with `<`).
"""

from __future__ import annotations


def number_of(uuid: str) -> str:
    """SQL: a UUID expression as its big-endian 128-bit number, Python's `UUID.int` (what `toUInt128` gives)."""
    return f"reinterpretAsUInt128({swapped(uuid)})"


def uuid_of(number: str) -> str:
    """SQL: the UUID of such a number; statements may also call `uint_to_uuid(number)`."""
    return f"reinterpretAsUUID({swapped(number)})"


def swapped(value: str) -> str:
    """SQL: the 16 bytes of a UUID or 128-bit number with their halves exchanged."""
    return f"concat(substring(reinterpretAsFixedString({value}), 9, 8), substring(reinterpretAsFixedString({value}), 1, 8))"


def first_half(uuid: str) -> str:
    """SQL: the upper 64 bits, milliseconds first: what to compare ids by time with, whatever the build."""
    return f"reinterpretAsUInt64(substring(reinterpretAsFixedString({uuid}), 1, 8))"
