"""Episodes as rows of a frame, counted from their inferences (`EpisodeById.count` is not exact under batched inserts)."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

from collections.abc import Sequence

from tensorzero.clickhouse.queries.expressions import newest_first, time_of
from tensorzero.clickhouse.queries.frame_query import FrameQuery, Output, check_columns
from tensorzero.clickhouse.queries.latest import FeedbackColumn, latest_feedback
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.queries.selection import TABLES, Selection, inference_conditions, where
from tensorzero.clickhouse.query import Query

COLUMNS: dict[str, str] = {
    "episode_id": "found.episode_id",
    "inferences": "toInt64(found.inferences)",
    "start_time": "found.start_time",
    "end_time": "found.end_time",
    "functions": "found.functions",
    "variants": "found.variants",
}


def episodes_query(
    selection: Selection, columns: Sequence[str] = tuple(COLUMNS), feedback: Sequence[FeedbackColumn] = ()
) -> FrameQuery:
    """One row an episode with an inference that fits, newest last inference first; then `feedback.<metric>` columns.

    Counts, times and names cover the whole episode. `selection.ids` are ids of inferences.
    """
    check_columns(columns, COLUMNS)
    parameters = Parameters()
    conditions = inference_conditions(selection, parameters)
    fitting = _episode_ids(conditions)
    whole = [f"episode_id IN ({fitting})"] if conditions else []
    each = " UNION ALL ".join(
        "SELECT id, episode_id, toString(function_name) AS function, toString(variant_name) AS variant "
        f"FROM {table}{where(whole)}"
        for table in TABLES
    )
    limit = "" if selection.limit is None else f" LIMIT {parameters.bind(selection.limit, 'UInt64')}"
    found = (
        f"SELECT episode_id, count() AS inferences, min({time_of('id')}) AS start_time, max({time_of('id')}) AS end_time, "
        "arrayStringConcat(arraySort(groupUniqArray(function)), ', ') AS functions, "
        "arrayStringConcat(arraySort(groupUniqArray(variant)), ', ') AS variants "
        f"FROM ({each}) GROUP BY episode_id ORDER BY end_time DESC, {newest_first('episode_id')}{limit}"
    )
    joined = latest_feedback(feedback, parameters, inference_id=None, episode_id="found.episode_id")
    output = Output()
    for name in columns:
        output.add(name, COLUMNS[name])
    for name, expression in joined.columns.items():
        output.add(name, expression)
    order = f"ORDER BY found.end_time DESC, {newest_first('found.episode_id')}"
    return output.finish(f"FROM ({found}) AS found {' '.join(joined.joins)} {order}", parameters)


def episode_count_query(selection: Selection) -> Query:
    """`total`: how many episodes fit, whatever the limit."""
    parameters = Parameters()
    fitting = _episode_ids(inference_conditions(selection, parameters))
    return Query(f"SELECT uniqExact(episode_id) AS total FROM ({fitting})", parameters.values)


def _episode_ids(conditions: Sequence[str]) -> str:
    return " UNION ALL ".join(f"SELECT episode_id FROM {table}{where(conditions)}" for table in TABLES)
