"""Stored inferences as a frame."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from tensorzero.clickhouse.queries import inferences as queries
from tensorzero_notebook.frames.filters import LIMIT, metric_filter, selection, tag_filter
from tensorzero_notebook.frames.frame import Frame, split_columns, wanted_columns
from tensorzero_notebook.frames.judgements import feedback_columns, fitting_conditions
from tensorzero_notebook.frames.source import FrameCut, Kind, Source
from tensorzero_notebook.frames.versions import NEEDED, VERSION_COLUMN, warn_of_mixed, with_versions

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Unpack

    from tensorzero.clickhouse.database import Database
    from tensorzero_notebook.frames.options import InferenceOptions

FRAME = Frame("inferences", queries.COLUMNS, queries.FULL_COLUMNS, queries.LIGHT_COLUMNS)


@overload
def inferences(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    as_: Literal["pandas"] = "pandas",
    **options: Unpack[InferenceOptions],
) -> pandas.DataFrame: ...


@overload
def inferences(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    as_: Literal["arrow"],
    **options: Unpack[InferenceOptions],
) -> Any: ...


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
    wanted = wanted_columns(columns)
    (wanted_tags, chosen_tags), (conditions, chosen_metrics) = tag_filter(tags), metric_filter(metrics)
    chosen = selection(
        function=function, variant=variant, model=model, episode=episode, ids=ids, since=since, until=until,
        tags=wanted_tags, metrics=fitting_conditions(source, conditions), limit=limit,
    )  # fmt: skip
    tables = _stored_tables(source)
    if wanted is not None:
        own, chosen_tags, chosen_metrics = split_columns(wanted)
    else:
        own = FRAME.own_columns(None, full)
        if not full:
            chosen_tags, chosen_metrics = chosen_tags or (), chosen_metrics or ()
    versioned = wanted is not None and VERSION_COLUMN in wanted
    if versioned:
        own = tuple(dict.fromkeys([*(name for name in own if name != VERSION_COLUMN), *NEEDED]))
    all_columns = full and wanted is None
    if chosen_tags is None or (all_columns and isinstance(tags, Mapping)):
        found = _tag_keys(source.rows(queries.tag_keys_query(chosen, tables)))
        chosen_tags = tuple(dict.fromkeys([*(chosen_tags or ()), *found]))
    judged = feedback_columns(source, chosen_metrics, all_columns and isinstance(metrics, Mapping))
    FRAME.own_columns(own)
    query = queries.inferences_query(chosen, own, chosen_tags, judged, tables)
    made = FRAME.read(source, query, lambda: queries.count_query(chosen, tables), chosen, limit)
    if versioned:
        made.table = with_versions(made.table, source.database)
    elif wanted is None or "variant_name" in wanted:
        warn_of_mixed(source.database, chosen, stacklevel=2)
    return made.delivered(as_, wanted)


def _tag_keys(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The first ones, and a word where there are more."""
    most = queries.MOST_TAG_KEYS
    if len(rows) > most:
        warnings.warn(
            f"More than {most} tag keys: the others are in `tags` only. tags=[…] names columns.", FrameCut, stacklevel=3
        )
    return tuple(str(row["key"]) for row in rows[:most])


def _stored_tables(source: Source) -> tuple[str, ...]:
    """The tables that have rows; chat alone when neither has."""
    stored = source.rows(queries.stored_tables_query())[0]
    return ("ChatInference", "JsonInference") if stored["json"] else ("ChatInference",)
