"""Datapoints: made, changed, deleted, read back. A dataset is there while it has rows.

Changing the content of a datapoint leaves the old one, marked as stale, and makes another with a new id; deleting marks too.
Nothing is removed (TensorZero docs: datasets).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from tensorzero.clickhouse.queries.datapoints import TABLES, DatapointQuery, datapoints_query
from tensorzero.clickhouse.queries.stored_inferences import InferenceQuery, stored_inferences_query
from tensorzero.gateway.asking import read_rows
from tensorzero.gateway.endpoints.datapoint_values import (
    TOOL_FIELDS,
    chat_output_text,
    columns_of,
    compiled_schema,
    function_of,
    input_text,
    json_output_text,
    output_schema,
    tools_of,
)
from tensorzero.gateway.endpoints.stored_inferences import inference_query
from tensorzero.gateway.errors import BadRequest, GatewayError, NotFound
from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.recording import Row
from tensorzero.gateway.request import Request
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.stored.datapoints import datapoint, now, stored_row
from tensorzero.gateway.stored.tools import tool_fields
from tensorzero.gateway.tool_settings import ToolSettings

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

DEFAULT_LIMIT = 20
_SHOWN = {"chat": "chat", "json": "JSON"}


async def create_datapoints(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"ids": […]}` in the order of the request; all or none."""
    name = checked_name(request.parameters["dataset_name"])
    given: Sequence[Mapping[str, Any]] = request.body["datapoints"]
    if not given:
        raise BadRequest("At least one datapoint must be provided")
    rows = [await _created(gateway, request, name, item) for item in given]
    gateway.write(rows)
    return {"ids": [row["id"] for _, row in rows]}


async def _created(gateway: Gateway, request: Request, dataset: str, item: Mapping[str, Any]) -> Row:
    kind = item["type"]
    try:
        function = function_of(gateway, item["function_name"], kind)
        text = await input_text(gateway, request, function, item["input"])
        if kind == "chat":
            settings = tools_of(gateway, function, item)
            own = {"output": chat_output_text(item.get("output"), settings), **columns_of(settings)}
        else:
            schema = output_schema(function, item.get("output_schema"))
            own = {"output": json_output_text(item.get("output"), schema), "output_schema": schema.json}
    except BadRequest as error:
        message = f"Failed to convert {kind} datapoint to database insert: {error.message}"
        raise BadRequest(message, hint=error.hint) from None
    about = {"episode_id": item.get("episode_id"), "name": item.get("name"), "tags": item.get("tags") or {}}
    return _new_row(gateway, kind, dataset, function.name, is_custom=True, input=text, **about, **own)


def _new_row(gateway: Gateway, kind: str, dataset: str, function_name: str, **values: Any) -> Row:
    row = {
        "id": new_id(),
        "dataset_name": dataset,
        "function_name": function_name,
        "auxiliary": "",
        "is_deleted": False,
        "updated_at": now(),
        "snapshot_hash": gateway.snapshot_hash,
    }
    return TABLES[kind], row | values


async def update_datapoints(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"ids": […]}`: the new ones, in the order of the request. What is left out stays, None clears."""
    name = checked_name(request.parameters["dataset_name"])
    given: Sequence[Mapping[str, Any]] = request.body["datapoints"]
    found = await _those_to_change(gateway, request, name, given)
    rows: list[Row] = []
    ids: list[str] = []
    for item in given:
        old = found[item["id"]]
        if old["type"] != item["type"]:
            was, asked = _SHOWN[old["type"]], _SHOWN[item["type"]]
            message = f"Datapoint {item['id']} is a {was} datapoint but a {asked} update was provided"
            raise BadRequest(message, hint=f'type="{old["type"]}" is what changes it.')
        changes = await _changes(gateway, request, old, item)
        ids.append(new_id())
        rows.append(stored_row(old, staled_at=now(), snapshot_hash=None))
        rows.append(stored_row(old, id=ids[-1], is_custom=True, snapshot_hash=None, **changes))
    gateway.write(rows)
    return {"ids": ids}


async def _changes(gateway: Gateway, request: Request, old: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that an update changes."""
    function = function_of(gateway, old["function_name"], old["type"])
    changed: dict[str, Any] = {}
    if item.get("input") is not None:
        changed["input"] = await input_text(gateway, request, function, item["input"])
    if "name" in item:
        changed["name"] = item["name"]
    if item.get("tags") is not None:
        changed["tags"] = item["tags"]
    if old["type"] == "json":
        return changed | _json_changes(old, item)
    fields = tool_fields(old)
    asked = {name: item[name] for name in TOOL_FIELDS if name in item}
    for name in ("additional_tools", "provider_tools"):
        if asked.get(name, ()) is None:
            del asked[name]
    if asked or "output" in item:
        settings = tools_of(gateway, function, fields | asked)
        if asked:
            changed |= columns_of(settings)
        if "output" in item:
            changed["output"] = chat_output_text(item["output"], settings)
    return changed


def _json_changes(old: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """An output that is given is checked against the schema that counts from now on; one that is there is not."""
    changed: dict[str, Any] = {}
    schema = Schema(orjson.loads(old["output_schema"]))
    if item.get("output_schema") is not None:
        schema = compiled_schema(item["output_schema"])
        changed["output_schema"] = schema.json
    if "output" in item:
        changed["output"] = json_output_text(item["output"], schema)
    return changed


async def update_datapoints_metadata(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"ids": […]}`, the same ones."""
    name = checked_name(request.parameters["dataset_name"])
    given: Sequence[Mapping[str, Any]] = request.body["datapoints"]
    found = await _those_to_change(gateway, request, name, given)
    rows = [
        stored_row(found[item["id"]], snapshot_hash=None, **({"name": item["name"]} if "name" in item else {}))
        for item in given
    ]
    gateway.write(rows)
    return {"ids": [item["id"] for item in given]}


async def _those_to_change(
    gateway: Gateway, request: Request, dataset: str, given: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Their rows by id. Raises `NotFound` for one that is not there, or was changed or deleted."""
    if not given:
        raise BadRequest("At least one datapoint must be provided")
    ids: list[str] = []
    for item in given:
        if item["id"] in ids:
            raise BadRequest(f"Duplicate datapoint id provided: {item['id']}")
        ids.append(item["id"])
    rows = await read_rows(gateway.database, datapoints_query(DatapointQuery(dataset_name=dataset, ids=ids)), request)
    found = {row["id"]: row for row in rows}
    for one in ids:
        if one not in found:
            hint = "A datapoint has a new id after each `update_datapoints`; `list_datapoints` gives today's."
            raise NotFound(f"Datapoint not found for dataset: {dataset} and id: {one}", hint=hint)
    return found


