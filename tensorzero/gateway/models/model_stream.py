"""One provider's stream, or a cached one that is played again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from tensorzero.gateway.call import CacheOptions
from tensorzero.gateway.config.sections import ModelConfig, ProviderConfig
from tensorzero.gateway.errors import FatalStreamError, GatewayError, ProviderError, unforeseen
from tensorzero.gateway.models import cache
from tensorzero.gateway.models.request_views import without_data
from tensorzero.gateway.providers.protocol import Provider, ProviderStream
from tensorzero.gateway.values import ProviderCall, ProviderChunk
from tensorzero.masking.echo import without_echo
from tensorzero.runtime.deadline import DeadlineExceeded

if TYPE_CHECKING:
    from tensorzero.gateway.rate_limits.limits import Ticket


class ModelStream:
    """One provider's stream after its first chunk has arrived."""

    def __init__(self, model: ModelConfig, config: ProviderConfig, provider: Provider, call: ProviderCall) -> None:
        self.model = model
        self.config = config
        self.provider = provider
        self.call = call
        self.started = time.monotonic()
        self.ttft_ms = 0
        self.cached = False
        self.ticket: Ticket | None = None
        self.failed: Sequence[dict[str, Any]] = ()  # what the attempts before it answered
        self._store: cache.StreamStore | None = None
        self._first: list[ProviderChunk | GatewayError] = []
        self._stream: ProviderStream | None = None
        self._batches: AsyncIterator[list[ProviderChunk | GatewayError]] | None = None

    @property
    def raw_request(self) -> str:
        return without_data(self._stream.raw_request, self.call.request) if self._stream is not None else ""

    def masked(self, text: str) -> str:
        """The answer's raw text without what it repeats of its request's secrets."""
        return text if self._stream is None else without_echo(text, self._stream.sent)

    async def consult(self, options: CacheOptions, function_type: str) -> None:
        """Play a cached stream if there is one; else cache this one, if the call wants that."""
        key = cache.key_of(options, self.call, self.config.name, function_type)
        if key is None:
            return
        entry = await cache.find(options, key, self.call) if options.reads else None
        self._stream = None if entry is None else cache.stream_of(entry)
        self.cached = self._stream is not None
        if options.writes and not self.cached:
            self._store = cache.StreamStore(options, key)

    async def open(self) -> None:
        if self._stream is None:
            self._stream = await self.provider.stream(self.call)
        self._batches = self._stream.batches()
        async for batch in self._batches:
            first = batch[0]
            if isinstance(first, GatewayError):
                raise first
            self.ttft_ms = round((time.monotonic() - self.started) * 1000)
            self._first = batch
            return
        raise ProviderError(
            f"Error from {self.config.name} server: Stream ended before first chunk",
            provider_type=self.provider.type,
            hint=self._stream.complaint,
        )

    async def batches(self) -> AsyncIterator[list[ProviderChunk | GatewayError]]:
        """Every chunk, the first included. A fatal error is the last item."""
        store = self._store
        try:
            if store is not None:
                store.add(self._first)
            yield self._first
            if self._batches is not None and not _is_fatal(self._first):
                async for batch in self._batches:
                    if store is not None:
                        store.add(batch)
                    yield batch
                    if _is_fatal(batch):
                        return
            if store is not None:
                store.finish(self.raw_request, self.masked)
        except (GatewayError, DeadlineExceeded):
            raise
        except Exception as error:  # noqa: BLE001 - as in `routing.route`
            yield [unforeseen(error, self.provider.type)]
        finally:
            await self.close()

    async def close(self) -> None:
        if self._stream is not None:
            await self._stream.close()


def _is_fatal(batch: list[ProviderChunk | GatewayError]) -> bool:
    return bool(batch) and isinstance(batch[-1], FatalStreamError)
