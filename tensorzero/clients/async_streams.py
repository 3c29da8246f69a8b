"""What an asyncio client's `inference(stream=True)` resolves to."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from tensorzero.clients.notices import warn
from tensorzero.clients.streams import DROPPED, NONE, Chunks
from tensorzero.types import InferenceChunk, TensorZeroInternalError

_ORPHANED = "Internal TensorZero Error: Error in streaming response: the event loop that this stream began in is closed"
_closing: set[asyncio.Task[None]] = set()  # a loop holds its tasks only weakly


class AsyncStreamWrapper(Chunks):
    """An async iterator of chunks; see `StreamWrapper`. `aclose` and `stop` are awaited."""

    __slots__ = ("_loop",)

    def __init__(self, gateway: object, batches: AsyncIterator[list[Any]], read: Callable[[Any], Any]) -> None:
        super().__init__(gateway, batches, read)
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> AsyncStreamWrapper:
        return self

    async def __anext__(self) -> InferenceChunk:
        item = next(self._items, NONE)
        if item is NONE:
            if self._loop.is_closed():  # it took the connection along, so the rest can't come
                raise TensorZeroInternalError(_ORPHANED)
            self._items = iter(await self._pull())
            item = next(self._items, NONE)
            if item is NONE:
                raise StopAsyncIteration
        return self._given(item)

    async def aclose(self) -> None:
        """Drop the rest. Idempotent."""
        await self._close()

    async def stop(self) -> None:
        """Drop the rest; an embedded gateway stores what came so far."""
        await self._stop()

    def __del__(self) -> None:
        if getattr(self, "_done", True) or sys.is_finalizing():
            return
        warn(DROPPED)
        close = getattr(self._batches, "aclose", None)
        if close is not None and self._loop.is_running():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_close_later, close)


def _close_later(close: Callable[[], Any]) -> None:
    async def run() -> None:
        with contextlib.suppress(Exception):
            await close()

    task = asyncio.get_running_loop().create_task(run())
    _closing.add(task)
    task.add_done_callback(_closing.discard)
