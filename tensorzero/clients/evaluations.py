"""A running evaluation: its events one by one, and the numbers of what was seen so far."""

from __future__ import annotations

import json
import math
from array import array
from typing import Any, cast

from tensorzero.clients.native import Received, make
from tensorzero.types import EvaluatorStatsDict

_RUN_KEYS = ("evaluation_run_id", "evaluation_name", "num_datapoints")
_RESULT_KEYS = {
    "success": ("datapoint", "response", "evaluations", "evaluator_errors", "processing_time_ms", "type"),
    "error": ("datapoint_id", "message", "type"),
}


class EvaluationHandler(Received):
    __slots__ = ("_run_info", "_stream", "_values")
    _run_info: dict[str, Any]
    _stream: Any
    _values: dict[str, list[float]]

    @classmethod
    def _begin(cls, stream: Any, start: dict[str, Any]) -> Any:
        """`start`: the first event of the run."""
        handler = make(cls)
        handler._stream = stream
        handler._run_info = {key: start[key] for key in _RUN_KEYS if key in start}
        config = cast("dict[str, Any]", start.get("evaluation_config") or {})
        handler._values = {name: [] for name in config.get("evaluators") or {}}
        return handler

    @property
    def run_info(self) -> dict[str, Any]:
        """`evaluation_run_id`, `evaluation_name` and `num_datapoints`."""
        return dict(self._run_info)

    def __repr__(self) -> str:
        return json.dumps(self._run_info, indent=2)

    def _result(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """What the caller gets of an event, if anything. RuntimeError for a fatal one."""
        kind = event.get("type", "")
        if kind == "fatal_error":
            raise RuntimeError(f"Evaluation fatal error: {event.get('message')}")
        if kind not in _RESULT_KEYS:
            return None
        if kind == "success":
            for name, value in event["evaluations"].items():
                if isinstance(value, (int, float)):
                    self._values.setdefault(name, []).append(float(value))
        return {key: event.get(key) for key in _RESULT_KEYS[kind]}

    def _summary(self) -> dict[str, EvaluatorStatsDict]:
        return {name: _stats(values) for name, values in self._values.items()}


def _stats(values: list[float]) -> EvaluatorStatsDict:
    """Mean, and standard error from the population's variance; 0 below two values (observed 2026.6.0)."""
    count = len(values)
    mean = sum(values) / count if count else 0.0
    variance = sum((value - mean) ** 2 for value in values) / count if count > 1 else 0.0
    stderr = math.sqrt(variance / count) if count > 1 else 0.0
    return {"mean": _single(mean), "stderr": _single(stderr), "count": count}


def _single(value: float) -> float:
    """The shortest decimal of the 32-bit float that the original makes of it."""
    exact = array("f", [value])[0]
    return next(short for digits in range(6, 18) if array("f", [short := float(f"{exact:.{digits}g}")])[0] == exact)
