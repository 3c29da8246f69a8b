"""In what parts a batch goes that keeps failing, so that the rows at fault stand alone soon and the others go through.

A part that fails is halved; after one that went through, the next may be twice as large. A row that is much larger than the
others is suspected first.
"""

from __future__ import annotations

from collections.abc import Sequence

HEAVY = 8
"""A row so many times larger than the others are on average stands alone at the first division."""


class Division:
    """The rows that are left of a batch. `part` is what to try next; whoever tried it says what came of it."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._left = list(lines)
        self._size = len(self._left)
        self._suspicious = True
        self._suspect: bytes | None = None

    @property
    def part(self) -> list[bytes]:
        """The rows to try next; none when all are through."""
        return self._left[: self._size]

    def went_through(self) -> None:
        """The part is in the database."""
        innocent = self._suspect is not None
        self._left = self._left[self._size :]
        self._suspect = None
        self._size = max(1, len(self._left) // 2) if innocent else self._size * 2

    def divide(self) -> None:
        """The part failed and has more than one row: the next is smaller."""
        if self._suspicious:
            self._suspicious = False
            heaviest = max(range(len(self.part)), key=lambda index: len(self._left[index]))
            weight, others = len(self._left[heaviest]), sum(map(len, self.part)) - len(self._left[heaviest])
            if weight * (len(self.part) - 1) > HEAVY * others:
                self._suspect = self._left.pop(heaviest)
                self._left.insert(0, self._suspect)
                self._size = 1
                return
        self._size = len(self.part) // 2

    def take_out(self) -> None:
        """The part was one row, which is seen to otherwise."""
        del self._left[0]
        if self._suspect is not None:
            self._suspect, self._size = None, max(1, len(self._left))

    def put_off(self) -> None:
        """The part was one row: try it behind the others, and all together first. Nothing goes through now."""
        self._left.append(self._left.pop(0))
        self._suspect, self._size = None, len(self._left)
