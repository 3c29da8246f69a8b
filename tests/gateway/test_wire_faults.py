"""What a gateway makes of servers that answer without end, too slowly, or with an error under a good status."""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_upstream import ScriptedUpstream, answer_with, stream_of

from tensorzero import AsyncTensorZeroGateway, TensorZeroError, TensorZeroGateway
from tensorzero.clients.embedded_transport import gateway_of
from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.providers.own_words import own_words
from tensorzero.gateway.request import Request
from tensorzero.gateway.routes import endpoint_of
from tensorzero.routes import EMBEDDINGS
from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.drive import drive

sys.path.insert(0, str(Path(__file__).parent.parent / "runtime"))
from socket_server import SocketServer

pytestmark = pytest.mark.slow

Build = Callable[..., TensorZeroGateway]
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
KINDS = ["models", "responses", "embedding_models"]


@pytest.fixture
def server() -> Iterator[SocketServer]:
    running = SocketServer()
    yield running
    running.close()


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    running = ScriptedUpstream()
    yield running
    running.close()


def provider(name: str, url: str, kind: str = "models") -> str:
    api = ', api_type = "responses"' if kind == "responses" else ""
    settings = f'type = "openai", model_name = "m", api_base = "{url}", api_key_location = "none"{api}'
    return f"providers.{name} = {{ {settings} }}\n"


def model(kind: str, *urls: str) -> str:
    names = [f"p{number}" for number in range(len(urls))]
    table = "models" if kind == "responses" else kind
    lines = "".join(provider(name, url, kind) for name, url in zip(names, urls, strict=True))
    return f"[{table}.m]\nrouting = {json.dumps(names)}\n{lines}"


def embed(client: TensorZeroGateway) -> Any:
    body = {"input": "abc", "model": "tensorzero::embedding_model_name::m"}
    return drive(endpoint_of(EMBEDDINGS)(gateway_of(client), Request(body, BlockingRuntime())))  # type: ignore[arg-type]


def ask(client: TensorZeroGateway, kind: str, *, stream: bool = False, **arguments: Any) -> Any:
    if kind == "embedding_models":
        return embed(client)
    answer: Any = client.inference(model_name="m", input=ASK, stream=stream, **arguments)
    return list(answer) if stream else answer


