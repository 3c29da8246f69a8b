"""The filters of stored inferences and datapoints, trees of JSON, as conditions of SQL with three-valued logic.

Where a metric has no feedback its condition is NULL, and so it stays under one `not`; `and` and `or` take NULL for false. A
condition that is NULL in the end lets no row through (observed 2026.6.0).
"""

# ruff: noqa: S608 - what is formatted in is fixed text of this package; values are bound

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from tensorzero.clickhouse.queries.latest import FeedbackColumn, latest_by_group
from tensorzero.clickhouse.queries.parameters import Parameters

_OPERATORS = frozenset(("<", "<=", "=", ">", ">=", "!="))


class FilterWriter:
    """Writes the conditions of one statement; `joins` are those that they need.

    `tags`, `time`: expressions of the row's tags and of its time.
    """

    def __init__(self, parameters: Parameters, tags: str, time: str) -> None:
        self.parameters = parameters
        self.joins: list[str] = []
        self._tags = tags
        self._time = time

    def condition(self, node: Mapping[str, Any]) -> str:
        """A filter of a checked body."""
        kind = node["type"]
        return self._time_filter(node) if kind == "time" else getattr(self, f"_{kind}")(node)

    def _and(self, node: Mapping[str, Any]) -> str:
        return self._joined(node, " AND ", "1")

    def _or(self, node: Mapping[str, Any]) -> str:
        return self._joined(node, " OR ", "0")

    def _joined(self, node: Mapping[str, Any], word: str, empty: str) -> str:
        children = [f"coalesce({self.condition(child)}, 0)" for child in node["children"]]
        return f"({word.join(children)})" if children else empty

    def _not(self, node: Mapping[str, Any]) -> str:
        return f"NOT coalesce({self.condition(node['child'])}, 1)"

    def _tag(self, node: Mapping[str, Any]) -> str:
        key = self.parameters.bind(node["key"], "String")
        value = self.parameters.bind(node["value"], "String")
        return f"(mapContains({self._tags}, {key}) AND {self._tags}[{key}] {_operator(node)} {value})"

    def _time_filter(self, node: Mapping[str, Any]) -> str:
        moment = self.parameters.bind(_whole_seconds(node["time"]), "String")
        return f"{self._time} {_operator(node)} parseDateTimeBestEffort({moment}, 'UTC')"


class InferenceFilterWriter(FilterWriter):
    """With what only inferences have. `i` is the row; `levels` says of each metric whether it is of inferences or episodes."""

    def __init__(self, parameters: Parameters, levels: Mapping[str, str]) -> None:
        super().__init__(parameters, "i.tags", "i.timestamp")
        self._levels = levels
        self._latest: dict[tuple[str, str], str] = {}

    def latest(self, kind: str, metric: str) -> str:
        """The expression of a metric's latest value on the row or on its episode, NULL without feedback."""
        if (kind, metric) not in self._latest:
            alias = f"feedback_{len(self._latest)}"
            target = "i.id" if self._levels[metric] == "inference" else "i.episode_id"
            column = FeedbackColumn(metric, "float" if kind == "float" else "boolean")
            latest = latest_by_group(column, self.parameters)
            self.joins.append(f"LEFT JOIN ({latest}) AS {alias} ON {alias}.target = {target}")
            self._latest[kind, metric] = f"{alias}.latest"
        return self._latest[kind, metric]

    def _float_metric(self, node: Mapping[str, Any]) -> str:
        value = self.parameters.bind(float(node["value"]), "Float64")
        return f"{self.latest('float', node['metric_name'])} {_operator(node)} {value}"

    def _boolean_metric(self, node: Mapping[str, Any]) -> str:
        return f"{self.latest('boolean', node['metric_name'])} = {self.parameters.bind(node['value'], 'Bool')}"

    def _demonstration_feedback(self, node: Mapping[str, Any]) -> str:
        word = "IN" if node["has_demonstration"] else "NOT IN"
        return f"i.id {word} (SELECT inference_id FROM DemonstrationFeedback)"


def _whole_seconds(moment: str) -> str:
    """A checked time of RFC 3339 as the engine reads it, without its fraction."""
    text = moment.upper().replace(" ", "T")
    head, zone = text[:19], text[19:].lstrip(".0123456789")
    return datetime.fromisoformat(head + zone.replace("Z", "+00:00")).astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _operator(node: Mapping[str, Any]) -> str:
    operator = node["comparison_operator"]
    if operator not in _OPERATORS:
        raise ValueError(f"no operator: {operator!r}")
    return operator


def metrics_in(node: Mapping[str, Any]) -> list[str]:
    """The metrics that a filter names, in order."""
    if "metric_name" in node:
        return [node["metric_name"]]
    children = [node["child"]] if node["type"] == "not" else node.get("children", ())
    return [name for child in children for name in metrics_in(child)]
