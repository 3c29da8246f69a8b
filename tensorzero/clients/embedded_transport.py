"""A gateway in this process. Failures leave here as the client's own errors."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from tensorzero.clients.encoded_body import read_input
from tensorzero.clients.failures import with_hint
from tensorzero.clients.transport import Call
from tensorzero.gateway.config.loading import load_config
from tensorzero.gateway.config.sections import Config
from tensorzero.gateway.errors import EvaluationFailed, GatewayError, NoSuchEvaluation
from tensorzero.gateway.gateway import Gateway
from tensorzero.gateway.opening import open_gateway
from tensorzero.gateway.request import Request
from tensorzero.gateway.routes import endpoint_of, stream_of
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.runtime import Runtime
from tensorzero.types import BaseTensorZeroError, TensorZeroError, TensorZeroInternalError

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Database

logger = logging.getLogger("tensorzero")
_NOTHING: Mapping[str, Any] = {}


class EmbeddedTransport:
    """Calls the routes directly: no server, no serialisation."""

    def __init__(self, gateway: Gateway, timeout_s: float | None = None) -> None:
        self.gateway = gateway
        self._timeout_s = timeout_s

    @classmethod
    def build(
        cls, config_file: str | None = None, clickhouse_url: str | None = None, timeout: float | None = None
    ) -> EmbeddedTransport:
        """Load the configuration, open the database, take over rows that dead processes left. Blocking.

        `timeout` bounds each call, in seconds. Raises `ConfigError` and `GatewayError`.
        """
        return cls(open_gateway(load_config(config_file), clickhouse_url), timeout)

    def _deadline(self) -> Deadline:
        assert self._timeout_s is not None
        return Deadline.after(self._timeout_s, lambda: TensorZeroInternalError("HTTP Error: request timed out"))

    def _request(self, call: Call, runtime: Runtime) -> Request:
        deadline = None if self._timeout_s is None else self._deadline()
        return Request(call.body or _NOTHING, runtime, deadline, call.parameters, _NOTHING, _NOTHING)

    def encode_body(self, body: dict[str, Any]) -> dict[str, Any]:
        body["input"] = read_input(body["input"])
        return body

    async def send(self, call: Call, runtime: Runtime) -> Any:
        try:
            return await endpoint_of(call.route)(self.gateway, self._request(call, runtime))
        except Exception as error:  # noqa: BLE001 - whatever it is, it leaves as the client's own
            raise _public(error) from _cause(error)

    async def stream(self, call: Call, runtime: Runtime) -> AsyncIterator[list[Any]]:
        try:
            batches = await stream_of(call.route)(self.gateway, self._request(call, runtime))
        except Exception as error:  # noqa: BLE001 - whatever it is, it leaves as the client's own
            raise _public(error) from _cause(error)
        return EmbeddedStream(batches)

    def close(self) -> None:
        self.gateway.close()


class EmbeddedStream:
    """Batches of chunks whose errors are the client's. `stop` ends the answer early and keeps what has arrived."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def __aiter__(self) -> EmbeddedStream:
        return self

    async def __anext__(self) -> list[Any]:
        try:
            batch = await self._batches.__anext__()
        except StopAsyncIteration:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it leaves as the client's own
            raise _public(error) from _cause(error)
        return [_public(item) if isinstance(item, Exception) else item for item in batch]

    async def aclose(self) -> None:
        await self._batches.aclose()

    async def stop(self, tags: Mapping[str, str]) -> None:
        """Drop the connection and store the partial answer with these tags added (`stopped` = `true`)."""
        try:
            await self._batches.stop({"stopped": "true", **tags})
        except GatewayError as error:
            raise _public(error) from None


def _public(error: Exception) -> Exception:
    if isinstance(error, (NoSuchEvaluation, EvaluationFailed)):
        kind = ValueError if isinstance(error, NoSuchEvaluation) else RuntimeError
        return with_hint(kind(error.message), error.hint)
    if isinstance(error, GatewayError):
        message = error.message.encode("utf-8", "replace").decode()  # of a file's name, halves of characters
        return with_hint(TensorZeroError(error.status, orjson.dumps({"error": message}).decode()), error.hint)
    if isinstance(error, DeadlineExceeded):
        return error.deadline.error()
    if isinstance(error, BaseTensorZeroError):
        return error
    logger.error("A call failed in a way that nobody foresaw", exc_info=error)
    public = TensorZeroInternalError(f"Internal TensorZero Error: {type(error).__name__}: {error}")
    return with_hint(public, getattr(error, "hint", None))


def _cause(error: Exception) -> Exception | None:
    """What to show besides the client's own error: nothing where that says it all."""
    return None if isinstance(error, (GatewayError, DeadlineExceeded, BaseTensorZeroError)) else error


def gateway_of(client: Any) -> Gateway:
    """The gateway inside an embedded client. Raises TypeError for a client that talks to a server."""
    transport = getattr(client, "_transport", None)
    if not isinstance(transport, EmbeddedTransport):
        raise TypeError("this client has no embedded gateway")
    return transport.gateway


def database_of(client: Any) -> Database | None:
    """The database of an embedded client, None where it stores nothing."""
    return gateway_of(client).database


def config_of(client: Any) -> Config:
    return gateway_of(client).config
