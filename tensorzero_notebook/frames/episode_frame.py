"""Episodes as a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from tensorzero.clickhouse.queries import episodes as queries
from tensorzero.clickhouse.queries.latest import FeedbackColumn
from tensorzero_notebook.frames.filters import LIMIT, metric_filter, selection, tag_filter
from tensorzero_notebook.frames.frame import Frame, split_columns, wanted_columns
from tensorzero_notebook.frames.judgements import feedback_columns, fitting_conditions
from tensorzero_notebook.frames.source import Kind, Source

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Unpack

    from tensorzero.clickhouse.database import Database
    from tensorzero_notebook.frames.options import EpisodeOptions

FRAME = Frame("episodes", queries.COLUMNS, tuple(queries.COLUMNS))


@overload
def episodes(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    as_: Literal["pandas"] = "pandas",
    **options: Unpack[EpisodeOptions],
) -> pandas.DataFrame: ...


@overload
def episodes(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    as_: Literal["arrow"],
    **options: Unpack[EpisodeOptions],
) -> Any: ...


def episodes(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    model: str | Iterable[str] | None = None,
    ids: Any = None,
    since: Any = None,
    until: Any = None,
    tags: Any = None,
    metrics: Any = None,
    limit: int | None = LIMIT,
    columns: str | Iterable[str] | None = None,
    as_: Kind = "pandas",
    database: Database | None = None,
) -> Any:
    """One row an episode with an inference that fits: episode_id, inferences (their number), start_time, end_time, functions,
    variants, then `feedback.<metric>` of episode-level metrics. `ids` are episodes'."""
    source = Source(database, as_)
    wanted = wanted_columns(columns)
    conditions, chosen_metrics = metric_filter(metrics)
    chosen = selection(
        function=function, variant=variant, model=model, episode=ids, since=since, until=until,
        tags=tag_filter(tags)[0], metrics=fitting_conditions(source, conditions), limit=limit,
    )  # fmt: skip
    if wanted is not None:
        own, _, chosen_metrics = split_columns(wanted)
    else:
        own = FRAME.usual
    FRAME.own_columns(own)
    judged = [
        FeedbackColumn(column.name, column.type, "episode")
        for column in feedback_columns(source, chosen_metrics, wanted is None and isinstance(metrics, Mapping))
        if column.type != "demonstration" and (column.level in ("episode", "either") or column.name in (chosen_metrics or ()))
    ]
    query = queries.episodes_query(chosen, own, judged)
    made = FRAME.read(source, query, lambda: queries.episode_count_query(chosen), chosen, limit)
    return made.delivered(as_, wanted)
