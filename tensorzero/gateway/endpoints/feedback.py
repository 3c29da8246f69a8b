"""`POST /feedback`: a judgement on an inference or an episode, checked in the original's order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tensorzero.gateway.asking import ask_database
from tensorzero.gateway.endpoints.human_feedback import DATAPOINT_TAG, EVALUATOR_TAG, HUMAN_TAG, asked_of, human_rows
from tensorzero.gateway.endpoints.inference_request import checked_tags, nearest_hint
from tensorzero.gateway.errors import BadRequest, GatewayError, NotFound
from tensorzero.gateway.functions.demonstrations import demonstration
from tensorzero.gateway.gateway import storage_failure
from tensorzero.gateway.identifiers import WORKFLOW_EPISODE_OFFSET_S, check_v7, new_id, timestamp_s
from tensorzero.gateway.recording import feedback_row
from tensorzero.gateway.request import Request
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Target
    from tensorzero.gateway.gateway import Gateway

_POLL_S = 2.0
_WAIT_S = 6.0

LISTENERS: list[Callable[[str, str, str, Any], None]] = []
"""Called with (metric name, level, target id, value as given) once feedback is on disk. They must not raise."""


async def give_feedback(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"feedback_id": …}`; the row is in the spool when this returns, unless the call is a dry run."""
    body, runtime, deadline = request.body, request.runtime, request.deadline
    tags = checked_tags(body)
    if DATAPOINT_TAG in tags and HUMAN_TAG in tags and EVALUATOR_TAG not in tags:
        raise BadRequest(f"{EVALUATOR_TAG} is required when {DATAPOINT_TAG} and {HUMAN_TAG} are provided")
    if gateway.config.gateway.observability_enabled is False:
        raise BadRequest(
            "Feedback requires observability to be enabled (`gateway.observability.enabled` must not be `false`).",
            hint='Without that line, `clickhouse_url="chdb://./.tensorzero/db"` stores answers and feedback in this folder.',
        )
    inference_id, episode_id, name = body.get("inference_id"), body.get("episode_id"), body["metric_name"]
    if inference_id is not None and episode_id is not None:
        raise BadRequest("Both episode_id and inference_id cannot be provided", hint=_level_hint(gateway, name))
    kind, level = _metric(gateway, name, inference_id, episode_id)
    given = inference_id if level == "inference" else episode_id
    if given is None:
        raise BadRequest(f'Correct ID was not provided for feedback level "{level}".', hint=_level_hint(gateway, name))
    target_id, target = UUID(given), None
    if kind == "demonstration" or not gateway.config.gateway.unstable_disable_feedback_target_validation:
        target = await _existing(gateway, check_v7(given), level, runtime, deadline)
    if kind == "demonstration":
        value = await _demonstration(gateway, target_id, target, body["value"], runtime, deadline)
    else:
        value = _value(kind, name, body["value"])
    feedback_id = new_id()
    if not body.get("dryrun"):
        row = _row(gateway, kind, name, level, str(target_id), feedback_id, value, tags)
        human = EVALUATOR_TAG in tags and kind in ("boolean", "float") and level == "inference"
        gateway.write([row, *(await human_rows(gateway, row[1], target, runtime, deadline))] if human else [row])
        for listener in LISTENERS:
            listener(name, level, str(target_id), body["value"])
    return {"feedback_id": feedback_id}


def _metric(gateway: Gateway, name: str, inference_id: Any, episode_id: Any) -> tuple[str, str]:
    """What kind of feedback this is, and on which level."""
    if name == "comment":
        if inference_id is None and episode_id is None:
            raise BadRequest("Exactly one of inference_id or episode_id must be provided")
        return "comment", "inference" if inference_id is not None else "episode"
    if name == "demonstration":
        return "demonstration", "inference"
    metric = gateway.config.metrics.get(name)
    if metric is None:
        hint = (
            nearest_hint(name, gateway.config.metrics, "Configured metrics")
            + " `comment` and `demonstration` need no configuration."
        )
        raise NotFound(f"Unknown metric: {name}", hint=hint)
    return metric.type, metric.level


