"""Calls of model providers as a frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

from tensorzero.clickhouse.queries import model_inferences as queries
from tensorzero_notebook.frames.filters import LIMIT, metric_filter, selection, tag_filter
from tensorzero_notebook.frames.frame import Frame, id_texts, wanted_columns
from tensorzero_notebook.frames.judgements import fitting_conditions
from tensorzero_notebook.frames.source import Kind, Source

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Unpack

    from tensorzero.clickhouse.database import Database
    from tensorzero_notebook.frames.options import ModelInferenceOptions

FRAME = Frame("model inferences", queries.COLUMNS, queries.FULL_COLUMNS, queries.LIGHT_COLUMNS)


@overload
def model_inferences(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    as_: Literal["pandas"] = "pandas",
    **options: Unpack[ModelInferenceOptions],
) -> pandas.DataFrame: ...


@overload
def model_inferences(
    function: str | Iterable[str] | None = None,
    variant: str | Iterable[str] | None = None,
    *,
    as_: Literal["arrow"],
    **options: Unpack[ModelInferenceOptions],
) -> Any: ...


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
    wanted = wanted_columns(columns)
    chosen = selection(
        function=function, variant=variant, model=model, episode=episode, ids=ids, since=since, until=until,
        tags=tag_filter(tags)[0], metrics=fitting_conditions(source, metric_filter(metrics)[0]), limit=limit,
    )  # fmt: skip
    own = FRAME.own_columns(wanted, full)
    parents = id_texts(inference, "inference")
    query = queries.model_inferences_query(chosen, own, parents)
    made = FRAME.read(source, query, lambda: queries.model_inference_count_query(chosen, parents), chosen, limit)
    return made.delivered(as_, wanted)
