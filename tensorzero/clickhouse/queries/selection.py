"""Which inferences a question is about, and the WHERE clause that says so."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tensorzero.clickhouse.queries.expressions import milliseconds, newest_first
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.uuids import number_of

TABLES = ("ChatInference", "JsonInference")


@dataclass(frozen=True, slots=True)
class MetricCondition:
    """The latest value of a metric: one of `equal_to`, or between `low` and `high` (both included, None is open)."""

    equal_to: bool | float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Every condition must hold; an empty one does not count. Times are Unix milliseconds, `since` included, `until` not.

    `tags`: key to the values it may have; an empty tuple asks only that the key is there.
    `limit`: the newest so many, None for all.
    """

    functions: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    episodes: tuple[UUID, ...] = ()
    ids: tuple[UUID, ...] | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, "tuple[str, ...]"])
    metrics: Mapping[str, MetricCondition] = field(default_factory=dict[str, MetricCondition])
    limit: int | None = None


def inference_conditions(selection: Selection, parameters: Parameters, inference_id: str = "id") -> list[str]:
    """Conditions on a row of `ChatInference` or `JsonInference`."""
    bind = parameters.bind
    found = time_conditions(selection, parameters, inference_id)
    if selection.functions:
        found.append(f"function_name IN {bind(list(selection.functions), 'Array(String)')}")
    if selection.variants:
        found.append(f"variant_name IN {bind(list(selection.variants), 'Array(String)')}")
    if selection.episodes:
        found.append(f"episode_id IN {bind([str(episode) for episode in selection.episodes], 'Array(UUID)')}")
    if selection.models:
        models = bind(list(selection.models), "Array(String)")
        found.append(f"{inference_id} IN (SELECT inference_id FROM ModelInference WHERE model_name IN {models})")
    found += tag_conditions(selection, parameters)
    found += [metric_condition(name, condition, parameters) for name, condition in selection.metrics.items()]
    return found


def time_conditions(selection: Selection, parameters: Parameters, own_id: str = "id") -> list[str]:
    """The conditions that any row with a time-ordered id of its own can meet."""
    found: list[str] = []
    if selection.ids is not None:
        found.append(f"{own_id} IN {parameters.bind([str(one) for one in selection.ids], 'Array(UUID)')}")
    if selection.since_ms is not None:
        found.append(f"{milliseconds(own_id)} >= {parameters.bind(selection.since_ms, 'Int64')}")
    if selection.until_ms is not None:
        found.append(f"{milliseconds(own_id)} < {parameters.bind(selection.until_ms, 'Int64')}")
    return found


def tag_conditions(selection: Selection, parameters: Parameters) -> list[str]:
    found: list[str] = []
    for key, values in selection.tags.items():
        bound = parameters.bind(key, "String")
        found.append(f"mapContains(tags, {bound})")
        if values:
            found.append(f"tags[{bound}] IN {parameters.bind(list(values), 'Array(String)')}")
    return found


def metric_condition(name: str, condition: MetricCondition, parameters: Parameters) -> str:
    """Whether the latest value on the inference or on its episode fits."""
    wanted: list[str] = []
    boolean = isinstance(condition.equal_to, bool)
    if condition.equal_to is not None:
        value = int(condition.equal_to) if boolean else condition.equal_to
        wanted.append(f"latest = {parameters.bind(value, 'UInt8' if boolean else 'Float32')}")
    if condition.low is not None:
        wanted.append(f"latest >= {parameters.bind(condition.low, 'Float32')}")
    if condition.high is not None:
        wanted.append(f"latest <= {parameters.bind(condition.high, 'Float32')}")
    table = "BooleanMetricFeedback" if boolean else "FloatMetricFeedback"
    targets = (
        f"SELECT target_id FROM (SELECT target_id, argMax(value, {number_of('id')}) AS latest FROM {table} "
        f"WHERE metric_name = {parameters.bind(name, 'String')} GROUP BY target_id){where(wanted)}"
    )
    return f"(id IN ({targets}) OR episode_id IN ({targets}))"


def where(conditions: Sequence[str]) -> str:
    """` WHERE …`, or nothing."""
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def selected_ids(selection: Selection, conditions: Sequence[str], parameters: Parameters, tables: Sequence[str]) -> str:
    """SELECT of the ids of the newest `limit` inferences that fit."""
    each = " UNION ALL ".join(f"SELECT id FROM {table}{where(conditions)}" for table in tables)
    if selection.limit is None:
        return each
    limit = parameters.bind(selection.limit, "UInt64")
    return f"SELECT id FROM ({each}) ORDER BY {newest_first('id')} LIMIT {limit}"
