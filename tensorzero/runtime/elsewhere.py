"""Work that goes on while its caller waits for the next result: a loop of its own, in a thread of its own."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from tensorzero.runtime.runtime import Runtime

_END = object()


class Elsewhere:
    """Batches of what `work(put, stopping, runtime)` puts, in order. It ends with the work; an error of the work comes last.

    `stopping` is set when nobody reads any more: the work is to begin nothing new, and to end what it has begun.
    """

    def __init__(
        self, work: Callable[[Callable[[Any], None], threading.Event, Runtime], Coroutine[Any, Any, None]], runtime: Runtime
    ) -> None:
        """`runtime`: that of whoever reads."""
        self._work = work
        self._runtime = runtime
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="tensorzero-elsewhere", daemon=True)
        self._thread.start()

    def __aiter__(self) -> AsyncIterator[list[Any]]:
        return self

    async def __anext__(self) -> list[Any]:
        if self._over:
            raise StopAsyncIteration
        batch = [await self._runtime.blocking(self._results.get)]
        while not self._results.empty():
            batch.append(self._results.get())
        if batch[-1] is _END:
            self._over = True
            batch.pop()
            if not batch:
                raise StopAsyncIteration
        return batch

    async def aclose(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._over = True
        self._stopping.set()
        await self._runtime.blocking(self._thread.join)

    def _run(self) -> None:
        try:
            asyncio.run(self._in_loop())
        except Exception as error:  # noqa: BLE001 - it is raised where the results are read
            self._results.put(error)
        finally:
            self._results.put(_END)

    async def _in_loop(self) -> None:
        from tensorzero.runtime.nonblocking import AsyncRuntime

        await self._work(self._results.put, self._stopping, AsyncRuntime())


async def at_once(concurrency: int, jobs: Callable[[], Coroutine[Any, Any, None] | None]) -> None:
    """Carry out what `jobs` hands out one by one until it says None, so many at the same time."""

    async def worker() -> None:
        while (job := jobs()) is not None:
            await job

    await asyncio.gather(*(worker() for _ in range(concurrency)))
