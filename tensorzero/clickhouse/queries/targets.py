"""What feedback is about: the inference with an id, or an episode's latest one."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

from uuid import UUID

from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.uuids import number_of

_NUMBER = number_of("{id:UUID}")


def inference_target_query(inference_id: UUID) -> Query:
    """`function_name`, `variant_name`, `episode_id`, `function_type` of the inference; no row where nobody knows the id."""
    sql = (
        f"SELECT function_name, variant_name, episode_id, function_type FROM InferenceById WHERE id_uint IN ({_NUMBER}) LIMIT 1"
    )
    return Query(sql, {"id": inference_id})


def episode_target_query(episode_id: UUID) -> Query:
    """The same of the episode's latest inference."""
    latest = ", ".join(f"argMax({name}, id_uint) AS {name}_" for name in ("function_name", "variant_name", "function_type"))
    sql = (
        "SELECT function_name_ AS function_name, variant_name_ AS variant_name, {id:UUID} AS episode_id, "
        f"function_type_ AS function_type FROM (SELECT {latest}, count() AS inferences "
        f"FROM InferenceByEpisodeId WHERE episode_id_uint IN ({_NUMBER})) WHERE inferences > 0"
    )
    return Query(sql, {"id": episode_id})
