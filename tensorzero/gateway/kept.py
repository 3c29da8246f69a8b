"""Values that can be made again at any time, kept by a name that callers choose."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

MOST_KEPT = 1_000
LONGEST_NAME = 500  # characters

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(dict[K, V]):
    """A dict that new values enter by `keep`. When it is full it starts anew: no look-up pays for keeping order."""

    def keep(self, key: K, value: V) -> V:
        """The value that is kept for `key` already, else `value`, which is kept unless its name is very long."""
        if isinstance(key, str) and len(key) > LONGEST_NAME:
            return value
        if len(self) >= MOST_KEPT:
            self.clear()
        return self.setdefault(key, value)
