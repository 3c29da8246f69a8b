"""One streamed inference in a thread of its own, with a Stop that also works while the model is silent."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tensorzero_notebook.views.answer import AnswerView

OpenStream = Callable[..., Awaitable[Any]]
WAIT_SECONDS = 1 / 20
"""How long `wait` waits at a time: an interrupt ends no wait that has already begun on Windows, or in another thread."""


class AnswerRun:
    """Reads the stream on an event loop of its own, so that a stop can end a wait. The answer ends when the row is stored."""

    def __init__(
        self, open_stream: OpenStream, request: Mapping[str, Any], answer: AnswerView, remember: Callable[[Any], None]
    ) -> None:
        """`remember` gets the response, whole or stopped, before the answer ends."""
        self._open_stream = open_stream
        self._request = request
        self._answer = answer
        self._remember = remember
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stream: Any = None
        self.stopping = False
        self._over = threading.Event()
        self._response: Any = None
        self._error: Exception | None = None

    def start(self) -> None:
        threading.Thread(target=self._work, name="tensorzero-run", daemon=True).start()

    def wait(self, meanwhile: Callable[[], object] = lambda: None) -> Any:
        """Until the end, calling `meanwhile` again and again. The first interrupt is a stop; another one is an interrupt.

        Returns the response, None where nothing came. Raises what the run failed with.
        """
        while not self._over.is_set():
            try:
                while not self._over.wait(WAIT_SECONDS):
                    meanwhile()
            except KeyboardInterrupt:
                if self.stopping:
                    raise
                self.stop()
        if self._error is not None:
            raise self._error
        return self._response

    def stop(self) -> None:
        """End it, from any thread; what came is stored, tagged `stopped=true`. After the end this does nothing."""
        with self._lock:
            self.stopping = True
            if self._loop is not None and self._reading is not None:
                self._loop.call_soon_threadsafe(self._reading.cancel)

    def _work(self) -> None:
        try:
            asyncio.run(self._converse())
            self._response = self._answer.response()
            if self._response is not None:
                self._remember(self._response)
        except Exception as error:  # noqa: BLE001 - whatever went wrong is told where the answer is shown
            self._error = error
            self._answer.fail(error)
        else:
            self._answer.stop() if self.stopping else self._answer.finish()
        finally:
            self._over.set()

    async def _converse(self) -> None:
        reading = asyncio.ensure_future(self._read())
        with self._lock:
            self._loop, self._reading = asyncio.get_running_loop(), reading
            if self.stopping:
                reading.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await reading
        except Exception:
            if self._stream is not None:  # one that failed may have more to say
                await self._stream.aclose()
            raise
        finally:
            with self._lock:
                self._reading = None
        if self.stopping and self._stream is not None:
            await self._stream.stop()

    async def _read(self) -> None:
        self._stream = await self._open_stream(**self._request)
        async for chunk in self._stream:
            self._answer.feed_chunk(chunk)
            if self.stopping:  # a stream that never waits gives a cancellation no turn
                break


def asynchronous(client: Any) -> Any:
    """An `AsyncTensorZeroGateway` on the transport of a `TensorZeroGateway`: the same gateway, database and keys."""
    from tensorzero import AsyncTensorZeroGateway

    of = AsyncTensorZeroGateway._of  # pyright: ignore[reportPrivateUsage] - the clients share a package, and one gateway
    return of(client._transport, http=client._http)
