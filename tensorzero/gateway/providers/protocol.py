"""What a provider can do. One file a provider; `providers/__init__.py` lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.values import ProviderCall, ProviderChunk, ProviderResponse, Usage
from tensorzero.masking.reprs import discreet
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime


class ProviderStream(Protocol):
    """An answer that is arriving. `complaint`: what the server said in events that are passed over, as a hint."""

    raw_request: str
    sent: Mapping[str, str]
    """The headers of its request, names in lower case; none where none was sent."""

    @property
    def complaint(self) -> str | None: ...

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


@discreet("credentials")
@dataclass(slots=True)
class EmbeddingCall:
    """One attempt at one provider of an embedding model."""

    runtime: Runtime
    input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]
    dimensions: int | None
    encoding_format: str
    credentials: Mapping[str, str]
    model_name: str
    deadline: Deadline | None
    timeout_s: float  # of every HTTP request
    read_timeout_s: float | None = None  # of every wait for its bytes


@discreet()
@dataclass(slots=True)
class EmbeddingResponse:
    """A vector for each input, in order."""

    vectors: list[list[float] | str]
    usage: Usage
    raw_request: str
    raw_response: str
    raw_usage: Any = None
    latency_ms: int | None = None


class EmbeddingProvider(Protocol):
    """Like `Provider`, for vectors."""

    type: str

    async def embed(self, call: EmbeddingCall) -> EmbeddingResponse: ...


JsonObject = dict[str, Any]
