"""What `inference(stream=True)` returns: chunks handed out one by one from batches that arrived together."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from tensorzero.clients.failures import unread_chunk
from tensorzero.clients.native import Native, native_repr
from tensorzero.clients.notices import warn
from tensorzero.runtime.drive import drive
from tensorzero.types import InferenceChunk

DROPPED = "Stream was garbage-collected without being iterated to completion"
NONE = object()


class Chunks(Native):
    """The part that both streams share: where the next chunk is, and whether there can be one."""

    __slots__ = ("__weakref__", "_batches", "_broken", "_done", "_gateway", "_items", "_read")

    def __init__(self, gateway: object, batches: AsyncIterator[list[Any]], read: Callable[[Any], Any]) -> None:
        self._gateway = gateway  # it must outlive its stream
        self._batches: Any = batches
        self._read = read
        self._items: Iterator[Any] = iter(())
        self._done = self._broken = False

    def __repr__(self) -> str:
        return native_repr(self)

    def _given(self, item: Any) -> Any:
        """The chunk of an item; raises an item that is an error."""
        if isinstance(item, Exception):
            raise item
        try:
            return self._read(item)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._items, self._broken = iter(()), True
            raise unread_chunk() from error

    async def _pull(self) -> list[Any]:
        """The next batch that is not empty; an empty one at the end."""
        if self._broken and not self._done:
            await self._close()
        while not self._done:
            try:
                batch = await self._batches.__anext__()
            except StopAsyncIteration:
                self._done = True
                break
            if batch:
                return batch
        return []

    async def _close(self) -> None:
        self._done = True
        self._items = iter(())
        close = getattr(self._batches, "aclose", None)
        if close is not None:
            await close()

    async def _stop(self) -> None:
        stop = getattr(self._batches, "stop", None)
        if stop is not None and not self._done:
            await stop({"stopped": "true"})
        await self._close()


class StreamWrapper(Chunks):
    """An iterator of chunks.

    An error inside the stream is raised at its turn; iteration may go on after it. Dropping the stream before its end
    closes it and says so on standard output. Extensions of ours: `close()` drops it without that notice, `stop()` also
    records the partial answer, tagged `stopped=true`, where the gateway is embedded.
    """

    __slots__ = ()

    def __iter__(self) -> StreamWrapper:
        return self

    def __next__(self) -> InferenceChunk:
        item = next(self._items, NONE)
        if item is NONE:
            self._items = iter(drive(self._pull()))
            item = next(self._items)
        return self._given(item)

    def close(self) -> None:
        """Drop the rest. Idempotent."""
        drive(self._close())

    def stop(self) -> None:
        """Drop the rest; an embedded gateway stores what came so far."""
        drive(self._stop())

    def __del__(self) -> None:
        if not getattr(self, "_done", True) and not sys.is_finalizing():
            warn(DROPPED)
            with contextlib.suppress(Exception):
                drive(self._close())
