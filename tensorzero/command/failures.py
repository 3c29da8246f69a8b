"""What stops a command before anything is written."""

from __future__ import annotations

from collections.abc import Sequence


class CommandError(Exception):
    """Every reason, one a line, and the next step where there is one. Nothing was written."""

    def __init__(self, *mistakes: str, hint: str | None = None) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes: Sequence[str] = mistakes
        self.hint = hint
