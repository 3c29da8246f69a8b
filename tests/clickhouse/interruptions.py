"""Interrupts where they hurt: KeyboardInterrupt at a chosen step of chosen modules, as Ctrl-C or a kernel's Stop brings it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

ROOM = "tensorzero/clickhouse/"
MODULES = (
    "spool",
    "segment",
    "layout",
    "pending",
    "writer",
    "delivery",
    "division",
    "stubborn",
    "replay",
    "orphans",
    "refused",
)
"""guard.py is left out: it lets go of a lock in steps of which CPython looks for signals at none, but a tracer at each."""


class Interrupt:
    """While a call runs under it, its `step`-th line (or `opcodes`: bytecode) in the modules raises KeyboardInterrupt."""

    def __init__(self, step: int, *, modules: tuple[str, ...] = MODULES, opcodes: bool = False) -> None:
        self._left = step
        self._event = "opcode" if opcodes else "line"
        self._files = tuple(f"{ROOM}{name}.py" for name in modules)
        self.where = ""

    def call(self, function: Callable[..., Any], *args: Any) -> bool:
        """Whether `function(*args)` returned; False when it was interrupted, `where` says at what line."""
        return next(self._contained(function, args))

    def _contained(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Iterator[bool]:
        """A generator has a state of exceptions of its own: an interrupt on the first step of a handler leaves the handled
        exception there, where it would else be the context of every later exception of this thread."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            function(*args)
        except KeyboardInterrupt:
            returned = False
        else:
            returned = True
        finally:
            sys.settrace(before)
        yield returned

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if frame.f_code.co_name == "__del__":  # what a finalizer raises, Python drops
            return None
        if not frame.f_code.co_filename.replace("\\", "/").endswith(self._files):
            return None
        frame.f_trace_opcodes = self._event == "opcode"
        return self._step

    def _step(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if event == self._event:
            self._left -= 1
            if self._left == 0:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self._step
