"""`POST /v1/inferences/get_inferences` and `/v1/inferences/list_inferences`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tensorzero.clickhouse.queries.filters import metrics_in
from tensorzero.clickhouse.queries.stored_inferences import InferenceQuery, in_reverse, stored_inferences_query
from tensorzero.gateway.asking import read_rows
from tensorzero.gateway.endpoints.inference_request import DEFAULT_FUNCTION, nearest_hint
from tensorzero.gateway.errors import BadRequest, GatewayError, NotFound
from tensorzero.gateway.request import Request
from tensorzero.gateway.stored.inferences import stored_inference

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

DEFAULT_LIMIT = 20
_PAGES_BY_TIME = "only ordering by timestamp is supported with before/after pagination."


async def get_inferences(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"inferences": […]}`, newest first; ids that nobody knows are left out."""
    body = request.body
    function_name = body.get("function_name")
    if not body["ids"]:
        return {"inferences": []}
    types = function_types(gateway, function_name)
    asked = InferenceQuery(
        types=types, function_name=function_name, ids=body["ids"], output_source=body.get("output_source") or "inference"
    )
    return {"inferences": await find_inferences(gateway, request, asked)}


async def list_inferences(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"inferences": […]}`: filtered, ordered, a page of 20 where no limit is given."""
    asked = inference_query(gateway, request.body)
    if asked.limit is None:
        asked = replace(asked, limit=DEFAULT_LIMIT)
    return {"inferences": await find_inferences(gateway, request, asked)}


async def find_inferences(gateway: Gateway, request: Request, asked: InferenceQuery) -> list[dict[str, Any]]:
    """As the API gives them. Empty without a database."""
    if asked.limit == 0:
        return []
    rows = await read_rows(gateway.database, stored_inferences_query(asked), request)
    try:
        found = [stored_inference(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise GatewayError(f"Failed to deserialize a stored inference: {error}") from error
    return found[::-1] if in_reverse(asked) else found


def inference_query(gateway: Gateway, body: Mapping[str, Any]) -> InferenceQuery:
    """The fields of `ListInferencesRequest`, of the right shapes already, checked against each other and the configuration."""
    before, after, order_by = body.get("before"), body.get("after"), body.get("order_by") or ()
    _check_page(before, after, body.get("offset"), order_by)
    function_name, search = body.get("function_name"), body.get("search_query_experimental")
    types = function_types(gateway, function_name)
    filters = body.get("filters") or body.get("filter")
    metrics = _metrics(gateway, function_name, filters, order_by, search)
    return InferenceQuery(
        types=types,
        function_name=function_name,
        variant_name=body.get("variant_name"),
        episode_id=body.get("episode_id"),
        output_source=body.get("output_source") or "inference",
        limit=body.get("limit"),
        offset=body.get("offset") or 0,
        before=before,
        after=after,
        filters=filters,
        order_by=order_by,
        search=search,
        levels={name: metric.level for name, metric in metrics.items()},
        metric_types={name: metric.type for name, metric in metrics.items()},
    )


def _check_page(before: Any, after: Any, offset: Any, order_by: Any) -> None:
    if before is not None and after is not None:
        raise BadRequest("Cannot specify both 'before' and 'after' parameters")
    if before is None and after is None:
        return
    if offset is not None:
        raise BadRequest("Cannot use 'offset' with cursor pagination ('before' or 'after')")
    for term in order_by:
        if term["by"] == "metric":
            raise BadRequest(f"Cannot order by metric '{term['name']}'; {_PAGES_BY_TIME}")
        if term["by"] == "search_relevance":
            raise BadRequest(f"Cannot order by search relevance; {_PAGES_BY_TIME}")


def function_types(gateway: Gateway, function_name: str | None) -> tuple[str, ...]:
    """Which tables to look in. Raises `NotFound` for a function that is not configured."""
    if function_name is None:
        return ("chat", "json")
    if function_name == DEFAULT_FUNCTION:
        return ("chat",)
    function = gateway.config.functions.get(function_name)
    if function is None:
        hint = nearest_hint(function_name, gateway.config.functions, "Configured functions")
        raise NotFound(f"Unknown function: {function_name}", hint=hint)
    return (function.type,)


def _metrics(gateway: Gateway, function_name: Any, filters: Any, order_by: Any, search: Any) -> dict[str, Any]:
    """The configuration of every metric that is named."""
    names = [] if filters is None else metrics_in(filters)
    for term in order_by:
        if term["by"] == "search_relevance" and search is None:
            raise BadRequest(
                "ORDER BY relevance requires search_query_experimental in the request"
                if function_name is None
                else "ORDER BY search_relevance requires search_query_experimental to be provided"
            )
        if term["by"] == "metric":
            if function_name is None:
                raise BadRequest(f"ORDER BY metric '{term['name']}' is not supported when querying without function_name")
            names.append(term["name"])
    found: dict[str, Any] = {}
    for name in names:
        metric = gateway.config.metrics.get(name)
        if metric is None:
            hint = nearest_hint(name, gateway.config.metrics, "Configured metrics")
            raise BadRequest(f"Invalid metric name: {name}", hint=hint)
        found[name] = metric
    return found
