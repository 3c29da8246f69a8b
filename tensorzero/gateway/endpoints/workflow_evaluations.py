"""Workflow evaluations: a run pins variants, and each of its episodes holds the inferences of one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tensorzero.clickhouse.queries.workflow_runs import workflow_episode_query, workflow_run_query
from tensorzero.gateway.asking import read_rows
from tensorzero.gateway.endpoints.inference_request import DEFAULT_FUNCTION, WorkflowEpisode, checked_tags, nearest_hint
from tensorzero.gateway.errors import BadRequest, NotFound
from tensorzero.gateway.identifiers import check_episode_id, new_id, new_workflow_episode_id
from tensorzero.gateway.request import Request
from tensorzero.gateway.stored.datapoints import now

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway


async def begin_run(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"run_id": …}`. Raises `NotFound` for a function and `BadRequest` for a variant that is not configured."""
    body = request.body
    pins: dict[str, str] = body["variants"]
    tags = checked_tags(body)
    for function_name, variant_name in pins.items():
        _check_pin(gateway, function_name, variant_name)
    run_id = new_id()
    row = {
        "run_id_uint": str(UUID(run_id).int),
        "variant_pins": pins,
        "tags": tags,
        "project_name": body.get("project_name"),
        "run_display_name": body.get("display_name"),
        "updated_at": now(),
        "snapshot_hash": gateway.snapshot_hash,
    }
    gateway.write([("DynamicEvaluationRun", row)])
    return {"run_id": run_id}


def _check_pin(gateway: Gateway, function_name: str, variant_name: str) -> None:
    function = gateway.config.functions.get(function_name)
    if function is None and function_name != DEFAULT_FUNCTION:
        hint = nearest_hint(function_name, gateway.config.functions, "Configured functions")
        raise NotFound(f"Unknown function: {function_name}", hint=hint)
    variants = {} if function is None else function.variants
    if variant_name not in variants:
        hint = nearest_hint(variant_name, variants, "Variants of it")
        raise BadRequest(f"Variant {variant_name} for function {function_name} not found.", hint=hint)


async def begin_episode(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"episode_id": …}`. Of a run that nobody knows it is of no use: nothing is stored (observed 2026.6.0)."""
    body, run_id = request.body, str(UUID(request.parameters["run_id"]))
    own_tags = checked_tags(body)
    episode_id = new_workflow_episode_id()
    rows = await read_rows(gateway.database, workflow_run_query(run_id), request)
    if rows:
        of_run = {f"tensorzero::{kind}_evaluation_run_id": run_id for kind in ("dynamic", "workflow")}
        episode = WorkflowEpisode(rows[0]["variant_pins"], {**rows[0]["tags"], **own_tags, **of_run})
        row = {
            "run_id": run_id,
            "episode_id_uint": str(UUID(episode_id).int),
            "variant_pins": episode.pins,
            "datapoint_name": body.get("task_name"),
            "tags": episode.tags,
            "updated_at": now(),
            "snapshot_hash": gateway.snapshot_hash,
        }
        gateway.write([("DynamicEvaluationRunEpisode", row)])
        gateway.workflow_episodes.add(episode_id, episode)
    return {"episode_id": episode_id}


async def episode_of(gateway: Gateway, request: Request) -> WorkflowEpisode:
    """What the episode of an inference adds to it. Raises `BadRequest` for one that nobody knows."""
    checked_tags(request.body)  # first, as the original does
    episode_id, _ = check_episode_id(request.body["episode_id"])
    known = gateway.workflow_episodes.get(episode_id)
    if known is not None:
        return known
    rows = await read_rows(gateway.database, workflow_episode_query(episode_id), request)
    if not rows:
        raise BadRequest(
            f"Workflow evaluation run not found for episode id: {episode_id}",
            hint="`workflow_evaluation_run_episode(run_id=…)` begins an episode of a run, in the same database.",
        )
    return gateway.workflow_episodes.add(episode_id, WorkflowEpisode(rows[0]["variant_pins"], rows[0]["tags"]))
