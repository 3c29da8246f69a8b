"""Columns that come from other tables: the latest feedback on a target, and what the models used."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tensorzero.clickhouse.queries.expressions import whole_number
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.uuids import number_of

Level = Literal["inference", "episode", "either"]
TABLE_OF = {
    "boolean": "BooleanMetricFeedback",
    "float": "FloatMetricFeedback",
    "comment": "CommentFeedback",
    "demonstration": "DemonstrationFeedback",
}


@dataclass(frozen=True, slots=True)
class FeedbackColumn:
    """`feedback.<name>`. `level` is where its feedback hangs; `either` where the configuration no longer knows the metric."""

    name: str
    type: Literal["boolean", "float", "comment", "demonstration"]
    level: Level = "inference"


@dataclass(frozen=True, slots=True)
class Joined:
    """`joins` follow the FROM clause, `columns` are expressions by column name."""

    joins: tuple[str, ...]
    columns: Mapping[str, str]


def latest_feedback(
    wanted: Sequence[FeedbackColumn],
    parameters: Parameters,
    *,
    inference_id: str | None,
    episode_id: str,
    restrict: tuple[str, str] | None = None,
) -> Joined:
    """One column for each wanted metric, NULL without feedback; the greatest feedback id (as UInt128) wins.

    `restrict`: SELECTs of the inference and of the episode ids of interest, so that a thousand rows do not group a million.
    With `inference_id` None (a frame of episodes) only feedback on episodes counts: ask for no other.
    """
    joins: list[str] = []
    columns: dict[str, str] = {}
    for number, column in enumerate(wanted):
        values: list[str] = []
        for level, key in (("inference", inference_id), ("episode", episode_id)):
            if key is None or column.level not in (level, "either"):
                continue
            alias = f"{level}_feedback_{number}"
            within = "" if restrict is None else restrict[0] if level == "inference" else restrict[1]
            joins.append(f"LEFT JOIN ({_latest(column, parameters, within)}) AS {alias} ON {alias}.target = {key}")
            values.append(f"{alias}.latest")
        columns[f"feedback.{column.name}"] = f"coalesce({', '.join(values)})" if len(values) > 1 else values[0]
    return Joined(tuple(joins), columns)


def _latest(column: FeedbackColumn, parameters: Parameters, within: str) -> str:
    """A SELECT of `target` and `latest`."""
    target = "inference_id" if column.type == "demonstration" else "target_id"
    conditions = [f"metric_name = {parameters.bind(column.name, 'String')}"] if column.type in ("boolean", "float") else []
    if within:
        conditions.append(f"{target} IN ({within})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    # The tables are sorted by target (within a metric), so this reads in order: a tenth of what grouping costs.
    return (
        f"SELECT {target} AS target, toNullable(value) AS latest FROM {TABLE_OF[column.type]}{where} "
        f"ORDER BY {target}, {number_of('id')} DESC LIMIT 1 BY {target}"
    )


def latest_by_group(column: FeedbackColumn, parameters: Parameters) -> str:
    """The same SELECT without reading in order, for statements that filter and sort by it."""
    target = "inference_id" if column.type == "demonstration" else "target_id"
    named = column.type in ("boolean", "float")
    where = f" WHERE metric_name = {parameters.bind(column.name, 'String')}" if named else ""
    latest = f"toNullable(argMax(value, {number_of('id')}))"
    return f"SELECT {target} AS target, {latest} AS latest FROM {TABLE_OF[column.type]}{where} GROUP BY {target}"


def model_use(inference_id: str, within: str) -> Joined:
    """What the model inferences of one inference add up to; names and finish reason are the last one's."""
    last = number_of("id")
    totals = ", ".join(f"sum({name}) AS total_{name}" for name in ("input_tokens", "output_tokens", "cost"))
    where = f" WHERE inference_id IN ({within})" if within else ""
    join = (
        f"LEFT JOIN (SELECT inference_id, toNullable(toString(argMax(model_name, {last}))) AS last_model, "
        f"toNullable(toString(argMax(model_provider_name, {last}))) AS last_provider, "
        f"argMax(CAST(finish_reason AS Nullable(String)), {last}) AS last_finish_reason, {totals} "
        f"FROM ModelInference{where} GROUP BY inference_id) AS used ON used.inference_id = {inference_id}"
    )
    columns = {
        "model_name": "used.last_model",
        "model_provider_name": "used.last_provider",
        "input_tokens": whole_number("used.total_input_tokens"),
        "output_tokens": whole_number("used.total_output_tokens"),
        "cost": "toFloat64(used.total_cost)",
        "finish_reason": "used.last_finish_reason",
    }
    return Joined((join,), columns)
