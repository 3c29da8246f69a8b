"""Stored feedback of every kind as rows of a frame, and which metrics have any."""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorzero.clickhouse.queries.expressions import newest_first, output_text, raw_text, time_of
from tensorzero.clickhouse.queries.frame_query import FrameQuery, Output, check_columns, tag_value
from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.queries.selection import (
    TABLES,
    Selection,
    inference_conditions,
    tag_conditions,
    time_conditions,
    where,
)
from tensorzero.clickhouse.query import Query

COLUMNS: dict[str, str] = {
    "feedback_id": "id",
    "timestamp": time_of("id"),
    "metric_name": "metric",
    "type": "type",
    "level": "level",
    "target_id": "target",
    "value": "value_json",
    "boolean_value": "boolean_value",
    "float_value": "float_value",
    "text": "text",
    "tags": "toJSONString(tags)",
}
_NONE = {
    "boolean_value": "CAST(NULL AS Nullable(Bool))",
    "float_value": "CAST(NULL AS Nullable(Float32))",
    "text": "CAST(NULL AS Nullable(String))",
    "level": "CAST(NULL AS Nullable(String))",
}
_SOURCES: dict[str, dict[str, str]] = {
    "boolean": {"table": "BooleanMetricFeedback", "metric": "toString(metric_name)", "boolean_value": "toNullable(value)"},
    "float": {"table": "FloatMetricFeedback", "metric": "toString(metric_name)", "float_value": "toNullable(value)"},
    "comment": {
        "table": "CommentFeedback",
        "metric": "'comment'",
        "text": "toNullable(value)",
        "level": "toNullable(toString(target_type))",
    },
    "demonstration": {
        "table": "DemonstrationFeedback",
        "metric": "'demonstration'",
        "text": f"toNullable(if(JSONType(value) = 'Object', {raw_text('value')}, {output_text('value')}))",
        "level": "toNullable('inference')",
        "target": "inference_id",
    },
}


def feedback_query(
    selection: Selection,
    columns: Sequence[str] = tuple(COLUMNS),
    tags: Sequence[str] = (),
    metrics: Sequence[str] = (),
    targets: Sequence[str] | None = None,
    levels: Mapping[str, str] | None = None,
) -> FrameQuery:
    """One row a feedback, newest first, every value of every target. `selection.ids` are ids of feedback.

    `metrics`: names, `comment` and `demonstration` among them; empty for all. `targets`: ids of inferences or episodes.
    `levels`: what the configuration knows, metric name to `inference` or `episode`.
    """
    check_columns(columns, COLUMNS)
    parameters = Parameters()
    found = _union(selection, metrics, targets, parameters)
    output = Output()
    for name in columns:
        output.add(name, _level(levels or {}, parameters) if name == "level" else COLUMNS[name])
    for key in tags:
        output.add(f"tag.{key}", tag_value(key, parameters))
    limit = "" if selection.limit is None else f" LIMIT {parameters.bind(selection.limit, 'UInt64')}"
    return output.finish(f"FROM ({found}) ORDER BY {newest_first('id')}{limit}", parameters)


def _level(levels: Mapping[str, str], parameters: Parameters) -> str:
    """Comments and demonstrations say it themselves, other metrics are looked up."""
    episode = parameters.bind([name for name, level in levels.items() if level == "episode"], "Array(String)")
    inference = parameters.bind([name for name, level in levels.items() if level == "inference"], "Array(String)")
    return f"multiIf(level IS NOT NULL, level, metric IN {episode}, 'episode', metric IN {inference}, 'inference', NULL)"


def feedback_count_query(selection: Selection, metrics: Sequence[str] = (), targets: Sequence[str] | None = None) -> Query:
    """`total`: how many fit, whatever the limit."""
    parameters = Parameters()
    found = _union(selection, metrics, targets, parameters)
    return Query(f"SELECT count() AS total FROM ({found})", parameters.values)


def _union(selection: Selection, metrics: Sequence[str], targets: Sequence[str] | None, parameters: Parameters) -> str:
    shared = time_conditions(selection, parameters) + tag_conditions(selection, parameters)
    of_target = inference_conditions(
        Selection(functions=selection.functions, variants=selection.variants, episodes=selection.episodes), parameters
    )
    bound = parameters.bind(list(metrics), "Array(String)") if metrics else ""
    among = parameters.bind(list(targets), "Array(UUID)") if targets is not None else ""
    parts: list[str] = []
    for type_name, source in _SOURCES.items():
        target = source.get("target", "target_id")
        conditions = list(shared)
        if bound:
            conditions.append(f"{source['metric']} IN {bound}")
        if among:
            conditions.append(f"{target} IN {among}")
        if of_target:
            each = " UNION ALL ".join(f"SELECT arrayJoin([id, episode_id]) FROM {table}{where(of_target)}" for table in TABLES)
            conditions.append(f"{target} IN ({each})")
        values = {name: source.get(name, none) for name, none in _NONE.items()}
        selected = ", ".join(f"{expression} AS {name}" for name, expression in values.items())
        as_json = "toString(value)" if type_name in ("boolean", "float") else "toJSONString(value)"
        as_json = "value" if type_name == "demonstration" else as_json
        parts.append(
            f"SELECT id, {target} AS target, {source['metric']} AS metric, '{type_name}' AS type, {as_json} AS value_json, "
            f"{selected}, tags FROM {source['table']}{where(conditions)}"
        )
    return " UNION ALL ".join(parts)


def used_metrics_query() -> Query:
    """`name` and `type` of every metric with feedback, and its `level`: what a frame can show beyond the configuration.

    The level is that of two targets far apart; `either` where they differ, as after a change of the configuration.
    """
    parts = [
        f"SELECT toString(metric_name) AS name, '{type_name}' AS type, any(target_id) AS one, anyLast(target_id) AS other "
        f"FROM {table} GROUP BY metric_name"
        for type_name, table in (("boolean", "BooleanMetricFeedback"), ("float", "FloatMetricFeedback"))
    ]
    found = " UNION ALL ".join(parts)
    targets = f"SELECT arrayJoin([one, other]) FROM ({found})"
    inferences = " UNION ALL ".join(f"SELECT id FROM {table} WHERE id IN ({targets})" for table in TABLES)
    level = "multiIf(ones AND others, 'inference', ones OR others, 'either', 'episode')"
    marked = f"SELECT name, type, one IN ({inferences}) AS ones, other IN ({inferences}) AS others FROM ({found})"
    return Query(f"SELECT name, type, {level} AS level FROM ({marked}) ORDER BY name, type")