async def delete_datapoints(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"num_deleted_datapoints": n}`; ids that nobody knows are passed over."""
    name = checked_name(request.parameters["dataset_name"])
    ids: Sequence[str] = request.body["ids"]
    if not ids:
        raise BadRequest("ids must be a non-empty list")
    return await _delete(gateway, request, DatapointQuery(dataset_name=name, ids=ids))


async def delete_dataset(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"num_deleted_datapoints": n}`, 0 for a dataset that is not there."""
    return await _delete(gateway, request, DatapointQuery(dataset_name=checked_name(request.parameters["dataset_name"])))


async def _delete(gateway: Gateway, request: Request, asked: DatapointQuery) -> dict[str, Any]:
    rows = await read_rows(gateway.database, datapoints_query(asked), request)
    gateway.write([stored_row(row, staled_at=now()) for row in rows])
    return {"num_deleted_datapoints": len(rows)}


async def create_from_inferences(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"ids": […]}`, the newest inference first, whatever the order of the request (observed 2026.6.0)."""
    name = checked_name(request.parameters["dataset_name"])
    rows = await _inferences(gateway, request)
    made = [_from_inference(gateway, name, row) for row in rows]
    gateway.write(made)
    return {"ids": [row["id"] for _, row in made]}


async def _inferences(gateway: Gateway, request: Request) -> list[dict[str, Any]]:
    body = request.body
    if body["type"] == "inference_query":
        return await read_rows(gateway.database, stored_inferences_query(inference_query(gateway, body)), request)
    ids: Sequence[str] = body["inference_ids"]
    if not ids:
        return []
    asked = InferenceQuery(ids=ids, output_source=body.get("output_source") or "inference")
    rows = await read_rows(gateway.database, stored_inferences_query(asked), request)
    known = {row["inference_id"] for row in rows}
    for one in ids:
        if one not in known:
            raise BadRequest(f"Inference {one} not found", hint="With demonstrations, one without counts as not found.")
    return rows


def _from_inference(gateway: Gateway, dataset: str, row: Mapping[str, Any]) -> Row:
    kind = row["type"]
    function = function_of(gateway, row["function_name"], kind)
    if kind == "json":
        own = {"output_schema": row["output_schema"]}
    else:  # without any tool there are settings all the same (observed 2026.6.0)
        none = ToolSettings(choice=function.tool_choice, parallel=function.parallel_tool_calls)
        own = columns_of(tools_of(gateway, function, tool_fields(row)) or none)
    return _new_row(
        gateway,
        kind,
        dataset,
        function.name,
        is_custom=False,
        episode_id=row["episode_id"],
        input=row["input"],
        output=row["output"],
        tags=row["tags"],
        source_inference_id=row["inference_id"],
        **own,
    )


async def list_datapoints(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"datapoints": […]}` of a dataset, without those that were changed or deleted since."""
    body, limit = request.body, request.body.get("limit")
    if limit is None:
        limit = body.get("page_size")
    search, order_by = body.get("search_query_experimental"), body.get("order_by") or ()
    asked = DatapointQuery(
        dataset_name=checked_name(request.parameters["dataset_name"]),
        function_name=body.get("function_name"),
        limit=DEFAULT_LIMIT if limit is None else limit,
        offset=body.get("offset") or 0,
        filters=body.get("filter"),
        order_by=order_by,
        search=search,
    )
    if search is None and any(term["by"] == "search_relevance" for term in order_by):
        raise BadRequest("OrderBy::SearchRelevance requires search_query_experimental to be provided")
    return await _found(gateway, request, asked)


async def get_datapoints(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"datapoints": […]}` by id, those too that were changed or deleted since; the newest change first."""
    ids: Sequence[str] = request.body["ids"]
    if not ids:
        return {"datapoints": []}
    return await _found(
        gateway, request, DatapointQuery(dataset_name=request.parameters.get("dataset_name"), ids=ids, stale=True)
    )


async def _found(gateway: Gateway, request: Request, asked: DatapointQuery) -> dict[str, Any]:
    rows = await read_rows(gateway.database, datapoints_query(asked), request)
    try:
        return {"datapoints": [datapoint(row) for row in rows]}
    except (KeyError, TypeError, ValueError) as error:
        raise GatewayError(f"Failed to deserialize a datapoint: {error}") from error


def checked_name(name: str) -> str:
    """Raises `BadRequest` for a reserved one."""
    if name == "builder" or name.startswith("tensorzero::"):
        message = f'Invalid dataset name: {name}. Datasets cannot be named "builder" or begin with "tensorzero::"'
        raise BadRequest(message, hint="Any other name will do; a dataset is made with its first datapoint.")
    return name
