"""Which metrics a frame has columns of, and conditions on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorzero.clickhouse.queries import feedback as feedback_queries
from tensorzero.clickhouse.queries.latest import FeedbackColumn
from tensorzero.clickhouse.queries.selection import MetricCondition
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.frames.filters import fitting
from tensorzero_notebook.frames.source import Source
from tensorzero_notebook.nearest import did_you_mean

SPOKEN = {
    "comment": FeedbackColumn("comment", "comment", "either"),
    "demonstration": FeedbackColumn("demonstration", "demonstration"),
}


def feedback_columns(source: Source, wanted: tuple[str, ...] | None, and_all: bool = False) -> list[FeedbackColumn]:
    """Types and levels of the wanted metrics (None: all configured ones and all with feedback).

    `and_all`: all the others behind them.
    """
    if and_all:
        first = feedback_columns(source, wanted)
        named = {column.name for column in first}
        return [*first, *(column for column in feedback_columns(source, None) if column.name not in named)]
    if wanted == ():
        return []
    known = _known_metrics(source, wanted)
    if wanted is None:
        return list(known.values())
    known |= SPOKEN
    _check_metrics(wanted, known)
    return [known[name] for name in wanted]


def fitting_conditions(source: Source, conditions: Mapping[str, MetricCondition]) -> dict[str, MetricCondition]:
    """The conditions as the metrics' types have them. Raises `UserError` for a metric that is not there or of another type."""
    if not conditions:
        return {}
    known = {**_known_metrics(source, tuple(conditions)), **SPOKEN}
    _check_metrics(tuple(conditions), known)
    return {name: fitting(name, one, known[name].type) for name, one in conditions.items()}


def _known_metrics(source: Source, wanted: tuple[str, ...] | None) -> dict[str, FeedbackColumn]:
    """Configured metrics; and those with feedback, where all are wanted or one that is not configured."""
    known = {name: FeedbackColumn(name, configured.type, configured.level) for name, configured in source.metrics().items()}
    if wanted is None or any(name not in known for name in wanted):
        for row in source.rows(feedback_queries.used_metrics_query()):
            known.setdefault(str(row["name"]), FeedbackColumn(str(row["name"]), row["type"], row["level"]))
    return known


def _check_metrics(wanted: Sequence[str], known: Mapping[str, FeedbackColumn]) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        near = did_you_mean(unknown[0], known)
        raise UserError(f"No such metric: {', '.join(unknown)}.", hint=f"{near}There are: {', '.join(known)}.")