def failure(client: TensorZeroGateway, kind: str, **arguments: Any) -> tuple[str, str | None]:
    """The text without the wrappers that list variants and providers, and the hint."""
    with pytest.raises((TensorZeroError, GatewayError)) as caught:
        ask(client, kind, **arguments)
    error: Any = caught.value
    text = json.loads(error.text)["error"] if isinstance(error, TensorZeroError) else error.message
    return text.rpartition("errors: p0: ")[2] or text, error.hint


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["flood", "announced", "bomb", "headers", "header"])
def test_an_answer_without_end_lets_the_next_provider_answer(
    build: Build, server: SocketServer, mock_provider: Any, monkeypatch: pytest.MonkeyPatch, name: str, stream: bool
) -> None:
    monkeypatch.setenv("TENSORZERO_MAX_ANSWER_BYTES", "1000000")
    client = build(model("models", f"{server.url}/{name}/", mock_provider.url), timeout=60.0)
    answer = ask(client, "models", stream=stream)
    assert len(server.requests) == 1
    assert answer if stream else answer.content


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_without_end_says_how_large_one_may_be(
    build: Build, server: SocketServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("TENSORZERO_MAX_ANSWER_BYTES", "1000000")
    text, hint = failure(build(model(kind, f"{server.url}/flood/")), kind)
    assert text == "Error from openai server: Error parsing text response: error decoding response body"
    assert hint == ("the answer is larger than 1000000 bytes. `TENSORZERO_MAX_ANSWER_BYTES` sets how large one may be.")


@pytest.mark.parametrize("kind", KINDS[:2])
def test_an_event_without_end_says_how_large_one_may_be(
    build: Build, server: SocketServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("TENSORZERO_MAX_EVENT_BYTES", "1000000")
    text, hint = failure(build(model(kind, f"{server.url}/flood/")), kind, stream=True)
    assert text.startswith("Inference stream closed due to error from openai server: SSE error; caused by: body error: ")
    assert text.endswith("caused by: the event is larger than 1000000 bytes")
    assert "`TENSORZERO_MAX_EVENT_BYTES`" in (hint or "")


TOO_SLOW = "Request timed out due to `gateway.global_outbound_http_timeout_ms` (total deadline) or "
BROKEN = "Error parsing {} response: error decoding response body"


@pytest.mark.parametrize("limit", ["global_outbound_http_timeout_ms", "global_outbound_http_intra_stream_read_timeout_ms"])
@pytest.mark.parametrize(
    ("path", "text"), [("hang", TOO_SLOW), ("stalled/200", BROKEN.format("text")), ("stalled/500", BROKEN.format("error"))]
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_outbound_limits_hold_for_whole_answers_of_every_api(
    build: Build, server: SocketServer, kind: str, path: str, text: str, limit: str
) -> None:
    client = build(f"[gateway]\n{limit} = 300\n{model(kind, f'{server.url}/{path}/')}", timeout=60.0)
    assert text in failure(client, kind)[0]


@pytest.mark.parametrize("kind", KINDS[:2])
def test_the_read_limit_ends_a_stream_that_pauses_in_every_api(build: Build, server: SocketServer, kind: str) -> None:
    limit = "[gateway]\nglobal_outbound_http_intra_stream_read_timeout_ms = 300\n"
    for path in ("head", "stall"):
        text, _ = failure(build(limit + model(kind, f"{server.url}/{path}/"), timeout=60.0), kind, stream=True)
        assert text.endswith("operation timed out")
    text, _ = failure(build(limit + model(kind, f"{server.url}/stalled/500/"), timeout=60.0), kind, stream=True)
    assert text.endswith("Invalid status code: 500 Internal Server Error"), "what broke off is not shown"


@pytest.mark.parametrize("kind", KINDS)
def test_the_read_limit_is_of_each_read_and_not_of_the_whole(build: Build, server: SocketServer, kind: str) -> None:
    limit = "[gateway]\nglobal_outbound_http_intra_stream_read_timeout_ms = 900\n"
    text, _ = failure(build(limit + model(kind, f"{server.url}/drip/150/"), timeout=60.0), kind)
    assert "Error parsing JSON response" in text, "the whole of it was read"


OWN = [
    ('{"error":{"message":"no such model","type":"x"}}', "no such model"),
    ('{"error":"no such model"}', "no such model"),
    ('{"message":"no such model"}', "no such model"),
    ('{"detail":"no such model"}', "no such model"),
    ('{"detail":[{"loc":["body"],"msg":"no such\\nmodel"}]}', "no such model"),
    ('{"errors":[{"title":"no such model"}]}', "no such model"),
    ('{"error":{"code":"no such model"}}', "no such model"),
    ('{"error":{"error":{"message":"no such model"}}}', "no such model"),
    ('{"object":"error","message":"no such model","code":404}', "no such model"),
    ('[{"error":{"code":400,"message":"no such model"}}]', "no such model"),
    ('"no such model"', "no such model"),
    ("no such model", "no such model"),
    ('{"error":"' + "é" * 1000 + '"}', "é" * 299 + "…"),
    ('{"choices":[]}', None),
    ('{"error":null}', None),
    ('{"error":{}}', None),
    ("<html>no such model</html>", None),
    ("", None),
    ("{broken", None),
    ("[" * 300, None),
    ('{"error":' * 50 + '"x"' + "}" * 50, None),
    ('{"error":"' + "x" * 100_000 + '"}', None),
]


@pytest.mark.parametrize(("body", "said"), OWN)
def test_a_servers_own_words_are_found(body: str, said: str | None) -> None:
    assert own_words(body) == (None if said is None else f"The server said: {said}")


@pytest.mark.parametrize("body", [body for body, said in OWN[:12] if said])
@pytest.mark.parametrize("kind", KINDS[:2])
def test_an_error_under_a_good_status_is_told_in_the_hint(
    build: Build, upstream: ScriptedUpstream, kind: str, body: str
) -> None:
    text, hint = failure(build(model(kind, upstream.url)), kind, extra_body=answer_with(body))
    assert "Error parsing JSON response" in text
    assert hint == "The server said: no such model"


@pytest.mark.parametrize("event", [body for body, said in OWN[:9] if said])
@pytest.mark.parametrize("kind", KINDS[:2])
def test_an_error_in_a_stream_is_told_in_the_hint(build: Build, upstream: ScriptedUpstream, kind: str, event: str) -> None:
    _, hint = failure(build(model(kind, upstream.url)), kind, stream=True, extra_body=stream_of(event))
    assert hint == "The server said: no such model"


def test_an_error_instead_of_a_stream_is_told_in_the_hint(build: Build, upstream: ScriptedUpstream) -> None:
    script = answer_with('{"error":{"message":"no such model"}}')
    text, hint = failure(build(model("models", upstream.url)), "models", stream=True, extra_body=script)
    assert "Expected content-type 'text/event-stream'" in text
    assert hint == "The server said: no such model"


@pytest.mark.parametrize("scheme", ["ftp", "gopher", "ws"])
def test_a_base_of_another_scheme_is_asked_nothing(build: Build, server: SocketServer, scheme: str) -> None:
    base = server.url.replace("http", scheme, 1)
    text, hint = failure(build(model("models", base)), "models")
    assert text == f"Error from openai client: Error sending request: builder error for url ({base}/chat/completions)"
    assert "http" in (hint or "")
    assert server.connections == 0


def test_a_redirect_to_another_scheme_lets_the_next_provider_answer(
    build: Build, server: SocketServer, mock_provider: Any
) -> None:
    server.location = f"ftp://127.0.0.1:{server.port}/x"
    client = build(model("models", f"{server.url}/located/", mock_provider.url))
    assert ask(client, "models").content
    assert len(server.requests) == 1


def test_many_calls_at_once_end_although_no_descriptor_is_left(
    config_dir: Callable[..., Path], server: SocketServer, mock_provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import select

    def none_left() -> Any:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(select, "epoll", none_left)
    if sys.platform != "linux":
        pytest.skip("only Linux has a set of descriptors for a loop")
    path = str(config_dir(model("models", mock_provider.url)))

    async def call() -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            client: Any = await AsyncTensorZeroGateway.build_embedded(config_file=path)
        calls = [client.inference(model_name="m", input=ASK) for _ in range(5)]
        return await asyncio.gather(*calls, return_exceptions=True)

    loop = asyncio.SelectorEventLoop(__import__("selectors").PollSelector())
    try:
        found = loop.run_until_complete(call())
    finally:
        loop.close()
    assert [type(one) for one in found] == [TensorZeroError] * 5
    assert "ulimit -n" in found[0].hint
