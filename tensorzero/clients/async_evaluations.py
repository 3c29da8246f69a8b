"""What the asyncio client's `experimental_run_evaluation` resolves to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from tensorzero.clients.async_streams import AsyncStreamWrapper
from tensorzero.clients.evaluations import EvaluationHandler
from tensorzero.types import EvaluatorStatsDict


class AsyncEvaluationJobHandler(EvaluationHandler):
    """Iterate it for results; `await summary_stats()` covers those already consumed."""

    __slots__ = ()
    _stream: AsyncStreamWrapper

    @classmethod
    async def begin(cls, gateway: object, batches: AsyncIterator[list[Any]]) -> AsyncEvaluationJobHandler:
        stream = AsyncStreamWrapper(gateway, batches, dict)
        return cls._begin(stream, cast("dict[str, Any]", await stream.__anext__()))

    def results(self) -> AsyncEvaluationJobHandler:
        return self

    def __aiter__(self) -> AsyncEvaluationJobHandler:
        return self

    async def __anext__(self) -> dict[str, Any]:
        async for event in self._stream:
            result = self._result(cast("dict[str, Any]", event))
            if result is not None:
                return result
        raise StopAsyncIteration

    async def summary_stats(self) -> dict[str, EvaluatorStatsDict]:
        return self._summary()
