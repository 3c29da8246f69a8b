"""Stored inferences, model inferences, feedback and episodes as frames.

Every function takes keywords, reads all pages at once through Arrow, and returns a pandas `DataFrame` (or, with
`as_="arrow"`, a `pyarrow.Table`) of one row each. Ids are text, times UTC with milliseconds, numbers know missing values.
`limit=1000` unless told otherwise: the newest, newest first; a cut is said aloud and stands in `.attrs["cut"]`. `None` reads
all: inferences and model inferences then come as they are stored, unsorted.
`.attrs["query"]` holds the statement, `.attrs["parameters"]` its values. An empty frame has the same columns and types.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tensorzero.clickhouse.queries import episodes as episode_queries
from tensorzero.clickhouse.queries import feedback as feedback_queries
from tensorzero.clickhouse.queries import inferences as inference_queries
from tensorzero.clickhouse.queries import model_inferences as model_inference_queries
from tensorzero.clickhouse.queries.frame_query import FrameQuery
from tensorzero.clickhouse.queries.latest import FeedbackColumn
from tensorzero.clickhouse.queries.selection import MetricCondition, Selection
from tensorzero.clickhouse.query import Query
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.frame_filters import ids as given_ids
from tensorzero_notebook.frame_filters import metric_filter, moment_ms, names, row_limit, tag_filter
from tensorzero_notebook.frame_types import named_table, pandas_frame
from tensorzero_notebook.nearest import did_you_mean
from tensorzero_notebook.versions import NEEDED, VERSION_COLUMN, warn_of_mixed, with_versions

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Database
    from tensorzero.gateway.config.sections import MetricConfig

Kind = Literal["pandas", "arrow"]


class FrameCut(UserWarning):
    """The limit left rows out."""


class NoRows(UserWarning):
    """Nothing fits, and the configuration does not know the function that was named."""


def inferences(
    function: str | Sequence[str] | None = None,
    variant: str | Sequence[str] | None = None,
    *,
    model: str | Sequence[str] | None = None,
    episode: Any = None,
    ids: Any = None,
    since: Any = None,
    until: Any = None,
    tags: Any = None,
    metrics: Any = None,
    limit: int | None = 1000,
    full: bool = True,
    columns: Sequence[str] | None = None,
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
    `demonstration` too. `since`, `until`: datetime, date, ISO text, or timedelta ago; `until` itself is left out.

    The column `variant_version`, where `columns` names it, tells apart what a variant was under the same name
    (`variant_versions()` lists them). Without it, a frame that mixes versions warns with `MixedVersions`.
    """
    source = _Source(database)
    selection, chosen_tags, chosen_metrics = _selection(
        function, variant, model, episode, ids, since, until, tags, metrics, limit
    )
    tables = _stored_tables(source)
    if columns is not None:
        own, chosen_tags, chosen_metrics = _split_columns(columns)
    else:
        own = inference_queries.FULL_COLUMNS if full else inference_queries.LIGHT_COLUMNS
        if not full:
            chosen_tags, chosen_metrics = chosen_tags or (), chosen_metrics or ()
    versioned = columns is not None and VERSION_COLUMN in columns
    if versioned:
        own = tuple(dict.fromkeys([*(name for name in own if name != VERSION_COLUMN), *NEEDED]))
    all_columns = full and columns is None
    if chosen_tags is None or (all_columns and isinstance(tags, Mapping)):
        found = _tag_keys(source.rows(inference_queries.tag_keys_query(selection, tables)))
        chosen_tags = tuple(dict.fromkeys([*(chosen_tags or ()), *found]))
    feedback_columns = _feedback_columns(source, chosen_metrics, all_columns and isinstance(metrics, Mapping))
    _check(own, inference_queries.COLUMNS)
    query = inference_queries.inferences_query(selection, own, chosen_tags, feedback_columns, tables)
    made = source.read(query, lambda: inference_queries.count_query(selection, tables), selection, "inferences")
    if versioned:
        made.table = with_versions(made.table, source.database)
    elif columns is None or "variant_name" in columns:
        warn_of_mixed(source.database, selection, stacklevel=2)
    return made.delivered(as_, columns)


