"""The asyncio runtime: everything happens on the caller's own loop, whichever loop that is at the time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.http_choice import asyncio_http
from tensorzero.runtime.running_loop import running_loop
from tensorzero.runtime.runtime import Http

T = TypeVar("T")


class AsyncRuntime:
    """See `Runtime`. One for any number of loops, one after another or at the same time."""

    def __init__(self) -> None:
        self.http: Http = asyncio_http()

    async def sleep(self, seconds: float, deadline: Deadline | None = None) -> None:
        if deadline is not None and deadline.remaining() < seconds:
            await asyncio.sleep(deadline.remaining())
            raise DeadlineExceeded(deadline)
        await asyncio.sleep(seconds)

    async def blocking(self, function: Callable[..., T], *args: Any, deadline: Deadline | None = None) -> T:
        loop = running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                result = function(*args)
            except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
                _tell(loop, outcome, outcome.set_exception, error)
            else:
                _tell(loop, outcome, outcome.set_result, result)

        # No executor: a loop that ends waits for its executor's threads, and so would Ctrl-C.
        try:
            threading.Thread(target=run, name="tensorzero-blocking", daemon=True).start()
        except RuntimeError:  # no thread can be started: the loop waits, rather than nobody gets an answer
            return function(*args)
        if deadline is None:
            return await outcome
        await asyncio.wait((outcome,), timeout=deadline.remaining())
        if not outcome.done():
            outcome.cancel()
            raise DeadlineExceeded(deadline)
        return outcome.result()

    async def gather(self, *coroutines: Coroutine[Any, Any, T]) -> list[T | Exception]:
        results = await asyncio.gather(*coroutines, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Exception):
                raise result
        return [result for result in results if not isinstance(result, BaseException) or isinstance(result, Exception)]


def _tell(loop: asyncio.AbstractEventLoop, outcome: asyncio.Future[Any], settle: Callable[[Any], None], value: Any) -> None:
    """Settle the future on its loop, if anybody is still there."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(lambda: None if outcome.done() else settle(value))
