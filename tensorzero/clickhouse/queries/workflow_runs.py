"""Workflow evaluations: runs and their episodes."""

from __future__ import annotations

from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.uuids import number_of

_NUMBER = number_of("{id:UUID}")


def workflow_run_query(run_id: str) -> Query:
    """`variant_pins` and `tags` of a run; no row where nobody knows it."""
    sql = f"SELECT variant_pins, tags FROM DynamicEvaluationRun FINAL WHERE run_id_uint IN ({_NUMBER}) LIMIT 1"  # noqa: S608
    return Query(sql, {"id": run_id})


def workflow_episode_query(episode_id: str) -> Query:
    """The same of an episode, whose tags hold those of its run."""
    sql = (
        "SELECT variant_pins, tags FROM DynamicEvaluationRunEpisode FINAL "  # noqa: S608
        f"WHERE episode_id_uint IN ({_NUMBER}) LIMIT 1"
    )
    return Query(sql, {"id": episode_id})
