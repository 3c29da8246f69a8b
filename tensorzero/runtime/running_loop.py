"""The event loop of the caller, or a sentence where there is none."""

from __future__ import annotations

import asyncio
import sys
from typing import Any


class NoEventLoopError(RuntimeError):
    """No asyncio event loop runs here. `hint` is the next step."""

    def __init__(self) -> None:
        if _under_trio():
            super().__init__("no running event loop of asyncio: this is trio, and the asyncio client needs one")
            self.hint = "Call the blocking `TensorZeroGateway` in `await trio.to_thread.run_sync(...)`."
        else:
            super().__init__("no running event loop: the asyncio client needs one")
            self.hint = "Await it inside `asyncio.run(...)`, or call the blocking `TensorZeroGateway`."
        add_note: Any = getattr(self, "add_note", None)
        if add_note is not None:
            add_note(self.hint)


def running_loop() -> asyncio.AbstractEventLoop:
    """Raises `NoEventLoopError` outside of one, as under trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise NoEventLoopError from None


def _under_trio() -> bool:
    trio: Any = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())
