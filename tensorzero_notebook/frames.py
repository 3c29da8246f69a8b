"""Stored inferences, model inferences, feedback and episodes as frames.

Every function takes keywords, reads all pages at once through Arrow, and returns a pandas `DataFrame` (or, with
`as_="arrow"`, a `pyarrow.Table`) of one row each. Ids are text, times UTC with milliseconds, numbers know missing values.
`limit`: the newest so many, newest first. Without it a thousand, and a warning where there are more; `.attrs["cut"]` says it
either way. `None` reads all: inferences and model inferences then come as they are stored, unsorted.
Wherever several values are taken, a list, a set, a Series, an Index or an array of them is; one without a value in it fits
no row. `since` and `until` (itself left out): a datetime, a date (its midnight), ISO text, or a timedelta ago; without a time
zone it is local time, and so is a `datetime64`; None and `NaT` are no limit.
`.attrs["query"]` holds the statement, `.attrs["parameters"]` its values. An empty frame has the same columns and types.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tensorzero.clickhouse.queries import episodes as episode_queries
from tensorzero.clickhouse.queries import feedback as feedback_queries
from tensorzero.clickhouse.queries import inferences as inference_queries
from tensorzero.clickhouse.queries import model_inferences as model_inference_queries
from tensorzero.clickhouse.queries.latest import FeedbackColumn
from tensorzero.clickhouse.queries.selection import MetricCondition
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.frame_filters import DefaultLimit, fitting, given_ids, metric_filter, names, selection, tag_filter
from tensorzero_notebook.frame_source import FrameCut, Kind, NoRows, Source
from tensorzero_notebook.nearest import did_you_mean
from tensorzero_notebook.versions import NEEDED, VERSION_COLUMN, warn_of_mixed, with_versions

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Database

__all__ = ["FrameCut", "NoRows", "episodes", "feedback", "inferences", "model_inferences"]

LIMIT = DefaultLimit(1000)
SPOKEN = {
    "comment": FeedbackColumn("comment", "comment", "either"),
    "demonstration": FeedbackColumn("demonstration", "demonstration"),
}


def inferences(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    model: str | Iterable[str] | None = None,
    episode: Any = None,
    ids: Any = None,
    since: Any = None,
    until: Any = None,
    tags: Any = None,
    metrics: Any = None,
    limit: int | None = LIMIT,
    full: bool = True,
    columns: str | Iterable[str] | None = None,
    as_: Kind = "pandas",
    database: Database | None = None,
) -> Any:
    """One row an inference, chat and JSON functions alike.

    Columns: inference_id, function_name, variant_name, episode_id, timestamp, processing_time_ms, ttft_ms; what the
    models used (model_name, model_provider_name, input_tokens, output_tokens, cost in dollars, finish_reason);
    input_text (the last message's words) and output_text; input, output and tags as stored JSON; then `tag.<key>` and
    `feedback.<metric>` (the latest value, on the inference or on its episode).

    `full=False` keeps ids, names, time and latency only, and no tags or feedback unless named: the way to read millions of
    rows. `columns` names exactly what is wanted, `tag.<key>` and `feedback.<metric>` among them.
    `tags`: a mapping filters rows (`{"user": "ada"}`, several values in a list, None for any); names choose columns.
    `metrics`: a mapping filters rows (`{"thumbs_up": True}`, `{"rating": (0.5, None)}`); names choose columns, `comment` and
    `demonstration` too. `since`, `until`: a datetime, a date, ISO text, or a timedelta ago, in local time where it has no time
    zone; `until` itself is left out. `limit`: the newest so many, None for all; without it a thousand, and a warning where
    there are more.

    The column `variant_version`, where `columns` names it, tells apart what a variant was under the same name
    (`variant_versions()` lists them). Without it, a frame that mixes versions warns with `MixedVersions`.
    """
    source = Source(database, as_)
    wanted = _columns(columns)
    (wanted_tags, chosen_tags), (conditions, chosen_metrics) = tag_filter(tags), metric_filter(metrics)
    chosen = selection(
        function=function, variant=variant, model=model, episode=episode, ids=ids, since=since, until=until,
        tags=wanted_tags, metrics=_fitting(source, conditions), limit=limit,
    )  # fmt: skip
    tables = _stored_tables(source)
    if wanted is not None:
        own, chosen_tags, chosen_metrics = _split_columns(wanted)
    else:
        own = inference_queries.FULL_COLUMNS if full else inference_queries.LIGHT_COLUMNS
        if not full:
            chosen_tags, chosen_metrics = chosen_tags or (), chosen_metrics or ()
    versioned = wanted is not None and VERSION_COLUMN in wanted
    if versioned:
        own = tuple(dict.fromkeys([*(name for name in own if name != VERSION_COLUMN), *NEEDED]))
    all_columns = full and wanted is None
    if chosen_tags is None or (all_columns and isinstance(tags, Mapping)):
        found = _tag_keys(source.rows(inference_queries.tag_keys_query(chosen, tables)))
        chosen_tags = tuple(dict.fromkeys([*(chosen_tags or ()), *found]))
    feedback_columns = _feedback_columns(source, chosen_metrics, all_columns and isinstance(metrics, Mapping))
    _check(own, inference_queries.COLUMNS)
    query = inference_queries.inferences_query(chosen, own, chosen_tags, feedback_columns, tables)
    made = source.read(query, lambda: inference_queries.count_query(chosen, tables), chosen, limit, "inferences")
    if versioned:
        made.table = with_versions(made.table, source.database)
    elif wanted is None or "variant_name" in wanted:
        warn_of_mixed(source.database, chosen, stacklevel=2)
    return made.delivered(as_, wanted)


def model_inferences(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    model: str | Iterable[str] | None = None,
    episode: Any = None,
    inference: Any = None,
    ids: Any = None,
    since: Any = None,
    until: Any = None,
    tags: Any = None,
    metrics: Any = None,
    limit: int | None = LIMIT,
    full: bool = True,
    columns: str | Iterable[str] | None = None,
    as_: Kind = "pandas",
    database: Database | None = None,
) -> Any:
    """One row a call of a model provider: ids, names, times, tokens, cost, texts, and with `full` the raw request and response.

    `inference`: ids of the inferences they belong to. `tags` and `metrics` (mappings) are asked of the inference.
    """
    source = Source(database, as_)
    wanted = _columns(columns)
    chosen = selection(
        function=function, variant=variant, model=model, episode=episode, ids=ids, since=since, until=until,
        tags=tag_filter(tags)[0], metrics=_fitting(source, metric_filter(metrics)[0]), limit=limit,
    )  # fmt: skip
    default = model_inference_queries.FULL_COLUMNS if full else model_inference_queries.LIGHT_COLUMNS
    own = default if wanted is None else wanted
    _check(own, model_inference_queries.COLUMNS)
    parents = _id_texts(inference, "inference")
    query = model_inference_queries.model_inferences_query(chosen, own, parents)
    made = source.read(
        query,
        lambda: model_inference_queries.model_inference_count_query(chosen, parents),
        chosen,
        limit,
        "model inferences",
    )
    return made.delivered(as_, wanted)


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
    wanted = _columns(columns)
    wanted_tags, chosen_tags = tag_filter(tags)
    of_metrics = names(metric, "metric")
    chosen = selection(
        function=function, variant=variant, episode=episode, ids=() if of_metrics == () else ids, since=since, until=until,
        tags=wanted_tags, limit=limit,
    )  # fmt: skip
    own = tuple(feedback_queries.COLUMNS) if wanted is None else wanted
    _check(own, feedback_queries.COLUMNS)
    targets = _id_texts(target, "target")
    levels = {name: configured.level for name, configured in source.metrics().items()}
    query = feedback_queries.feedback_query(chosen, own, chosen_tags or (), of_metrics or (), targets, levels)
    made = source.read(
        query, lambda: feedback_queries.feedback_count_query(chosen, of_metrics or (), targets), chosen, limit, "feedback"
    )
    return made.delivered(as_, wanted)


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
    wanted = _columns(columns)
    conditions, chosen_metrics = metric_filter(metrics)
    chosen = selection(
        function=function, variant=variant, model=model, episode=ids, since=since, until=until,
        tags=tag_filter(tags)[0], metrics=_fitting(source, conditions), limit=limit,
    )  # fmt: skip
    if wanted is not None:
        own, _, chosen_metrics = _split_columns(wanted)
    else:
        own = tuple(episode_queries.COLUMNS)
    _check(own, episode_queries.COLUMNS)
    judged = [
        FeedbackColumn(column.name, column.type, "episode")
        for column in _feedback_columns(source, chosen_metrics, wanted is None and isinstance(metrics, Mapping))
        if column.type != "demonstration" and (column.level in ("episode", "either") or column.name in (chosen_metrics or ()))
    ]
    query = episode_queries.episodes_query(chosen, own, judged)
    made = source.read(query, lambda: episode_queries.episode_count_query(chosen), chosen, limit, "episodes")
    return made.delivered(as_, wanted)


def database_or_current(database: Database | None) -> Database:
    """The given database, else that of the notebook's session. Raises `UserError` where there is neither."""
    return Source(database, "pandas").database


def _columns(columns: Any) -> tuple[str, ...] | None:
    """The columns that were named, each once; None where none were."""
    wanted = names(columns, "columns")
    if wanted == ():
        raise UserError("columns names none.", hint="Leave it out for all of them.")
    return wanted


def _id_texts(value: Any, keyword: str) -> list[str] | None:
    found = given_ids(value, keyword)
    return None if found is None else [str(one) for one in found]


def _check(columns: Sequence[str], known: Any) -> None:
    unknown = [name for name in columns if name not in known]
    if unknown:
        near = did_you_mean(unknown[0], known)
        raise UserError(f"No such column: {', '.join(unknown)}.", hint=f"{near}There are: {', '.join(known)}.")


def _split_columns(columns: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    tags = tuple(name.removeprefix("tag.") for name in columns if name.startswith("tag."))
    metrics = tuple(name.removeprefix("feedback.") for name in columns if name.startswith("feedback."))
    return tuple(name for name in columns if not name.startswith(("tag.", "feedback."))), tags, metrics


def _tag_keys(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The first ones, and a word where there are more."""
    most = inference_queries.MOST_TAG_KEYS
    if len(rows) > most:
        warnings.warn(
            f"More than {most} tag keys: the others are in `tags` only. tags=[…] names columns.", FrameCut, stacklevel=3
        )
    return tuple(str(row["key"]) for row in rows[:most])


def _stored_tables(source: Source) -> tuple[str, ...]:
    """The tables that have rows; chat alone when neither has."""
    stored = source.rows(inference_queries.stored_tables_query())[0]
    return ("ChatInference", "JsonInference") if stored["json"] else ("ChatInference",)


def _feedback_columns(source: Source, wanted: tuple[str, ...] | None, and_all: bool = False) -> list[FeedbackColumn]:
    """Types and levels of the wanted metrics (None: all configured ones and all with feedback).

    `and_all`: all the others behind them.
    """
    if and_all:
        first = _feedback_columns(source, wanted)
        named = {column.name for column in first}
        return [*first, *(column for column in _feedback_columns(source, None) if column.name not in named)]
    if wanted == ():
        return []
    known = _known_metrics(source, wanted)
    if wanted is None:
        return list(known.values())
    known |= SPOKEN
    _check_metrics(wanted, known)
    return [known[name] for name in wanted]


def _fitting(source: Source, conditions: Mapping[str, MetricCondition]) -> dict[str, MetricCondition]:
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
