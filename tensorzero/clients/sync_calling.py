"""How the blocking client is built and closed, and how it carries a call out: at once, in the caller's thread."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from tensorzero.clients.construction import (
    BaseTensorZeroGateway,
    embedded_arguments,
    embedded_transport,
    http_transport,
)
from tensorzero.clients.failures import unread
from tensorzero.clients.native import make
from tensorzero.clients.streams import StreamWrapper
from tensorzero.clients.sync_evaluations import EvaluationJobHandler
from tensorzero.clients.transport import Call, Transport
from tensorzero.runtime.drive import drive

if TYPE_CHECKING:
    from typing_extensions import Self


class SyncCalling(BaseTensorZeroGateway):
    """All of the blocking client but its API's methods."""

    __slots__ = ()

    @classmethod
    def build_http(
        cls, *, gateway_url: str, timeout: float | None = None, verbose_errors: bool = False, api_key: str | None = None
    ) -> Self:
        """A client of a gateway elsewhere; connects with the first call.

        `timeout` in seconds bounds each call. `verbose_errors` adds the causes to transport errors. `api_key` defaults to
        `TENSORZERO_API_KEY`. ValueError for a URL or a timeout that is none.
        """
        return cls._of(http_transport(gateway_url, timeout, verbose_errors, api_key), http=True)

    @classmethod
    def build_embedded(
        cls,
        *,
        config_file: str | None = None,
        clickhouse_url: str | None = None,
        postgres_url: str | None = None,
        valkey_url: str | None = None,
        timeout: float | None = None,
    ) -> Self:
        """A client with its gateway in this process.

        `config_file`: a TOML file or a glob of them; without one, a UserWarning and only the default function.
        `clickhouse_url` defaults to `TENSORZERO_CLICKHOUSE_URL`; without one, nothing is stored. `timeout` in seconds bounds
        each call. `TensorZeroInternalError` with every mistake of the configuration.
        """
        given = embedded_arguments(config_file, clickhouse_url, postgres_url, valkey_url, timeout)
        return cls._of(embedded_transport(*given), http=False)

    @classmethod
    def _of(cls, transport: Transport, *, http: bool) -> Self:
        from tensorzero.runtime.blocking import BlockingRuntime

        client = make(cls)
        client._transport, client._runtime, client._http = transport, BlockingRuntime(), http
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write out what waits and drop idle connections. The client stays usable."""
        self._transport.close()
        self._runtime.http.close()

    def _send(self, call: Call) -> Any:
        reply = drive(self._transport.send(call, self._runtime))
        try:
            return call.read(reply)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise unread(call.path, error) from error

    def _infer(self, call: Call) -> Any:
        if not call.stream:
            return self._send(call)
        return StreamWrapper(self, drive(self._transport.stream(call, self._runtime)), call.read)

    def _evaluate(self, call: Call) -> EvaluationJobHandler:
        return EvaluationJobHandler.begin(self, drive(self._transport.stream(call, self._runtime)))
