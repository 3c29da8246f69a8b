"""`POST /internal/evaluations/run`: an evaluation as a stream of events."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from tensorzero.clickhouse.queries.datapoints import DatapointQuery, datapoints_query
from tensorzero.clickhouse.queries.human_feedback import human_feedback_query
from tensorzero.gateway.asking import read_rows
from tensorzero.gateway.config.judges import PREFIX
from tensorzero.gateway.endpoints.datasets import checked_name
from tensorzero.gateway.endpoints.feedback import give_feedback
from tensorzero.gateway.endpoints.inference import infer
from tensorzero.gateway.endpoints.inference_request import read_request
from tensorzero.gateway.errors import BadRequest, EvaluationFailed, NoSuchEvaluation
from tensorzero.gateway.evaluations.run import Plan, Run, with_targets
from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.request import Request
from tensorzero.runtime.elsewhere import Elsewhere
from tensorzero.runtime.runtime import Runtime

if TYPE_CHECKING:
    from tensorzero.gateway.config.sections import FunctionConfig
    from tensorzero.gateway.gateway import Gateway


class GatewayAsk:
    """A run's way to its own gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._people_judged: bool | None = None

    async def infer(self, body: Mapping[str, Any], runtime: Runtime) -> dict[str, Any]:
        return await infer(self._gateway, read_request(self._gateway, body, runtime, None))

    async def feedback(self, body: Mapping[str, Any], runtime: Runtime) -> dict[str, Any]:
        if self._gateway.database is None:
            return {}
        return await give_feedback(self._gateway, Request(body, runtime))

    async def human(self, metric: str, datapoint_id: str, output: str, runtime: Runtime) -> Mapping[str, Any] | None:
        query = human_feedback_query(metric, datapoint_id, output)
        rows = await read_rows(self._gateway.database, query, Request({}, runtime))
        return rows[0] if rows else None


async def run_evaluation(gateway: Gateway, request: Request) -> AsyncIterator[list[Any]]:
    """Batches of events: `start`, one `success` or `error` for each datapoint, `complete`.

    Raises `NoSuchEvaluation` and `EvaluationFailed` before the first.
    """
    body = request.body
    named, function_name, evaluators = _evaluators(gateway, body)
    function = gateway.config.functions[function_name]
    rows, dataset_name = await _datapoints(gateway, request, function_name)
    owner = f"evaluation_name::{named}" if named is not None else f"function_name::{function_name}"
    shown_name = named or f"{function_name}__{dataset_name}__{datetime.now(timezone.utc):%Y%m%d%H%M%S}"
    plan = Plan(
        run_id=new_id(),
        evaluation_name=named,
        function_name=function_name,
        output_schema=None if function.output_schema is None else function.output_schema.value,
        variant_name=body.get("variant_name"),
        dynamic_variant=body.get("internal_dynamic_variant_config"),
        evaluators=evaluators,
        metric_prefix=f"tensorzero::{owner}::evaluator_name::",
        judge_prefix=f"{PREFIX}::{named}::" if named is not None else f"{PREFIX}::function_name::{function_name}::",
        dataset_name=dataset_name,
        datapoints=rows,
        concurrency=body.get("concurrency") or 1,
        cache=body.get("inference_cache") or "on",
        targets={},
    )
    plan = with_targets(plan, body.get("adaptive_stopping"))
    gateway.write([("InferenceEvaluationRuns", _run_row(plan, shown_name, function, by_ids=bool(body.get("datapoint_ids"))))])
    start = {
        "type": "start",
        "evaluation_run_id": plan.run_id,
        "evaluation_name": shown_name,
        "num_datapoints": len(rows),
        "dataset_name": dataset_name,
        "variant_name": plan.variant_name,
        "evaluation_config": {"function_name": function_name, "evaluators": {name: {} for name in evaluators}},
    }
    return _events(start, Elsewhere(Run(plan, GatewayAsk(gateway)).work, request.runtime))


