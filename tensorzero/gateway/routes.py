"""(method, path) -> endpoint: the only list of what the gateway can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from tensorzero.faces.deadline import Deadline
from tensorzero.faces.face import Face
from tensorzero.gateway.endpoints.embeddings import give_embeddings
from tensorzero.gateway.endpoints.feedback import give_feedback
from tensorzero.gateway.endpoints.inference import infer
from tensorzero.gateway.endpoints.inference_request import read_request
from tensorzero.gateway.endpoints.inference_stream import open_stream
from tensorzero.gateway.errors import NotYet

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

Endpoint = Callable[["Gateway", Mapping[str, Any], Face, "Deadline | None"], Awaitable[Any]]
StreamEndpoint = Callable[["Gateway", Mapping[str, Any], Face, "Deadline | None"], Awaitable[AsyncIterator[list[Any]]]]


def _inference(gateway: Gateway, body: Mapping[str, Any], face: Face, deadline: Deadline | None) -> Awaitable[Any]:
    return infer(gateway, read_request(gateway, body, face, deadline))


def _inference_stream(
    gateway: Gateway, body: Mapping[str, Any], face: Face, deadline: Deadline | None
) -> Awaitable[AsyncIterator[list[Any]]]:
    return open_stream(gateway, read_request(gateway, body, face, deadline))


async def _shown_config(gateway: Gateway, body: Mapping[str, Any], face: Face, deadline: Deadline | None) -> Any:
    from tensorzero.gateway.endpoints.shown_config import shown_functions  # asked for seldom

    return {"functions": shown_functions(gateway.config)}


ROUTES: dict[tuple[str, str], Endpoint] = {
    ("POST", "/inference"): _inference,
    ("POST", "/feedback"): give_feedback,
    ("POST", "/openai/v1/embeddings"): give_embeddings,
    ("GET", "/experimental_get_config"): _shown_config,
}
STREAMS: dict[tuple[str, str], StreamEndpoint] = {
    ("POST", "/inference"): _inference_stream,
}


def route(method: str, path: str) -> Endpoint:
    """Raises `NotYet` for what this version does not do."""
    endpoint = ROUTES.get((method, path))
    return endpoint if endpoint is not None else _not_yet(method, path)


def stream_route(method: str, path: str) -> StreamEndpoint:
    """The like for what answers with a stream."""
    endpoint = STREAMS.get((method, path))
    return endpoint if endpoint is not None else _not_yet(method, path)


def _not_yet(method: str, path: str) -> NoReturn:
    raise NotYet(
        f"{method} {path} is not supported by this version of the embedded gateway yet.",
        hint="`build_http` sends the call to a running gateway instead.",
    )