def model_inferences(
    function: str | Sequence[str] | None = None,
    variant: str | Sequence[str] | None = None,
    *,
    model: str | Sequence[str] | None = None,
    episode: Any = None,
    inference: Any = None,
    ids: Any = None,
    since: Any = None,
    until: Any = None,
    tags: Any = None,
    metrics: Any = None,
    limit: int | None = 1000,
    full: bool = True,
    columns: Sequence[str] | None = None,
    as_: Kind = "pandas",
    database: Database | None = None,
) -> Any:
    """One row a call of a model provider: ids, names, times, tokens, cost, texts, and with `full` the raw request and response.

    `inference`: ids of the inferences they belong to. `tags` and `metrics` (mappings) are asked of the inference.
    """
    source = _Source(database)
    selection, _, _ = _selection(function, variant, model, episode, ids, since, until, tags, metrics, limit)
    default = model_inference_queries.FULL_COLUMNS if full else model_inference_queries.LIGHT_COLUMNS
    own = tuple(columns) if columns is not None else default
    _check(own, model_inference_queries.COLUMNS)
    parents = given_ids(inference, "inference")
    texts = None if parents is None else [str(one) for one in parents]
    query = model_inference_queries.model_inferences_query(selection, own, texts)
    made = source.read(
        query,
        lambda: model_inference_queries.model_inference_count_query(selection, texts),
        selection,
        "model inferences",
    )
    return made.delivered(as_, columns)


def feedback(
    function: str | Sequence[str] | None = None,
    variant: str | Sequence[str] | None = None,
    *,
    metric: str | Sequence[str] | None = None,
    target: Any = None,
    episode: Any = None,
    ids: Any = None,
    since: Any = None,
    until: Any = None,
    tags: Any = None,
    limit: int | None = 1000,
    columns: Sequence[str] | None = None,
    as_: Kind = "pandas",
    database: Database | None = None,
) -> Any:
    """One row a feedback, every value ever given: feedback_id, timestamp, metric_name, type, level, target_id, the value as
    JSON (`value`) and typed (`boolean_value`, `float_value`, `text`), tags as JSON.

    `metric`: names, `comment` and `demonstration` among them. `target`: ids of inferences or episodes. `function`, `variant`
    and `episode` are asked of the target. `tags` are the feedback's own. `level` is missing for metrics that the
    configuration does not know.
    """
    source = _Source(database)
    selection, chosen_tags, _ = _selection(function, variant, None, episode, ids, since, until, tags, None, limit)
    own = tuple(columns) if columns is not None else tuple(feedback_queries.COLUMNS)
    _check(own, feedback_queries.COLUMNS)
    targets = given_ids(target, "target")
    texts = None if targets is None else [str(one) for one in targets]
    levels = {name: configured.level for name, configured in source.metrics().items()}
    query = feedback_queries.feedback_query(selection, own, chosen_tags or (), names(metric), texts, levels)
    made = source.read(
        query, lambda: feedback_queries.feedback_count_query(selection, names(metric), texts), selection, "feedback"
    )
    return made.delivered(as_, columns)


def episodes(
    function: str | Sequence[str] | None = None,
    variant: str | Sequence[str] | None = None,
    *,
    model: str | Sequence[str] | None = None,
    ids: Any = None,
    since: Any = None,
    until: Any = None,
    tags: Any = None,
    metrics: Any = None,
    limit: int | None = 1000,
    columns: Sequence[str] | None = None,
    as_: Kind = "pandas",
    database: Database | None = None,
) -> Any:
    """One row an episode with an inference that fits: episode_id, inferences (their number), start_time, end_time, functions,
    variants, then `feedback.<metric>` of episode-level metrics. `ids` are episodes'."""
    source = _Source(database)
    selection, _, chosen_metrics = _selection(function, variant, model, ids, None, since, until, tags, metrics, limit)
    if columns is not None:
        own, _, chosen_metrics = _split_columns(columns)
    else:
        own = tuple(episode_queries.COLUMNS)
    _check(own, episode_queries.COLUMNS)
    wanted = [
        FeedbackColumn(column.name, column.type, "episode")
        for column in _feedback_columns(source, chosen_metrics, columns is None and isinstance(metrics, Mapping))
        if column.type != "demonstration" and (column.level in ("episode", "either") or column.name in (chosen_metrics or ()))
    ]
    query = episode_queries.episodes_query(selection, own, wanted)
    made = source.read(query, lambda: episode_queries.episode_count_query(selection), selection, "episodes")
    return made.delivered(as_, columns)


def database_or_current(database: Database | None) -> Database:
    """The given database, else that of the notebook's session. Raises `UserError` where there is neither."""
    return _Source(database).database


