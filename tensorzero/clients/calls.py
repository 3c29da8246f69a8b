"""Every public method as a `Call`: its arguments checked, its route, and how to read the reply. No I/O."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from tensorzero import routes
from tensorzero.clients import arguments
from tensorzero.clients.inference_body import TRACES, inference_body, trace_headers
from tensorzero.clients.optimization import (
    GepaLaunchResponse,
    OptimizationJobHandle,
    OptimizationJobInfo,
    optimizer_json,
)
from tensorzero.clients.received import RenderedSample
from tensorzero.clients.replies import reader
from tensorzero.clients.shapes import checked, plain
from tensorzero.clients.transport import Call, Transport
from tensorzero.parsing.value_shapes import choice
from tensorzero.types import (
    ChunkReader,
    FeedbackResponse,
    TensorZeroInternalError,
    parse_inference_response,
    parse_workflow_evaluation_run_episode_response,
    parse_workflow_evaluation_run_response,
)
from tensorzero.util import UUID

_VALUE = "serde_json::value::Value"
_NOTHING: dict[str, str] = {}
_CACHE_MODE = choice("on", "off", "read_only", "write_only")
_read_created = reader("CreateDatapointsResponse")
_read_updated = reader("UpdateDatapointsResponse")
_read_deleted = reader("DeleteDatapointsResponse")
_read_datapoints = reader("GetDatapointsResponse")
_read_inferences = reader("GetInferencesResponse")


def inference(transport: Transport, arguments_by_name: Mapping[str, Any], over_wire: bool) -> Call:
    """Every argument of `inference`, None where it is not given. With `stream`, `read` reads one chunk."""
    given = {name: value for name, value in arguments_by_name.items() if value is not None}
    checked = inference_body(given)
    headers: dict[str, str] = trace_headers(given) if given.keys() & TRACES else _NOTHING
    gateway_http_headers = given.get("gateway_http_headers")
    if gateway_http_headers is not None:
        arguments.text_map("gateway_http_headers", gateway_http_headers)
    body = transport.encode_body(checked)
    if over_wire and not all(arguments.is_header(name, value) for name, value in headers.items()):
        raise TensorZeroInternalError("Internal TensorZero Error: Error from server: builder error")
    if over_wire and gateway_http_headers is not None:
        headers = headers | arguments.header_map("gateway_http_headers", gateway_http_headers)
        headers.pop("content-length", None)
    if body.get("stream"):
        return Call(routes.INFERENCE, body, ChunkReader(), True, headers, _NOTHING)
    return Call(routes.INFERENCE, body, parse_inference_response, False, headers, _NOTHING)


def feedback(
    metric_name: str,
    value: Any,
    inference_id: Any,
    episode_id: Any,
    dryrun: bool | None,
    internal: bool | None,
    tags: dict[str, str] | None,
) -> Call:
    metric_name = arguments.text("metric_name", metric_name)
    arguments.flag("dryrun", dryrun)
    arguments.flag("internal", internal)
    checked_tags = arguments.optional_text_map("tags", tags) or {}
    simple = value is True or value is False or (type(value) is str and value.isascii())
    plain_value = value if simple else plain(value, _VALUE)
    body = {
        "episode_id": arguments.optional_uuid_text("episode_id", episode_id),
        "inference_id": arguments.optional_uuid_text("inference_id", inference_id),
        "metric_name": metric_name,
        "value": plain_value,
        "internal": internal is True,
        "tags": checked_tags,
        "dryrun": dryrun,
    }
    return Call(routes.FEEDBACK, body, _read_feedback)


def _read_feedback(reply: dict[str, Any]) -> FeedbackResponse:
    found = reply["feedback_id"]
    return FeedbackResponse(found if isinstance(found, UUID) else UUID(found))


def workflow_evaluation_run(
    variants: dict[str, str], tags: dict[str, str] | None, project_name: str | None, display_name: str | None
) -> Call:
    pins = arguments.text_map("variants", variants)
    own_tags = arguments.optional_text_map("tags", tags) or {}
    for key in own_tags:
        if key.startswith("tensorzero::"):
            raise TensorZeroInternalError(f"Internal TensorZero Error: Tag name cannot start with 'tensorzero::': {key}")
    body = {
        "variants": pins,
        "tags": {"tensorzero::internal": "true"} | own_tags,
        "project_name": arguments.optional_text("project_name", project_name),
        "display_name": arguments.optional_text("display_name", display_name),
        "internal": True,  # what the original's client of 2026.6.0 sends (observed)
    }
    return Call(routes.WORKFLOW_EVALUATION_RUN, body, parse_workflow_evaluation_run_response)


def workflow_evaluation_run_episode(run_id: Any, task_name: str | None, tags: dict[str, str] | None) -> Call:
    parameters = {"run_id": arguments.uuid_text("run_id", run_id)}
    body = {
        "task_name": arguments.optional_text("task_name", task_name),
        "tags": arguments.optional_text_map("tags", tags) or {},
    }
    read = parse_workflow_evaluation_run_episode_response
    return Call(routes.WORKFLOW_EVALUATION_EPISODE, body, read, parameters=parameters)


def create_datapoints(dataset_name: str, requests: Sequence[Any]) -> Call:
    body = {"datapoints": _requests(requests, "CreateDatapointRequest")}
    return Call(routes.CREATE_DATAPOINTS, body, _read_created, parameters=_dataset(dataset_name))


def update_datapoints(dataset_name: str, requests: Sequence[Any]) -> Call:
    """An omitted field is left out of the body, unlike in the original, which sends null for it (observed 2026.6.0)."""
    body = {"datapoints": _requests(requests, "UpdateDatapointRequest")}
    return Call(routes.UPDATE_DATAPOINTS, body, _read_updated, parameters=_dataset(dataset_name))


def update_datapoints_metadata(dataset_name: str, requests: Sequence[Any]) -> Call:
    body = {"datapoints": _requests(requests, "UpdateDatapointMetadataRequest")}
    return Call(routes.UPDATE_DATAPOINTS_METADATA, body, _read_updated, parameters=_dataset(dataset_name))


def get_datapoints(ids: Sequence[Any], dataset_name: str | None) -> Call:
    body = {"ids": _listed_ids(ids)}
    if dataset_name is None:
        return Call(routes.GET_DATAPOINTS_OF_ANY, body, _read_datapoints)
    return Call(routes.GET_DATAPOINTS, body, _read_datapoints, parameters=_dataset(dataset_name))


def list_datapoints(dataset_name: str, request: Any) -> Call:
    body = _request(request, "tensorzero_core::endpoints::datasets::v1::types::ListDatapointsRequest")
    return Call(routes.LIST_DATAPOINTS, body, _read_datapoints, parameters=_dataset(dataset_name))


def delete_datapoints(dataset_name: str, ids: Sequence[Any]) -> Call:
    return Call(routes.DELETE_DATAPOINTS, {"ids": _listed_ids(ids)}, _read_deleted, parameters=_dataset(dataset_name))


def delete_dataset(dataset_name: str) -> Call:
    return Call(routes.DELETE_DATASET, None, _read_deleted, parameters=_dataset(dataset_name))


def create_datapoints_from_inferences(dataset_name: str, params: Any, output_source: str | None) -> Call:
    """With a root `output_source`, `params` must be an object, and keeps the value (observed 2026.6.0)."""
    parameters = _dataset(dataset_name)
    if output_source is not None:
        if params.output_source is not None:
            raise ValueError(
                "You must specify `output_source` either at the root or inside the `params` parameter but not both."
            )
        params.output_source = arguments.text("output_source", output_source)
    target = "tensorzero_core::endpoints::datasets::v1::types::CreateDatapointsFromInferenceRequestParams"
    return Call(routes.CREATE_DATAPOINTS_FROM_INFERENCES, _request(params, target), _read_created, parameters=parameters)


def get_inferences(ids: Sequence[Any], function_name: str | None, output_source: str) -> Call:
    found = [arguments.uuid_text("id", item) for item in arguments.sequence("ids", ids)]
    if arguments.text("output_source", output_source) != "none":  # which the message does not know (observed 2026.6.0)
        _inference_output_source(output_source)
    body = {
        "ids": found,
        "function_name": arguments.optional_text("function_name", function_name),
        "output_source": output_source,
    }
    return Call(routes.GET_INFERENCES, body, _read_inferences)


def _inference_output_source(given: Any) -> str:
    found = arguments.text("output_source", given)
    if found not in ("inference", "demonstration"):
        raise TensorZeroInternalError(
            f"Internal TensorZero Error: Invalid inference output source: {found}. "
            'Should be one of: "inference" or "demonstration".'
        )
    return found


def list_inferences(request: Any) -> Call:
    body = _request(request, "tensorzero_core::endpoints::stored_inferences::v1::types::ListInferencesRequest")
    return Call(routes.LIST_INFERENCES, body, _read_inferences)


def render_samples(stored_samples: Sequence[Any], variants: dict[str, str], concurrency: int | None) -> Call:
    body = {
        "stored_samples": [plain(sample, _VALUE) for sample in arguments.sequence("stored_samples", stored_samples)],
        "variants": arguments.text_map("variants", variants),
        "concurrency": arguments.optional_unsigned("concurrency", concurrency),
    }
    return Call(routes.RENDER_SAMPLES, body, _read_samples)


def _read_samples(reply: list[dict[str, Any]]) -> list[RenderedSample]:
    return [RenderedSample._of(sample) for sample in reply]  # pyright: ignore[reportPrivateUsage]


def launch_optimization(
    train_samples: Sequence[RenderedSample], val_samples: Sequence[RenderedSample] | None, optimization_config: Any
) -> Call:
    body = {
        "train_samples": arguments.sequence("train_samples", train_samples),
        "val_samples": None if val_samples is None else arguments.sequence("val_samples", val_samples),
        "optimization_config": optimizer_json(optimization_config),
    }
    return Call(routes.LAUNCH_OPTIMIZATION, body, _read_job_handle)


def launch_optimization_workflow(
    function_name: str,
    template_variant_name: str,
    optimizer_config: Any,
    output_source: str | None,
    dataset_name: str | None,
    query_variant_name: str | None,
    filters: Any,
    order_by: Any,
    limit: int | None,
    offset: int | None,
    val_fraction: float | None,
) -> Call:
    given = {
        "function_name": arguments.text("function_name", function_name),
        "template_variant_name": arguments.text("template_variant_name", template_variant_name),
        "output_source": arguments.optional_text("output_source", output_source),
        "dataset_name": arguments.optional_text("dataset_name", dataset_name),
        "query_variant_name": arguments.optional_text("query_variant_name", query_variant_name),
        "limit": arguments.optional_unsigned("limit", limit, 32),
        "offset": arguments.optional_unsigned("offset", offset, 32),
        "val_fraction": arguments.optional_real("val_fraction", val_fraction),
    }
    optimizer = optimizer_json(optimizer_config)
    if output_source is None and dataset_name is None:
        raise ValueError("you must provide either `output_source` or `dataset_name`")
    if output_source is not None and dataset_name is not None:
        raise ValueError("provide either `output_source` or `dataset_name`, not both")
    if output_source is not None:
        _inference_output_source(output_source)
    given["filters"] = None if filters is None else plain(filters, _VALUE)
    given["order_by"] = None if order_by is None else plain(order_by, _VALUE)
    body = {name: value for name, value in given.items() if value is not None} | {"optimizer_config": optimizer}
    return Call(routes.LAUNCH_OPTIMIZATION_WORKFLOW, body, _read_job_handle)


def _read_job_handle(encoded: str) -> OptimizationJobHandle:
    value = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return OptimizationJobHandle._of(encoded, value)  # pyright: ignore[reportPrivateUsage]


def poll_optimization(job_handle: OptimizationJobHandle) -> Call:
    if not isinstance(job_handle, OptimizationJobHandle):  # pyright: ignore[reportUnnecessaryIsInstance]
        arguments.refuse("job_handle", job_handle, "OptimizationJobHandle")
    encoded = job_handle._encoded  # pyright: ignore[reportPrivateUsage]
    read = OptimizationJobInfo._of  # pyright: ignore[reportPrivateUsage]
    return Call(routes.POLL_OPTIMIZATION, None, read, parameters={"job_handle": encoded})


def gepa_launch(**given: Any) -> Call:
    body = {name: value for name, value in given.items() if value is not None}
    return Call(routes.LAUNCH_GEPA, body, GepaLaunchResponse._of)  # pyright: ignore[reportPrivateUsage]


def gepa_get(task_id: str) -> Call:
    return Call(routes.GET_GEPA, None, dict, parameters={"task_id": arguments.text("task_id", task_id)})


def run_evaluation(
    evaluation_name: str | None,
    function_name: str | None,
    evaluator_names: list[str] | None,
    dataset_name: str | None,
    datapoint_ids: list[str] | None,
    variant_name: str | None,
    concurrency: int,
    inference_cache: str,
    internal_dynamic_variant_config: dict[str, Any] | None,
    max_datapoints: int | None,
    adaptive_stopping: dict[str, dict[str, float]] | None,
) -> Call:
    given: dict[str, Any] = {
        "evaluation_name": arguments.optional_text("evaluation_name", evaluation_name),
        "function_name": arguments.optional_text("function_name", function_name),
        "evaluator_names": None if evaluator_names is None else arguments.text_list("evaluator_names", evaluator_names),
        "dataset_name": arguments.optional_text("dataset_name", dataset_name),
        "datapoint_ids": None if datapoint_ids is None else arguments.sequence("datapoint_ids", datapoint_ids),
        "variant_name": arguments.optional_text("variant_name", variant_name),
        "concurrency": arguments.unsigned("concurrency", concurrency),
        "inference_cache": arguments.text("inference_cache", inference_cache),
        "internal_dynamic_variant_config": arguments.optional_mapping(
            "internal_dynamic_variant_config", internal_dynamic_variant_config
        ),
        "max_datapoints": arguments.optional_unsigned("max_datapoints", max_datapoints, 32),
        "adaptive_stopping": arguments.optional_mapping("adaptive_stopping", adaptive_stopping),
    }
    if variant_name is None and internal_dynamic_variant_config is None:
        raise ValueError("Either `variant_name` or `internal_dynamic_variant_config` must be provided.")
    if variant_name is not None and internal_dynamic_variant_config is not None:
        raise ValueError("Cannot specify both `variant_name` and `internal_dynamic_variant_config`.")
    by_function = function_name is not None and evaluator_names is not None
    named = function_name is not None or evaluator_names is not None
    if (evaluation_name is None) != by_function or (evaluation_name is not None and named):
        raise ValueError(
            "Incorrect arguments to identify evaluation: either provide both `function_name` and `evaluator_names`, "
            "or provide only `evaluation_name`"
        )
    checked(
        given["inference_cache"], "tensorzero_core::cache::CacheEnabledMode", choice("on", "off", "read_only", "write_only")
    )
    _check_precision(given["adaptive_stopping"])
    if given["datapoint_ids"] is not None:
        given["datapoint_ids"] = [arguments.listed_uuid(item, "datapoint_ids") for item in given["datapoint_ids"]]
    body = {name: value for name, value in given.items() if value is not None}
    return Call(routes.RUN_EVALUATION, body, dict, stream=True)


def _check_precision(adaptive_stopping: dict[str, Any] | None) -> None:
    """`{"precision": {evaluator: number}}`; other keys are passed over (observed 2026.6.0)."""
    precision = (adaptive_stopping or {}).get("precision")
    if precision is None:
        return
    if not isinstance(precision, dict):
        raise TypeError('`adaptive_stopping["precision"]` must be a dictionary')
    for value in cast("dict[str, Any]", precision).values():
        if not isinstance(value, (int, float)):
            raise TypeError(f"must be real number, not {type(value).__name__}")


def _dataset(name: str) -> dict[str, str]:
    return {"dataset_name": arguments.text("dataset_name", name)}


def _listed_ids(ids: Sequence[Any]) -> list[str]:
    return [arguments.listed_uuid(item) for item in arguments.sequence("ids", ids)]


def _request(given: Any, target: str) -> dict[str, Any]:
    """A request object or its dict, checked, without the fields that are not set."""
    from tensorzero.bodies.requests import SHAPES  # loads the reader of inputs

    return checked(given, target, SHAPES[target])


def _requests(given: Sequence[Any], name: str) -> list[dict[str, Any]]:
    target = f"tensorzero_core::endpoints::datasets::v1::types::{name}"
    return [_request(item, target) for item in arguments.sequence("requests", given)]
