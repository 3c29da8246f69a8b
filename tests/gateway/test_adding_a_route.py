"""CONTRIBUTING.md, "Adding a route", step by step: one route, asked in this process and over HTTP from a server that mounts
the list."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.clients.embedded_transport import gateway_of
from tensorzero.clients.transport import Call
from tensorzero.gateway import routes as gateway_routes
from tensorzero.gateway.errors import GatewayError, NotFound
from tensorzero.gateway.gateway import Gateway
from tensorzero.gateway.request import Request
from tensorzero.routes import ROUTES, MethodNotAllowed, Route, match
from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.drive import drive

# Step 1: where it is asked.
VARIANTS = Route("variants", "POST", "/v1/functions/{function_name}/variants")


# Step 2: what answers.
async def variants(gateway: Gateway, request: Request) -> dict[str, Any]:
    """`{"variants": [name, …]}` of one function, those whose names begin with the body's `prefix`."""
    name, prefix = request.parameters["function_name"], request.body.get("prefix", "")
    function = gateway.config.functions.get(name)
    if function is None:
        raise NotFound(f"Unknown function: {name}")
    return {"variants": [one for one in function.variants if one.startswith(prefix)]}


# Step 4: what a client's method makes of its arguments.
def call(function_name: str, prefix: str) -> Call:
    return Call(VARIANTS, {"prefix": prefix}, lambda reply: reply["variants"], parameters={"function_name": function_name})


CONFIG = """
[functions."a/b"]
type = "chat"
[functions."a/b".variants.short]
type = "chat_completion"
model = "dummy::good"
[functions."a/b".variants.long]
type = "chat_completion"
model = "dummy::good"
"""


@pytest.fixture
def embedded(build: Callable[..., TensorZeroGateway], monkeypatch: pytest.MonkeyPatch) -> TensorZeroGateway:
    monkeypatch.setitem(gateway_routes.ENDPOINTS, VARIANTS, variants)  # Step 3: the two joined.
    return build(CONFIG)


@pytest.fixture
def over_http(embedded: TensorZeroGateway) -> Iterator[TensorZeroGateway]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(gateway_of(embedded)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield TensorZeroGateway.build_http(gateway_url=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    thread.join()


def handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    """What every server does with the list."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            try:
                found = match("POST", self.path, [*ROUTES, VARIANTS])
            except MethodNotAllowed as refused:
                return self._answer(405, None, {"allow": ", ".join(refused.allowed)})
            if found is None:
                return self._answer(404, {"error": f"Route not found: POST {self.path}"})
            route, parameters = found
            request = Request(body, BlockingRuntime(), parameters=parameters)
            try:
                return self._answer(200, drive(gateway_routes.endpoint_of(route)(gateway, request)))  # type: ignore[arg-type]
            except GatewayError as error:
                return self._answer(error.status, {"error": error.message})

        def _answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            body = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {**(headers or {}), "content-length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


@pytest.fixture(params=["embedded", "over_http"])
def client(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_a_new_route_answers_in_this_process_and_over_http(client: Any) -> None:
    assert client._send(call("a/b", "")) == ["long", "short"]
    assert client._send(call("a/b", "l")) == ["long"]


def test_its_error_is_the_clients_own_with_the_status(client: Any) -> None:
    with pytest.raises(TensorZeroError, match="Unknown function: nowhere") as caught:
        client._send(call("nowhere", ""))
    assert caught.value.status_code == 404


def test_what_no_endpoint_answers_is_refused_with_501(client: Any) -> None:
    other = Call(Route("other", "POST", "/v1/other/{name}"), {}, dict, parameters={"name": "x"})
    with pytest.raises(TensorZeroError) as caught:
        client._send(other)
    assert caught.value.status_code in (404, 501)  # a server does not know the route at all
    listed = Call(next(route for route in ROUTES if route.name == "launch_gepa"), {}, dict)
    with pytest.raises(TensorZeroError, match="not supported by this version") as caught:
        client._send(listed)
    assert caught.value.status_code == 501


def test_another_method_of_a_known_path_is_405(over_http: Any) -> None:
    wrong = Call(Route("wrong", "POST", "/v1/optimization/gepa/{task_id}"), {}, dict, parameters={"task_id": "1"})
    with pytest.raises(TensorZeroError) as caught:
        over_http._send(wrong)
    assert caught.value.status_code == 405
