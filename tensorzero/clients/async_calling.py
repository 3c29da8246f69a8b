"""How the asyncio client is built and closed, and how it carries a call out: as a task."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

from tensorzero.clients import arguments
from tensorzero.clients.async_evaluations import AsyncEvaluationJobHandler
from tensorzero.clients.async_streams import AsyncStreamWrapper
from tensorzero.clients.construction import (
    BaseTensorZeroGateway,
    embedded_arguments,
    embedded_transport,
    http_transport,
)
from tensorzero.clients.failures import unread
from tensorzero.clients.native import make
from tensorzero.clients.transport import Call, Transport
from tensorzero.runtime.running_loop import running_loop

if TYPE_CHECKING:
    from typing_extensions import Self


class AsyncCalling(BaseTensorZeroGateway):
    """All of the asyncio client but its API's methods."""

    __slots__ = ()

    @overload
    @classmethod
    def build_http(
        cls,
        *,
        gateway_url: str,
        timeout: float | None = None,
        verbose_errors: bool = False,
        async_setup: Literal[True] = True,
        api_key: str | None = None,
    ) -> asyncio.Future[Self]: ...

    @overload
    @classmethod
    def build_http(
        cls,
        *,
        gateway_url: str,
        timeout: float | None = None,
        verbose_errors: bool = False,
        async_setup: Literal[False],
        api_key: str | None = None,
    ) -> Self: ...

    @overload
    @classmethod
    def build_http(
        cls,
        *,
        gateway_url: str,
        timeout: float | None = None,
        verbose_errors: bool = False,
        async_setup: bool,
        api_key: str | None = None,
    ) -> asyncio.Future[Self] | Self: ...

    @classmethod
    def build_http(
        cls,
        *,
        gateway_url: str,
        timeout: float | None = None,
        verbose_errors: bool = False,
        async_setup: bool = True,
        api_key: str | None = None,
    ) -> asyncio.Future[Self] | Self:
        """A client of a gateway elsewhere; connects with the first call.

        `timeout` in seconds bounds each call. `verbose_errors` adds the causes to transport errors. `api_key` defaults to
        `TENSORZERO_API_KEY`. ValueError for a URL or a timeout that is none. To be awaited, but for `async_setup=False`.
        """
        transport = http_transport(gateway_url, timeout, verbose_errors, api_key)
        if not arguments.switch("async_setup", async_setup):
            return cls._of(transport, http=True)
        built: asyncio.Future[Self] = running_loop().create_future()
        built.set_result(cls._of(transport, http=True))
        return built

    @overload
    @classmethod
    def build_embedded(
        cls,
        *,
        config_file: str | None = None,
        clickhouse_url: str | None = None,
        postgres_url: str | None = None,
        valkey_url: str | None = None,
        timeout: float | None = None,
        async_setup: Literal[True] = True,
    ) -> asyncio.Future[Self]: ...

    @overload
    @classmethod
    def build_embedded(
        cls,
        *,
        config_file: str | None = None,
        clickhouse_url: str | None = None,
        postgres_url: str | None = None,
        valkey_url: str | None = None,
        timeout: float | None = None,
        async_setup: Literal[False],
    ) -> Self: ...

    @overload
    @classmethod
    def build_embedded(
        cls,
        *,
        config_file: str | None = None,
        clickhouse_url: str | None = None,
        postgres_url: str | None = None,
        valkey_url: str | None = None,
        timeout: float | None = None,
        async_setup: bool,
    ) -> asyncio.Future[Self] | Self: ...

    @classmethod
    def build_embedded(
        cls,
        *,
        config_file: str | None = None,
        clickhouse_url: str | None = None,
        postgres_url: str | None = None,
        valkey_url: str | None = None,
        timeout: float | None = None,
        async_setup: bool = True,
    ) -> asyncio.Future[Self] | Self:
        """A client with its gateway in this process.

        `config_file`: a TOML file or a glob of them; without one, a UserWarning and only the default function.
        `clickhouse_url` defaults to `TENSORZERO_CLICKHOUSE_URL`; without one, nothing is stored. `timeout` in seconds bounds
        each call. `TensorZeroInternalError` with every mistake of the configuration. To be awaited, but for
        `async_setup=False`, which blocks.
        """
        loop = running_loop() if arguments.switch("async_setup", async_setup) else None
        given = embedded_arguments(config_file, clickhouse_url, postgres_url, valkey_url, timeout)
        if loop is None:
            return cls._of(embedded_transport(*given), http=False)
        return loop.create_task(cls._build_elsewhere(*given))

    @classmethod
    async def _build_elsewhere(cls, *given: Any) -> Self:
        from tensorzero.runtime.nonblocking import AsyncRuntime

        return cls._of(await AsyncRuntime().blocking(embedded_transport, *given), http=False)

    @classmethod
    def _of(cls, transport: Transport, *, http: bool) -> Self:
        from tensorzero.runtime.nonblocking import AsyncRuntime

        client = make(cls)
        client._transport, client._runtime, client._http = transport, AsyncRuntime(), http
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> tuple[()]:
        return await self.close()

    async def close(self) -> tuple[()]:
        """Write out what waits and drop idle connections. The client stays usable. The result is `()`, as the original's."""
        if not self._http:
            await self._runtime.blocking(self._transport.close)
        self._runtime.http.close()
        return ()

    def _send(self, call: Call) -> asyncio.Task[Any]:
        return _running(self._answer, call)

    def _infer(self, call: Call) -> asyncio.Task[Any]:
        return _running(self._stream if call.stream else self._answer, call)

    def _evaluate(self, call: Call) -> asyncio.Task[AsyncEvaluationJobHandler]:
        return _running(self._handler, call)

    async def _answer(self, call: Call) -> Any:
        reply = await self._transport.send(call, self._runtime)
        try:
            return call.read(reply)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise unread(call.path, error) from error

    async def _stream(self, call: Call) -> AsyncStreamWrapper:
        return AsyncStreamWrapper(self, await self._transport.stream(call, self._runtime), call.read)

    async def _handler(self, call: Call) -> AsyncEvaluationJobHandler:
        return await AsyncEvaluationJobHandler.begin(self, await self._transport.stream(call, self._runtime))


def _running(method: Callable[[Call], Coroutine[Any, Any, Any]], call: Call) -> asyncio.Task[Any]:
    """A task of the running loop; from Python 3.12 on it begins at once, which saves a turn of the loop."""
    loop = running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(method(call), loop=loop, eager_start=True)
    return loop.create_task(method(call))