class _Source:
    """Where a frame is read from: the given database, or the notebook's session."""

    def __init__(self, database: Database | None) -> None:
        self._session: Any = None
        if database is None:
            from tensorzero_notebook.session import current_session

            self._session = current_session()
            database = self._session.database
        if database is None:
            raise UserError(
                "There is no database to read from.", hint="Set TENSORZERO_CLICKHOUSE_URL, or pass database=Database.open(…)."
            )
        self.database = database

    def rows(self, query: Query) -> list[dict[str, Any]]:
        return self.database.query(query)

    def metrics(self) -> dict[str, MetricConfig]:
        return dict(self._session.config.metrics) if self._session is not None and self._session.config is not None else {}

    def read(self, query: FrameQuery, count: Any, selection: Selection, what: str) -> _Made:
        """Run it; say aloud when the limit left rows out."""
        table = named_table(self.database.arrow(query.query), query.columns)
        limit = selection.limit
        total = table.num_rows
        if limit is not None and total >= limit:
            total = int(self.rows(count())[0]["total"])
        if not total:
            self._doubt(selection.functions)
        if total > table.num_rows:
            warnings.warn(
                f"{table.num_rows:,} of {total:,} {what}: the newest ones. limit=None reads all.", FrameCut, stacklevel=3
            )
        attributes = {
            "query": query.query.sql,
            "parameters": dict(query.query.parameters),
            "rows": table.num_rows,
            "total": total if limit is not None else table.num_rows,
            "cut": total > table.num_rows,
        }
        return _Made(table, attributes)

    def _doubt(self, functions: Sequence[str]) -> None:
        """A function that is in no configuration may have rows all the same; where it has none, it is a mistake."""
        config = self._session.config if self._session is not None else None
        if config is None:
            return
        unknown = [name for name in functions if name not in config.functions]
        if unknown:
            near = did_you_mean(unknown[0], config.functions)
            told = f"No rows, and the configuration has no function {', '.join(unknown)}. {near}"
            warnings.warn(told.strip(), NoRows, stacklevel=4)


class _Made:
    def __init__(self, table: Any, attributes: dict[str, Any]) -> None:
        self.table = table
        self._attributes = attributes

    def delivered(self, as_: str, columns: Sequence[str] | None) -> Any:
        """In the order of `columns`, where given, as pandas or Arrow."""
        table = self.table if columns is None else self.table.select(list(columns))
        if as_ == "arrow":
            return table
        if as_ != "pandas":
            raise UserError(f'as_ must be "pandas" or "arrow", not {as_!r}.')
        frame = pandas_frame(table)
        frame.attrs.update(self._attributes)
        return frame


def _selection(
    function: Any,
    variant: Any,
    model: Any,
    episode: Any,
    ids: Any,
    since: Any,
    until: Any,
    tags: Any,
    metrics: Any,
    limit: Any,
) -> tuple[Selection, tuple[str, ...] | None, tuple[str, ...] | None]:
    wanted_tags, tag_columns = tag_filter(tags)
    wanted_metrics: dict[str, MetricCondition]
    wanted_metrics, metric_columns = metric_filter(metrics)
    selection = Selection(
        functions=names(function),
        variants=names(variant),
        models=names(model),
        episodes=given_ids(episode, "episode") or (),
        ids=given_ids(ids, "ids"),
        since_ms=moment_ms(since, "since"),
        until_ms=moment_ms(until, "until"),
        tags=wanted_tags,
        metrics=wanted_metrics,
        limit=row_limit(limit),
    )
    return selection, tag_columns, metric_columns


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


def _stored_tables(source: _Source) -> tuple[str, ...]:
    """The tables that have rows; chat alone when neither has."""
    stored = source.rows(inference_queries.stored_tables_query())[0]
    return ("ChatInference", "JsonInference") if stored["json"] else ("ChatInference",)


def _feedback_columns(source: _Source, wanted: tuple[str, ...] | None, and_all: bool = False) -> list[FeedbackColumn]:
    """Types and levels of the wanted metrics (None: all configured ones and all with feedback).

    `and_all`: all the others behind them.
    """
    if and_all:
        first = _feedback_columns(source, wanted)
        named = {column.name for column in first}
        return [*first, *(column for column in _feedback_columns(source, None) if column.name not in named)]
    if wanted == ():
        return []
    known = {name: FeedbackColumn(name, configured.type, configured.level) for name, configured in source.metrics().items()}
    if wanted is None or any(name not in known for name in wanted):
        for row in source.rows(feedback_queries.used_metrics_query()):
            known.setdefault(str(row["name"]), FeedbackColumn(str(row["name"]), row["type"], row["level"]))
    if wanted is None:
        return list(known.values())
    known["comment"] = FeedbackColumn("comment", "comment", "either")
    known["demonstration"] = FeedbackColumn("demonstration", "demonstration")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        near = did_you_mean(unknown[0], known)
        raise UserError(f"No such metric: {', '.join(unknown)}.", hint=f"{near}There are: {', '.join(known)}.")
    return [known[name] for name in wanted]
