"""Bodies about stored inferences."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tensorzero.parsing.value_shapes import (
    Fields,
    Shape,
    boolean,
    choice,
    flattened,
    moment,
    number,
    optional,
    sequence,
    string,
    struct,
    tagged,
    unsigned,
    uuid,
    whole_choice,
)

COMPARISONS = ("<", "<=", "=", ">", ">=", "!=")
DIRECTIONS = ("ascending", "descending")
OUTPUT_SOURCES = ("none", "inference", "demonstration")


def _all(**fields: Shape) -> Fields:
    return fields, tuple(fields)


TAG = _all(key=string, value=string, comparison_operator=whole_choice("=", "!="))
TIME = _all(time=moment, comparison_operator=whole_choice(*COMPARISONS))


@cache
def _inference_filters() -> Mapping[str, Fields]:
    return {
        "float_metric": _all(metric_name=string, value=number, comparison_operator=whole_choice(*COMPARISONS)),
        "boolean_metric": _all(metric_name=string, value=boolean),
        "demonstration_feedback": _all(has_demonstration=boolean),
        "tag": TAG,
        "time": TIME,
        "and": _all(children=sequence(INFERENCE_FILTER)),
        "or": _all(children=sequence(INFERENCE_FILTER)),
        "not": _all(child=INFERENCE_FILTER),
    }


INFERENCE_FILTER = tagged(_inference_filters)
ORDER_BY = flattened(
    "OrderBy",
    "by",
    {"direction": choice(*DIRECTIONS)},
    {"timestamp": {}, "metric": {"name": string}, "search_relevance": {}},
)
QUERY_FIELDS: Mapping[str, Shape] = {
    "function_name": optional(string),
    "variant_name": optional(string),
    "episode_id": optional(uuid),
    "output_source": choice(*OUTPUT_SOURCES),
    "limit": optional(unsigned(32)),
    "offset": optional(unsigned(32)),
    "before": optional(uuid),
    "after": optional(uuid),
    "filters": optional(INFERENCE_FILTER),
    "filter": optional(INFERENCE_FILTER),
    "order_by": optional(sequence(ORDER_BY)),
    "search_query_experimental": optional(string),
}
LIST_INFERENCES = struct("ListInferencesRequest", QUERY_FIELDS)
GET_INFERENCES = struct(
    "GetInferencesRequest",
    {"ids": sequence(uuid), "function_name": optional(string), "output_source": choice(*OUTPUT_SOURCES)},
    ("ids",),
)
