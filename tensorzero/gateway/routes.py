"""Route -> endpoint: the only list of what the gateway can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from tensorzero import routes
from tensorzero.gateway.endpoints.embeddings import give_embeddings
from tensorzero.gateway.endpoints.feedback import give_feedback
from tensorzero.gateway.endpoints.inference import infer
from tensorzero.gateway.endpoints.inference_request import CheckedRequest, read_request
from tensorzero.gateway.endpoints.inference_stream import open_stream
from tensorzero.gateway.errors import NotYet
from tensorzero.gateway.identifiers import is_workflow_episode
from tensorzero.gateway.request import Request
from tensorzero.routes import CONFIG, EMBEDDINGS, FEEDBACK, INFERENCE, Route

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

T = TypeVar("T")
Endpoint = Callable[["Gateway", Request], Awaitable[Any]]
"""Answers with JSON-able data. Raises `GatewayError`."""
StreamEndpoint = Callable[["Gateway", Request], Awaitable[AsyncIterator[list[Any]]]]
"""Answers with batches of chunks, once the first is there. Raises `GatewayError` before it, and yields it afterwards."""


def _inference(gateway: Gateway, request: Request) -> Awaitable[Any]:
    if is_workflow_episode(request.body.get("episode_id")):
        return _in_workflow(gateway, request, infer)
    return infer(gateway, read_request(gateway, request.body, request.runtime, request.deadline))


def _inference_stream(gateway: Gateway, request: Request) -> Awaitable[AsyncIterator[list[Any]]]:
    if is_workflow_episode(request.body.get("episode_id")):
        return _in_workflow(gateway, request, open_stream)
    return open_stream(gateway, read_request(gateway, request.body, request.runtime, request.deadline))


async def _in_workflow(gateway: Gateway, request: Request, answer: Callable[[Gateway, CheckedRequest], Awaitable[T]]) -> T:
    from tensorzero.gateway.endpoints.workflow_evaluations import episode_of

    episode = await episode_of(gateway, request)
    return await answer(gateway, read_request(gateway, request.body, request.runtime, request.deadline, episode))


async def _config(gateway: Gateway, _request: Request) -> Any:
    from tensorzero.gateway.endpoints.config_json import functions_json  # asked for seldom

    return {"functions": functions_json(gateway.config)}


def _late(module: str, name: str) -> Endpoint:
    """An endpoint of a module that is imported when it is first asked: few processes read back what they stored."""

    def answer(gateway: Gateway, request: Request) -> Awaitable[Any]:
        return getattr(import_module(f"tensorzero.gateway.endpoints.{module}"), name)(gateway, request)

    return answer


ENDPOINTS: dict[Route, Endpoint] = {
    INFERENCE: _inference,
    FEEDBACK: give_feedback,
    EMBEDDINGS: give_embeddings,
    CONFIG: _config,
    routes.WORKFLOW_EVALUATION_RUN: _late("workflow_evaluations", "begin_run"),
    routes.WORKFLOW_EVALUATION_EPISODE: _late("workflow_evaluations", "begin_episode"),
    routes.GET_INFERENCES: _late("stored_inferences", "get_inferences"),
    routes.LIST_INFERENCES: _late("stored_inferences", "list_inferences"),
    routes.CREATE_DATAPOINTS: _late("datasets", "create_datapoints"),
    routes.UPDATE_DATAPOINTS: _late("datasets", "update_datapoints"),
    routes.UPDATE_DATAPOINTS_METADATA: _late("datasets", "update_datapoints_metadata"),
    routes.DELETE_DATAPOINTS: _late("datasets", "delete_datapoints"),
    routes.DELETE_DATASET: _late("datasets", "delete_dataset"),
    routes.CREATE_DATAPOINTS_FROM_INFERENCES: _late("datasets", "create_from_inferences"),
    routes.LIST_DATAPOINTS: _late("datasets", "list_datapoints"),
    routes.GET_DATAPOINTS: _late("datasets", "get_datapoints"),
    routes.GET_DATAPOINTS_OF_ANY: _late("datasets", "get_datapoints"),
}
STREAMS: dict[Route, StreamEndpoint] = {
    INFERENCE: _inference_stream,
    routes.RUN_EVALUATION: _late("evaluations", "run_evaluation"),
}


def endpoint_of(route: Route) -> Endpoint:
    """Raises `NotYet` for what this version does not do."""
    endpoint = ENDPOINTS.get(route)
    return endpoint if endpoint is not None else _not_yet(route)


def stream_of(route: Route) -> StreamEndpoint:
    """Same for what answers with a stream."""
    endpoint = STREAMS.get(route)
    return endpoint if endpoint is not None else _not_yet(route)


def _not_yet(route: Route) -> NoReturn:
    raise NotYet(
        f"{route.method} {route.template} is not supported by this version of the embedded gateway yet.",
        hint="`build_http` sends the call to a running gateway instead.",
    )