async def _events(start: Mapping[str, Any], results: Elsewhere) -> AsyncIterator[list[Any]]:
    began, counts = time.monotonic(), {"success": 0, "error": 0}
    try:
        yield [start]
        async for batch in results:
            for event in batch:
                if not isinstance(event, Exception):
                    counts[event["type"]] += 1
            yield batch
        usage = {f"{kind}_count": count for kind, count in counts.items()}
        usage["total_processing_time_ms"] = round((time.monotonic() - began) * 1000)
        yield [{"type": "complete", "evaluation_run_id": start["evaluation_run_id"], "usage": usage}]
    finally:
        await results.aclose()


def _evaluators(gateway: Gateway, body: Mapping[str, Any]) -> tuple[str | None, str, Mapping[str, Mapping[str, Any]]]:
    """The evaluation's name, its function, and its evaluators by name. Raises `NoSuchEvaluation`."""
    config, named = gateway.config, body.get("evaluation_name")
    if named is not None:
        evaluation = config.evaluations.get(named)
        if evaluation is None:
            raise NoSuchEvaluation(f"evaluation `{named}` not found")
        return named, evaluation["function_name"], evaluation["evaluators"]
    function = config.functions.get(body["function_name"])
    if function is None:
        raise NoSuchEvaluation(f"function `{body['function_name']}` not found")
    for name in body["evaluator_names"]:
        if name not in function.evaluators:
            raise NoSuchEvaluation(f"evaluator `{name}` not found on function `{function.name}`")
    return None, function.name, {name: function.evaluators[name] for name in body["evaluator_names"]}


async def _datapoints(gateway: Gateway, request: Request, function_name: str) -> tuple[list[dict[str, Any]], str]:
    """Their rows, and the dataset that they are of. Raises `EvaluationFailed`."""
    body = request.body
    dataset_name: str | None = body.get("dataset_name")
    ids, most = body.get("datapoint_ids") or None, body.get("max_datapoints")
    if dataset_name is not None and ids is not None:
        raise EvaluationFailed("Cannot provide both `dataset_name` and `datapoint_ids`. Please specify one or the other.")
    if ids is not None:
        if most is not None:
            rule = "`max_datapoints` can only be used with `dataset_name`."
            raise EvaluationFailed(f"Cannot provide both `datapoint_ids` and `max_datapoints`. {rule}")
        rows = await read_rows(gateway.database, datapoints_query(DatapointQuery(ids=ids, stale=True)), request)
        return rows, _one_dataset(rows)
    if dataset_name is None:
        raise EvaluationFailed("Must provide either `dataset_name` or `datapoint_ids`.")
    try:
        checked_name(dataset_name)
    except BadRequest as error:
        raise EvaluationFailed(error.message, hint=error.hint) from None
    asked = DatapointQuery(dataset_name=dataset_name, function_name=function_name, limit=most)
    return await read_rows(gateway.database, datapoints_query(asked), request), dataset_name


def _one_dataset(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        raise EvaluationFailed("No datapoints found for the provided `datapoint_ids`")
    first = rows[0]["dataset_name"]
    for row in rows:
        if row["dataset_name"] != first:
            raise EvaluationFailed(
                "All datapoints must belong to the same dataset when using `datapoint_ids`, but found datapoints from both "
                f"`{first}` and `{row['dataset_name']}`"
            )
    return first


def _run_row(plan: Plan, shown_name: str, function: FunctionConfig, *, by_ids: bool) -> dict[str, Any]:
    moment = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    metrics = [
        {
            "name": f"{plan.metric_prefix}{name}",
            "evaluator_name": name,
            "value_type": evaluator.get("output_type", "boolean"),
            "optimize": evaluator.get("optimize", "max"),
        }
        for name, evaluator in sorted(plan.evaluators.items())
    ]
    return {
        "run_id_uint": str(UUID(plan.run_id).int),
        "evaluation_name": shown_name,
        "function_name": plan.function_name,
        "function_type": function.type,
        "dataset_name": plan.dataset_name,
        "variant_names": [] if plan.variant_name is None else [plan.variant_name],
        "metrics": orjson.dumps(metrics).decode(),
        "source": "datapoint_ids" if by_ids else "dataset_name",
        "created_at": moment,
        "updated_at": moment,
    }
