"""A person's judgement in place of a judge's: kept beside the output that it is about, for later evaluations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tensorzero.gateway.asking import ask_database
from tensorzero.gateway.gateway import storage_failure
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Target
    from tensorzero.gateway.gateway import Gateway
    from tensorzero.gateway.recording import Row

DATAPOINT_TAG = "tensorzero::datapoint_id"
HUMAN_TAG = "tensorzero::human_feedback"
EVALUATOR_TAG = "tensorzero::evaluator_inference_id"


async def human_rows(
    gateway: Gateway, feedback: Mapping[str, Any], target: Target | None, runtime: Runtime, deadline: Deadline | None
) -> list[Row]:
    """The `StaticEvaluationHumanFeedback` row that goes with a metric's row on an inference, if its tags ask for one.

    An id in the tags that is none is not reported: then there is no such row (observed 2026.6.0).
    """
    tags = feedback["tags"]
    if gateway.database is None or not all(tag in tags for tag in (DATAPOINT_TAG, HUMAN_TAG, EVALUATOR_TAG)):
        return []
    try:
        datapoint_id, evaluator_id = UUID(tags[DATAPOINT_TAG]), UUID(tags[EVALUATOR_TAG])
    except ValueError:
        return []
    inference_id = UUID(feedback["target_id"])
    if target is None:
        target = await ask_database(runtime, deadline, gateway.database.find_inference, inference_id)
    output = (await asked_of(gateway, inference_id, target, runtime, deadline)).get("output") if target is not None else None
    if output is None:
        return []
    row = {
        "metric_name": feedback["metric_name"],
        "datapoint_id": str(datapoint_id),
        "output": output,
        "value": json.dumps(feedback["value"]),
        "feedback_id": feedback["id"],
        "evaluator_inference_id": str(evaluator_id),
    }
    return [("StaticEvaluationHumanFeedback", row)]


async def asked_of(
    gateway: Gateway, inference_id: UUID, target: Target, runtime: Runtime, deadline: Deadline | None
) -> Mapping[str, Any]:
    """See `Database.asked_of`; `DatabaseError` where the database is out of reach."""
    from tensorzero.clickhouse.errors import StorageError

    assert gateway.database is not None
    try:
        return await ask_database(runtime, deadline, gateway.database.asked_of, inference_id, target)
    except StorageError as error:
        raise storage_failure(error) from error
