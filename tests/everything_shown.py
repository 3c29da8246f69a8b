"""All that an exception shows to anybody: what a reader, a logger, a debugger or a saved notebook gets of it."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Iterator
from typing import Any


def all_of(error: BaseException) -> str:
    """Its texts, arguments, attributes, notes and printed traceback, and those of its whole chain, hidden or not."""
    shown: list[str] = []
    waiting: list[BaseException] = [error]
    seen: list[BaseException] = []
    while waiting:
        one = waiting.pop()
        if any(one is other for other in seen):
            continue
        seen.append(one)
        shown += [str(one), repr(one), repr(one.args), repr(vars(one)), "".join(traceback.format_exception(one))]
        shown += [str(value) for value in vars(one).values()]
        shown += [str(dict(value.headers)) for value in vars(one).values() if hasattr(value, "headers")]
        waiting += [found for found in (one.__cause__, one.__context__) if found is not None]
        waiting += [found for found in [*one.args, *vars(one).values()] if isinstance(found, BaseException)]
    return "\n".join(shown)


@contextlib.contextmanager
def written_logs() -> Iterator[list[str]]:
    """What any logger writes at any level."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, handler = logging.getLogger(), Kept()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def pieces(secret: str, size: int = 8) -> set[str]:
    return {secret[at : at + size] for at in range(len(secret) - size + 1)}


def leaked(secret: str, text: Any, size: int = 8) -> list[str]:
    """The pieces of the secret that the text shows."""
    shown = str(text)
    return sorted(piece for piece in pieces(secret, size) if piece in shown)
