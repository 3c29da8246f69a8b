"""What a provider can do. One file a provider; `providers/__init__.py` lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.values import ProviderCall, ProviderChunk, ProviderResponse


class ProviderStream(Protocol):
    """An answer that is arriving."""

    raw_request: str

    def batches(self) -> AsyncIterator[list[ProviderChunk | GatewayError]]:
        """What each network read held. An error in a list is one event's; the stream goes on after it unless it is fatal."""
        ...

    async def close(self) -> None:
        """Drop the connection. Idempotent."""
        ...


class Provider(Protocol):
    """Made once for a provider configuration and used by every call, in any thread."""

    type: str
    api_type: str

    async def infer(self, call: ProviderCall) -> ProviderResponse:
        """Raises `ProviderError` and other `GatewayError`s, and lets `DeadlineExceeded` pass."""
        ...

    async def stream(self, call: ProviderCall) -> ProviderStream:
        """Returns when the answer's headers are there and good."""
        ...


JsonObject = dict[str, Any]
