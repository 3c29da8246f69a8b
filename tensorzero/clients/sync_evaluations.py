# Written by tools/write_sync_client.py from async_evaluations.py, which is the one to change.
"""What the blocking client's `experimental_run_evaluation` returns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from tensorzero.clients.evaluations import EvaluationHandler
from tensorzero.clients.streams import StreamWrapper
from tensorzero.types import EvaluatorStatsDict


class EvaluationJobHandler(EvaluationHandler):
    """Iterate it for results; `summary_stats()` covers those already consumed."""

    __slots__ = ()
    _stream: StreamWrapper

    @classmethod
    def begin(cls, gateway: object, batches: AsyncIterator[list[Any]]) -> EvaluationJobHandler:
        stream = StreamWrapper(gateway, batches, dict)
        return cls._begin(stream, cast("dict[str, Any]", stream.__next__()))

    def results(self) -> EvaluationJobHandler:
        return self

    def __iter__(self) -> EvaluationJobHandler:
        return self

    def __next__(self) -> dict[str, Any]:
        for event in self._stream:
            result = self._result(cast("dict[str, Any]", event))
            if result is not None:
                return result
        raise StopIteration

    def summary_stats(self) -> dict[str, EvaluatorStatsDict]:
        return self._summary()
