"""Random changes of JSON values and of text, decided by a `random.Random` alone."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

SCALARS: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 0.5, -0.0, 1e308, "", " ", "x", "é\n",
    "\x00", "\ud800", "tensorzero::x", "env::NO_SUCH_VARIABLE", "none", "{}", "[", "1e999", "null", "../..", "a" * 300,
]  # fmt: skip
CONTAINERS: list[Any] = [[], {}, [None], [[]], {"": None}, [{}], {"type": "x"}, {"a": {"b": [1, {"c": None}]}}]
WORDS = [
    "type",
    "text",
    "null",
    "true",
    "{",
    "}",
    "[",
    "]",
    '"',
    ",",
    ":",
    "=",
    "\n",
    "\\",
    "\\u0000",
    "-",
    "1e5",
    "é",
    "\ufeff",
]


def some_value(choose: Random) -> Any:
    return copy.deepcopy(choose.choice(SCALARS if choose.random() < 0.7 else CONTAINERS))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with a key or an index in it."""
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in keys:
        found.append((value, key))
        found.extend(places(value[key]))
    return found


def mutate(value: Any, choose: Random, words: list[str], values: list[Any] | None = None, changes: int = 1) -> Any:
    """A changed copy. `words`: keys and texts that mean something here; `values`: values that do."""
    value = copy.deepcopy(value)
    for _ in range(changes):
        all_places = places(value)
        if not all_places:
            return some_value(choose)
        container, key = choose.choice(all_places)
        _change(container, key, choose, words, values or [], all_places)
    return value


def _change(
    container: Any, key: Any, choose: Random, words: list[str], values: list[Any], others: list[tuple[Any, Any]]
) -> None:
    match choose.randrange(9):
        case 0:
            del container[key]
        case 1 | 2:
            container[key] = some_value(choose)
        case 3:
            container[key] = copy.deepcopy(choose.choice(values)) if values else choose.choice(words)
        case 4 if isinstance(container, dict):
            container[choose.choice(words)] = container.pop(key)
        case 5 if isinstance(container, dict):
            container[choose.choice(words)] = some_value(choose)
        case 4 | 5:
            container.insert(key, copy.deepcopy(choose.choice(container)))
        case 6:
            other, place = choose.choice(others)
            if place in other if isinstance(other, dict) else place < len(other):
                container[key] = copy.deepcopy(other[place])
        case 7 if isinstance(container[key], str):
            container[key] = mutate_text(container[key], choose)
        case 7:
            container[key] = [container[key]]
        case _:
            container[key] = choose.choice(words)


def mutate_text(text: str, choose: Random) -> str:
    """One change: cut, repeated, replaced, or words put in."""
    start = choose.randrange(len(text) + 1)
    end = min(len(text), start + choose.randrange(1, 12))
    match choose.randrange(6):
        case 0:
            return text[:start] + text[end:]
        case 1:
            return text[:end] + text[start:]
        case 2:
            return text[:start]
        case 3:
            return text[:start] + chr(choose.choice([0, 9, 34, 92, 127, 0x85, 0x2028, 0xFFFF, 0x1F600])) + text[start:]
        case _:
            return text[:start] + choose.choice(WORDS) + text[end:]


def mutate_bytes(data: bytes, choose: Random) -> bytes:
    """One change of bytes: flipped, cut, doubled, or lines out of order."""
    start = choose.randrange(len(data) + 1)
    end = min(len(data), start + choose.randrange(1, 40))
    match choose.randrange(6):
        case 0 if start < len(data):
            return data[:start] + bytes([data[start] ^ (1 << choose.randrange(8))]) + data[start + 1 :]
        case 1:
            return data[:start]
        case 2:
            return data[:start] + data[end:]
        case 3:
            return data[:end] + data[start:]
        case 4:
            lines = data.split(b"\n")
            choose.shuffle(lines)
            return b"\n".join(lines)
        case _:
            return data[:start] + choose.choice(WORDS).encode() + data[start:]


def pieces(data: bytes, choose: Random) -> list[bytes]:
    """The data as it might arrive, cut anywhere."""
    cuts = sorted({choose.randrange(1, max(2, len(data))) for _ in range(choose.randrange(6))})
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return [part for part in parts if part]
