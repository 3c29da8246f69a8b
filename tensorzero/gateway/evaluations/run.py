"""One run: every datapoint is answered by the variant, and every answer judged by the evaluators."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson

from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.evaluations.evaluators import BY_TYPE, EvaluatorError
from tensorzero.gateway.evaluations.judging import judge_input
from tensorzero.gateway.evaluations.stopping import Stopping
from tensorzero.gateway.stored.datapoints import datapoint
from tensorzero.gateway.stored.tools import tool_fields
from tensorzero.inputs.reading import parse_input
from tensorzero.runtime.elsewhere import at_once
from tensorzero.runtime.runtime import Runtime

Json = dict[str, Any]


class Ask(Protocol):
    """How a run asks its gateway; `body` as `POST /inference` and `POST /feedback` take it."""

    def infer(self, body: Mapping[str, Any], runtime: Runtime) -> Awaitable[Json]: ...

    def feedback(self, body: Mapping[str, Any], runtime: Runtime) -> Awaitable[Json]: ...

    def human(self, metric: str, datapoint_id: str, output: str, runtime: Runtime) -> Awaitable[Mapping[str, Any] | None]:
        """A person's judgement of the same output of the same datapoint."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is made of. `metric_prefix` and `judge_prefix` are followed by an evaluator's name."""

    run_id: str
    evaluation_name: str | None
    function_name: str
    output_schema: Any
    variant_name: str | None
    dynamic_variant: Mapping[str, Any] | None
    evaluators: Mapping[str, Mapping[str, Any]]
    metric_prefix: str
    judge_prefix: str
    dataset_name: str
    datapoints: Sequence[Mapping[str, Any]]
    concurrency: int
    cache: str
    targets: Mapping[str, float]

    @property
    def tags(self) -> dict[str, str]:
        """Of everything that the run stores."""
        tags = {"tensorzero::evaluation_run_id": self.run_id}
        return tags if self.evaluation_name is None else {**tags, "tensorzero::evaluation_name": self.evaluation_name}

    @property
    def kinds(self) -> dict[str, str]:
        return {name: evaluator.get("output_type", "boolean") for name, evaluator in self.evaluators.items()}


class Run:
    """The work of a plan. Answers come in the order in which they are there."""

    def __init__(self, plan: Plan, ask: Ask) -> None:
        self._plan = plan
        self._ask = ask
        self._stopping = Stopping(plan.targets, plan.kinds)

    async def work(self, put: Callable[[Json], None], stopping: threading.Event, runtime: Runtime) -> None:
        """Put an event for each datapoint. What has begun ends; nothing begins once `stopping` is set or every evaluator has
        stopped."""
        waiting = iter(self._plan.datapoints)

        def next_job() -> Coroutine[Any, Any, None] | None:
            if stopping.is_set() or self._stopping.over:
                return None
            row = next(waiting, None)
            return None if row is None else self._one(row, put, runtime)

        await at_once(max(1, min(self._plan.concurrency, len(self._plan.datapoints))), next_job)

    async def _one(self, row: Mapping[str, Any], put: Callable[[Json], None], runtime: Runtime) -> None:
        started = time.monotonic()
        try:
            answer = await self._ask.infer(self._body(row), runtime)
        except GatewayError as error:
            text = orjson.dumps({"error": error.message}).decode()
            reason = f"Error inferring for datapoint {row['id']}: HTTP Error (status code {error.status}): {text}"
            put({"type": "error", "evaluation_run_id": self._plan.run_id, "datapoint_id": row["id"], "message": reason})
            return
        names = [name for name in self._plan.evaluators if name not in self._stopping.stopped]
        said = await runtime.gather(*(self._evaluate(name, row, answer, runtime) for name in names))
        values = {name: value for name, value in zip(names, said, strict=True) if not isinstance(value, Exception)}
        errors = {name: _told(value) for name, value in zip(names, said, strict=True) if isinstance(value, Exception)}
        if not self._stopping.over:
            self._stopping.note(values)
        put(
            {
                "type": "success",
                "evaluation_run_id": self._plan.run_id,
                "datapoint": _shown(datapoint(row)),
                "response": shown_response(answer),
                "evaluations": values,
                "evaluator_errors": errors,
                "processing_time_ms": round((time.monotonic() - started) * 1000),
            }
        )

    def _body(self, row: Mapping[str, Any]) -> Json:
        """The inference of a datapoint: its own episode, its tools, its schema where that is not the function's."""
        plan = self._plan
        about = {"tensorzero::datapoint_id": row["id"], "tensorzero::dataset_name": plan.dataset_name}
        body: Json = {
            "function_name": row["function_name"],
            "input": parse_input(_as_given(orjson.loads(row["input"]))),
            "internal": True,
            "tags": {**plan.tags, **about},
            "cache_options": {"enabled": plan.cache, "max_age_s": None},
        }
        if plan.dynamic_variant is not None:
            body |= {"internal_dynamic_variant_config": plan.dynamic_variant, "dryrun": True}
        else:
            body["variant_name"] = plan.variant_name
        if row["type"] == "json":
            schema = orjson.loads(row["output_schema"])
            return body if schema == plan.output_schema else {**body, "output_schema": schema}
        return body | {name: value for name, value in tool_fields(row).items() if value not in (None, [])}

    async def _evaluate(self, name: str, row: Mapping[str, Any], answer: Mapping[str, Any], runtime: Runtime) -> Any:
        """The evaluator's value, None where it has nothing to say; stored as feedback. Raises EvaluatorError, GatewayError."""
        evaluator = self._plan.evaluators[name]
        reference = None if row["output"] is None else orjson.loads(row["output"])
        tags: dict[str, str] = {}
        if evaluator["type"] == "llm_judge":
            value, tags = await self._judge(name, row, answer, reference, runtime)
        else:
            value = BY_TYPE[evaluator["type"]](answer, evaluator, reference)
        if value is not None and self._plan.dynamic_variant is None:
            await self._store(name, row["id"], answer, value, tags, runtime)
        return value

    async def _store(
        self, name: str, datapoint_id: str, answer: Mapping[str, Any], value: Any, tags: Mapping[str, str], runtime: Runtime
    ) -> None:
        about = {"tensorzero::datapoint_id": datapoint_id, "tensorzero::evaluator_name": name}
        body = {
            "metric_name": f"{self._plan.metric_prefix}{name}",
            "inference_id": str(answer["inference_id"]),
            "value": value,
            "internal": True,
            "tags": {**self._plan.tags, **about, **tags},
        }
        await self._ask.feedback(body, runtime)

    async def _judge(
        self, name: str, row: Mapping[str, Any], answer: Mapping[str, Any], reference: Any, runtime: Runtime
    ) -> tuple[Any, dict[str, str]]:
        metric = f"{self._plan.metric_prefix}{name}"
        output = orjson.dumps(answer.get("content", answer.get("output"))).decode()
        human = await self._ask.human(metric, row["id"], output, runtime)
        if human is not None:
            tags = {
                "tensorzero::evaluator_inference_id": str(human["evaluator_inference_id"]),
                "tensorzero::derived_from_human_feedback": "true",
            }
            return orjson.loads(human["value"]), tags
        asked = judge_input(self._plan.evaluators[name], orjson.loads(row["input"]), answer, reference)
        if asked is None:
            return None, {}
        body = {
            "function_name": f"{self._plan.judge_prefix}{name}",
            "input": asked,
            "internal": True,
            "tags": self._plan.tags,
            "cache_options": {"enabled": self._plan.cache, "max_age_s": None},
            "dryrun": self._plan.dynamic_variant is not None,
        }
        judged = await self._ask.infer(body, runtime)
        parsed = judged["output"]["parsed"]
        if parsed is None:
            raise EvaluatorError("JSON output does not contain a `parsed` field")
        return parsed["score"], {"tensorzero::evaluator_inference_id": str(judged["inference_id"])}


def _as_given(stored: Json) -> Json:
    """A stored input as a call gives it: its files are where they are stored."""
    for message in stored.get("messages", ()):
        message["content"] = [
            {**block, "file_type": "object_storage_pointer"} if block["type"] == "file" else block
            for block in message["content"]
        ]
    return stored


def _told(error: Exception) -> str:
    return error.message if isinstance(error, GatewayError) else str(error)


def _shown(found: Json) -> Json:
    """Without what is not there, but for the episode (observed 2026.6.0)."""
    return {name: value for name, value in found.items() if value is not None or name == "episode_id"}


def shown_response(answer: Mapping[str, Any]) -> Json:
    """An answer as JSON."""
    shown = dict(answer)
    shown["inference_id"], shown["episode_id"] = str(answer["inference_id"]), str(answer["episode_id"])
    return shown


def with_targets(plan: Plan, adaptive_stopping: Mapping[str, Any] | None) -> Plan:
    """`adaptive_stopping` as callers give it: `{"precision": {evaluator: half width}}`."""
    return replace(plan, targets=(adaptive_stopping or {}).get("precision") or {})
