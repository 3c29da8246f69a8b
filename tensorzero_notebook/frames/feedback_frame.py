"""Feedback as a frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

from tensorzero.clickhouse.queries import feedback as queries
from tensorzero_notebook.frames.filters import LIMIT, names, selection, tag_filter
from tensorzero_notebook.frames.frame import Frame, id_texts, wanted_columns
from tensorzero_notebook.frames.source import Kind, Source

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Unpack

    from tensorzero.clickhouse.database import Database
    from tensorzero_notebook.frames.options import FeedbackOptions

FRAME = Frame("feedback", queries.COLUMNS, tuple(queries.COLUMNS))


@overload
def feedback(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    as_: Literal["pandas"] = "pandas",
    **options: Unpack[FeedbackOptions],
) -> pandas.DataFrame: ...


@overload
def feedback(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    as_: Literal["arrow"],
    **options: Unpack[FeedbackOptions],
) -> Any: ...


def feedback(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    metric: str | Iterable[str] | None = None,
    target: Any = None,
    episode: Any = None,
    ids: Any = None,
    since: Any = None,
    until: Any = None,
    tags: Any = None,
    limit: int | None = LIMIT,
    columns: str | Iterable[str] | None = None,
    as_: Kind = "pandas",
    database: Database | None = None,
) -> Any:
    """One row a feedback, every value ever given: feedback_id, timestamp, metric_name, type, level, target_id, the value as
    JSON (`value`) and typed (`boolean_value`, `float_value`, `text`), tags as JSON.

    `metric`: names, `comment` and `demonstration` among them. `target`: ids of inferences or episodes. `function`, `variant`
    and `episode` are asked of the target. `tags` are the feedback's own. `level` is missing for metrics that the
    configuration does not know.
    """
    source = Source(database, as_)
    wanted = wanted_columns(columns)
    wanted_tags, chosen_tags = tag_filter(tags)
    of_metrics = names(metric, "metric")
    chosen = selection(
        function=function, variant=variant, episode=episode, ids=() if of_metrics == () else ids, since=since, until=until,
        tags=wanted_tags, limit=limit,
    )  # fmt: skip
    own = FRAME.own_columns(wanted)
    targets = id_texts(target, "target")
    levels = {name: configured.level for name, configured in source.metrics().items()}
    query = queries.feedback_query(chosen, own, chosen_tags or (), of_metrics or (), targets, levels)
    made = FRAME.read(source, query, lambda: queries.feedback_count_query(chosen, of_metrics or (), targets), chosen, limit)
    return made.delivered(as_, wanted)