def _level_hint(gateway: Gateway, name: str) -> str:
    if name == "comment":
        return "A comment is about an inference or an episode: give one of the two ids."
    metric = gateway.config.metrics.get(name)
    level = "inference" if name == "demonstration" else None if metric is None else metric.level
    if level is None:
        return f"`{name}` is no configured metric. Give one of the two ids."
    what = "A demonstration" if name == "demonstration" else f"`{name}`"
    return f"{what} is about an {level}: give `{level}_id=response.{level}_id` alone."


async def _existing(gateway: Gateway, target_id: UUID, level: str, runtime: Runtime, deadline: Deadline | None) -> Target:
    """The target, waiting for a fresh one that another process may not have written yet (TensorZero docs: feedback)."""
    hint = (
        f"`response.{level}_id` is the id of an {level}. Nothing is stored of a dry run, nor by a gateway on another database."
    )
    missing = BadRequest(f"{level.capitalize()} ID: {target_id} does not exist", hint=hint)
    until = time.monotonic() + max(_WAIT_S - _age_s(target_id), 1.0)
    while True:
        target = await _find(gateway, target_id, level, runtime, deadline)
        if target is not None:
            return target
        if time.monotonic() >= until:
            raise missing
        await runtime.sleep(_POLL_S, deadline)


async def _find(gateway: Gateway, target_id: UUID, level: str, runtime: Runtime, deadline: Deadline | None) -> Target | None:
    database = gateway.database
    if database is None:
        return None
    from tensorzero.clickhouse.errors import StorageError

    find = database.find_inference if level == "inference" else database.find_episode
    try:
        return await ask_database(runtime, deadline, find, target_id)
    except StorageError as error:
        raise storage_failure(error) from error


async def _demonstration(
    gateway: Gateway, target_id: UUID, target: Target | None, value: Any, runtime: Runtime, deadline: Deadline | None
) -> str:
    if gateway.database is None or target is None:
        raise GatewayError("Failed to get output schema from demonstration result")
    return demonstration(target.function_type, value, await asked_of(gateway, target_id, target, runtime, deadline))


def _age_s(identifier: UUID) -> float:
    seconds = timestamp_s(identifier)
    if seconds >= WORKFLOW_EPISODE_OFFSET_S:
        seconds -= WORKFLOW_EPISODE_OFFSET_S
    return max(0.0, time.time() - seconds)


def _value(kind: str, name: str, value: Any) -> Any:
    if kind == "boolean":
        if not isinstance(value, bool):
            raise BadRequest(f"Feedback value for metric `{name}` must be a boolean", hint="`value=True` or `value=False`.")
        return value
    if kind == "float":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadRequest(f"Feedback value for metric `{name}` must be a number", hint="`value=0.5`: no text, no boolean.")
        return value
    if kind == "comment" and not isinstance(value, str):
        raise BadRequest("Feedback value for a comment must be a string", hint="`value=str(…)`.")
    return value


def _row(
    gateway: Gateway, kind: str, name: str, level: str, target_id: str, feedback_id: str, value: Any, tags: dict[str, str]
) -> tuple[str, dict[str, Any]]:
    hash_ = gateway.snapshot_hash
    if kind == "boolean":
        return feedback_row(
            "BooleanMetricFeedback", feedback_id, {"target_id": target_id, "metric_name": name}, value, tags, hash_
        )
    if kind == "float":
        return feedback_row(
            "FloatMetricFeedback", feedback_id, {"target_id": target_id, "metric_name": name}, value, tags, hash_
        )
    if kind == "comment":
        return feedback_row("CommentFeedback", feedback_id, {"target_id": target_id, "target_type": level}, value, tags, hash_)
    return feedback_row("DemonstrationFeedback", feedback_id, {"inference_id": target_id}, value, tags, hash_)
