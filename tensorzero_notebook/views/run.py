"""One streamed inference in a thread of its own, with a Stop that also works while the model is silent."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.response import ResponseBuilder

OpenStream = Callable[..., Awaitable[Any]]


class ComposerRun:
    """Reads the stream on an event loop of its own, so that a stop can end a wait. The answer ends when the row is stored."""

    def __init__(
        self, open_stream: OpenStream, request: Mapping[str, Any], answer: AnswerView, remember: Callable[[Any], None]
    ) -> None:
        """`remember` gets the response, whole or partial, before the answer ends."""
        self._open_stream = open_stream
        self._request = request
        self._answer = answer
        self._remember = remember
        self._builder = ResponseBuilder()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stream: Any = None
        self._stopped = False

    def start(self) -> None:
        threading.Thread(target=self._work, name="tensorzero-composer-run", daemon=True).start()

    def stop(self) -> None:
        """End it, from any thread; what came is stored, tagged `stopped=true`. After the end this does nothing."""
        with self._lock:
            self._stopped = True
            if self._loop is not None and self._reading is not None:
                self._loop.call_soon_threadsafe(self._reading.cancel)

    def _work(self) -> None:
        try:
            asyncio.run(self._converse())
        except Exception as error:  # noqa: BLE001 - whatever went wrong is told in the panel
            self._answer.fail(error)
        response = self._builder.response()
        if response is not None:
            self._remember(response)
        if self._stopped:
            self._answer.stop()
        else:
            self._answer.finish()

    async def _converse(self) -> None:
        reading = asyncio.ensure_future(self._read())
        with self._lock:
            self._loop, self._reading = asyncio.get_running_loop(), reading
            if self._stopped:
                reading.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await reading
        finally:
            with self._lock:
                self._reading = None
        if self._stopped and self._stream is not None:
            await self._stream.stop()

    async def _read(self) -> None:
        self._stream = await self._open_stream(**self._request)
        async for chunk in self._stream:
            self._builder.add(chunk)
            self._answer.feed_chunk(chunk)
            if self._stopped:  # a stream that never waits gives a cancellation no turn
                break


def asynchronous(client: Any) -> Any:
    """An `AsyncTensorZeroGateway` on the transport of a `TensorZeroGateway`: the same gateway, database and keys."""
    from tensorzero import AsyncTensorZeroGateway

    of = AsyncTensorZeroGateway._of  # pyright: ignore[reportPrivateUsage] - the clients share a package, and one gateway
    return of(client._transport, http=client._http)
