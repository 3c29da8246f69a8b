"""The event loop of the caller, or a sentence where there is none."""

from __future__ import annotations

import asyncio
import sys

_NO_LOOP = "no running event loop"


class NoEventLoopError(RuntimeError):
    """No asyncio event loop runs here. `hint` is the next step."""

    def __init__(self) -> None:
        super().__init__(f"{_NO_LOOP}: this client needs one of asyncio")
        self.hint = "Call it inside `asyncio.run(...)`, or use `TensorZeroGateway`, which needs no event loop."
        if "trio" in sys.modules:
            self.hint = "Under trio, call `TensorZeroGateway` in `trio.to_thread.run_sync(...)`."


def running_loop() -> asyncio.AbstractEventLoop:
    """Raises `NoEventLoopError` outside of one, as under trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise NoEventLoopError from None
