"""A cache of values that can be made again at any time, by names that callers choose: it never grows beyond a limit."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

MOST_VALUES = 1_000
LONGEST_NAME = 500  # characters

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(dict[K, V]):
    """A dict that new values enter by `add`. When it is full it starts anew: no look-up pays for keeping order."""

    def add(self, key: K, value: V) -> V:
        """The value that `key` has already, else `value`, which is added unless its name is very long."""
        if isinstance(key, str) and len(key) > LONGEST_NAME:
            return value
        if len(self) >= MOST_VALUES:
            self.clear()
        return self.setdefault(key, value)
