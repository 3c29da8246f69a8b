"""A server that repeats its key: no error, log, raw response, repr or row shows it, whichever way it is written."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from echo_server import FORMS, PLACES, EchoServer
from everything_shown import all_of, leaked, written_logs

from tensorzero import AsyncTensorZeroGateway, BaseTensorZeroError, TensorZeroGateway
from tensorzero.clickhouse.query import Query
from tensorzero.clients.embedded_transport import database_of
from tensorzero.masking.known import learn

pytestmark = pytest.mark.slow

KEY = "sk-proj-Aq7LkW0zPx4mVt2RbYc9JdHs"
SIGNS = "p&ss<w>\"o'rd/9+7=x\\Q8%41&amp;zK 5é"
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}

TOML = """
[functions.f]
type = "chat"
[functions.f.variants.v]
type = "chat_completion"
model = "m"
[models.m]
routing = {routing}
[models.m.providers.p]
type = "openai"
model_name = {model}
api_base = "{url}"
api_key_location = "dynamic::my_key"
"""
GOOD = """
[models.m.providers.good]
type = "dummy"
model_name = "good"
"""
ENCODED: dict[str, Callable[[str], str]] = {
    "json": lambda s: json.dumps(s)[1:-1],
    "json_twice": lambda s: json.dumps(json.dumps(s))[3:-3],
    "repr": lambda s: repr(s)[1:-1],
    "repr_bytes": lambda s: repr(s.encode())[2:-1],
    "base64_inside": lambda s: FORMS["base64_inside"](s)[11 : 11 + len(s) * 4 // 3 - 3],
    "base64_url": lambda s: FORMS["base64_url"](s)[3 : 3 + len(s) * 4 // 3 - 3],
}
"""Only what is the key's own of a form that says more."""
Build = Callable[..., TensorZeroGateway]


@pytest.fixture(params=["libcurl", "httpx"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries; httpx carries the requests where libcurl is missing."""
    if request.param == "httpx":
        for name in ("curl_blocking", "curl_asyncio"):
            monkeypatch.setitem(sys.modules, f"tensorzero.runtime.{name}", None)


@pytest.fixture
def written(tmp_path: Path, echo: EchoServer) -> Callable[..., str]:
    def write(model: str, routing: str = '["p"]', url: str = "") -> str:
        path = tmp_path / "tensorzero.toml"
        text = TOML.format(model=repr(model), routing=routing, url=url or echo.url) + (GOOD if "good" in routing else "")
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def opened_on() -> Iterator[Build]:
    """A gateway on the configuration in a file."""
    opened: list[TensorZeroGateway] = []

    def make(path: str | Path, clickhouse_url: str | None = None) -> TensorZeroGateway:
        client = TensorZeroGateway.build_embedded(config_file=str(path), clickhouse_url=clickhouse_url)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()
        client._runtime.http.close()


@pytest.fixture
def build(written: Callable[..., str], opened_on: Build) -> Build:
    """A gateway whose model `m` is the echo server's `model`."""

    def make(model: str, *, clickhouse_url: str | None = None, **more: str) -> TensorZeroGateway:
        return opened_on(written(model, **more), clickhouse_url)

    return make


def failure(client: TensorZeroGateway, key: str, **more: Any) -> BaseTensorZeroError:
    with pytest.raises(BaseTensorZeroError) as caught:
        for _ in client.inference(function_name="f", input=ASK, credentials={"my_key": key}, stream=True, **more):
            pass
    with pytest.raises(BaseTensorZeroError) as plain:
        client.inference(function_name="f", input=ASK, credentials={"my_key": key}, **more)
    caught.value.__context__ = plain.value
    return caught.value


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("place", PLACES)
def test_a_key_is_not_shown_wherever_a_server_repeats_it(build: Build, place: str) -> None:
    with written_logs() as logs:
        error = failure(build(f"{place} plain"), KEY)
    assert leaked(KEY, all_of(error)) == []
    assert [line for line in logs if leaked(KEY, line)] == []
    told = place in ("401", "400", "500", "request-id", "200-error", "200-text", "200-html")
    assert ("[key hidden]" in all_of(error)) == told or place in ("429", "redirect", "reason", "www-authenticate")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", [KEY, SIGNS], ids=["plain", "signs"])
def test_a_key_is_not_shown_however_a_server_writes_it(build: Build, form: str, key: str) -> None:
    error = failure(build(f"401 {form}"), key)
    told = all_of(error)
    assert "[key hidden]" in told
    assert leaked(key, told) == []
    assert leaked(ENCODED.get(form, FORMS[form])(key), told, 14) == []


async def async_failure(path: str, key: str) -> list[BaseException]:
    found: list[BaseException] = []
    client = await AsyncTensorZeroGateway.build_embedded(config_file=path)  # pyright: ignore[reportGeneralTypeIssues]
    async with client:
        for stream in (False, True):
            try:
                answer = await client.inference(function_name="f", input=ASK, credentials={"my_key": key}, stream=stream)
                async for _ in answer:
                    pass
            except BaseTensorZeroError as error:
                found.append(error)
        for transports in list(getattr(client._runtime.http, "_made", {}).values()):
            for transport in transports.all():
                await transport.aclose()
    return found


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("place", ["401", "200-html", "request-id", "redirect"])
def test_the_asynchronous_client_shows_no_key_either(written: Callable[..., str], place: str) -> None:
    found = asyncio.run(async_failure(written(place), KEY))
    assert len(found) == 2
    assert [leaked(KEY, all_of(error)) for error in found] == [[], []]


@pytest.mark.parametrize("place", ["sse-error", "sse-broken"])
@pytest.mark.parametrize("form", ["plain", "json", "cut_both", "base64_inside"])
def test_an_error_within_a_stream_shows_no_key(build: Build, place: str, form: str) -> None:
    errors: list[BaseException] = []
    stream = build(f"{place} {form}").inference(
        function_name="f", input=ASK, credentials={"my_key": KEY}, stream=True, include_raw_response=True
    )
    while True:
        try:
            next(stream)
        except StopIteration:
            break
        except BaseTensorZeroError as error:
            errors.append(error)
    assert errors
    assert [leaked(KEY, all_of(error)) for error in errors] == [[] for _ in errors]


def test_the_raw_responses_of_failed_attempts_are_without_the_key(build: Build) -> None:
    client = build("500 json", routing='["p", "good"]')
    answer = client.inference(function_name="f", input=ASK, credentials={"my_key": KEY}, include_raw_response=True)
    assert answer.content
    failed = [entry.data for entry in answer.raw_response if entry.model_inference_id is None]
    assert failed == ['{"error": {"message": "bad key [key hidden]"}}']


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", ["plain", "json", "cut_start", "cut_end"])
@pytest.mark.parametrize("key", [KEY, SIGNS], ids=["plain", "signs"])
def test_rows_and_raw_responses_of_good_answers_are_without_the_key(
    build: Build, tmp_path: Path, stream: bool, form: str, key: str
) -> None:
    client = build(f"{'sse-chunk' if stream else '200-good'} {form}", clickhouse_url=f"chdb://{tmp_path}/db")
    answer = client.inference(
        function_name="f", input=ASK, credentials={"my_key": key}, stream=stream, include_raw_response=True
    )
    chunks = list(answer) if stream else [answer]
    assert "Tokyo." in repr(chunks)
    database = database_of(client)
    assert database is not None
    rows = database.query(Query("SELECT raw_request, raw_response, output FROM ModelInference"))
    assert len(rows) == 1
    assert "[key hidden]" in rows[0]["raw_response"]
    assert leaked(key, repr(rows)) == leaked(key, repr(chunks)) == []


@pytest.mark.parametrize("stream", [False, True])
def test_content_is_the_models_own_word(build: Build, stream: bool) -> None:
    """What a model answers is not ours to change, even where it holds a key; only what is kept of the way there is."""
    client = build(f"{'sse-content' if stream else '200-content'} plain")
    answer = client.inference(
        function_name="f", input=ASK, credentials={"my_key": KEY}, stream=stream, include_raw_response=True
    )
    chunks = list(answer) if stream else [answer]
    assert "".join(block.text for chunk in chunks for block in chunk.content) == KEY
    raw = "".join(chunk.raw_chunk or "" for chunk in chunks) if stream else answer.raw_response[0].data
    assert leaked(KEY, raw) == []
    assert "[key hidden]" in raw


@pytest.mark.parametrize("location", ["env", "path", "path_from_env", "fallback"])
def test_every_kind_of_location_is_known(
    opened_on: Build, tmp_path: Path, echo: EchoServer, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    (tmp_path / "key").write_text(KEY + "\n", encoding="utf-8")
    monkeypatch.setenv("MY_OPENAI", KEY)
    monkeypatch.setenv("MY_FILE", str(tmp_path / "key"))
    written = {
        "env": '"env::MY_OPENAI"',
        "path": f'"path::{tmp_path}/key"',
        "path_from_env": '"path_from_env::MY_FILE"',
        "fallback": '{ default = "dynamic::none_given", fallback = "env::MY_OPENAI" }',
    }[location]
    path = tmp_path / "tensorzero.toml"
    path.write_text(TOML.format(model='"401 json"', routing='["p"]', url=echo.url).replace('"dynamic::my_key"', written))
    client = opened_on(path)
    with pytest.raises(BaseTensorZeroError) as caught:
        client.inference(function_name="f", input=ASK)
    assert leaked(KEY, all_of(caught.value)) == []
    assert "bad key [key hidden]" in str(caught.value)


def test_headers_of_the_configuration_and_of_the_call_are_known(
    build: Build, opened_on: Build, tmp_path: Path, echo: EchoServer
) -> None:
    client = build("401 plain")
    for headers in (
        [{"name": "x-api-key", "value": SIGNS[:20] + "end"}],
        [{"name": "Authorization", "value": f"Bearer {KEY}"}],
    ):
        with pytest.raises(BaseTensorZeroError) as caught:
            client.inference(function_name="f", input=ASK, credentials={"my_key": "short"}, extra_headers=headers)
        error = caught.value
        assert "[key hidden]" in str(error)
        assert leaked(KEY, all_of(error)) == leaked(SIGNS[:20], all_of(error)) == []
    config = tmp_path / "with_header.toml"
    text = TOML.format(model='"401 plain"', routing='["p"]', url=echo.url).replace(
        '"dynamic::my_key"', f'"none"\nextra_headers = [{{ name = "X-Api-Key", value = "{KEY}" }}]'
    )
    config.write_text(text, encoding="utf-8")
    other = opened_on(config, f"chdb://{tmp_path}/db")
    with pytest.raises(BaseTensorZeroError) as caught:
        other.inference(function_name="f", input=ASK)
    assert leaked(KEY, all_of(caught.value)) == []
    database = database_of(other)
    assert database is not None
    snapshots = database.query(Query("SELECT config FROM ConfigSnapshot"))
    assert leaked(KEY, repr(snapshots)) == []
    assert "X-Api-Key" in repr(snapshots)


def test_a_header_that_http_cannot_carry_is_refused_without_its_value(build: Build) -> None:
    headers = [{"name": "x-api-key", "value": KEY + "\nx: 1"}]
    with pytest.raises(BaseTensorZeroError) as caught:
        build("401").inference(function_name="f", input=ASK, credentials={"my_key": "k"}, extra_headers=headers)
    assert leaked(KEY, all_of(caught.value)) == []
    assert "Invalid header value" in str(caught.value)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("place", ["401", "down"])
def test_the_user_and_password_of_an_api_base_travel_as_a_header_and_are_not_shown(
    opened_on: Build, tmp_path: Path, echo: EchoServer, place: str
) -> None:
    address = f"127.0.0.1:{echo.port if place == '401' else 1}"
    path = tmp_path / "tensorzero.toml"
    text = TOML.format(model='"401 plain"', routing='["p"]', url=f"http://al%20ice:s3cr%40et-pw@{address}/v1")
    path.write_text(text.replace("dynamic::my_key", "none"), encoding="utf-8")
    with written_logs() as logs:
        client = opened_on(path)
        with pytest.raises(BaseTensorZeroError) as caught:
            client.inference(function_name="f", input=ASK)
    told = all_of(caught.value) + repr(client) + "\n".join(logs)
    assert [
        word for word in ("al%20ice", "al ice", "s3cr%40et-pw", "s3cr@et-pw", "YWwgaWNlOnMzY3JAZXQtcHc") if word in told
    ] == []
    if place == "401":
        assert echo.received[-1]["authorization"] == "Basic YWwgaWNlOnMzY3JAZXQtcHc="
    else:
        assert "error sending request for url (http://127.0.0.1:1/v1/chat/completions)" in told


@pytest.mark.usefixtures("transport")
def test_the_user_and_password_of_a_proxy_are_not_shown(
    build: Build, echo: EchoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://prox-user:pr0xy-pass@127.0.0.1:{echo.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    error = failure(build("401 plain", url="http://model.invalid/v1"), KEY)
    told = all_of(error)
    assert [word for word in ("prox-user", "pr0xy-pass", "cHJveC11c2VyOnByMHh5LXBhc3M") if word in told] == []


def test_many_keys_of_many_calls_are_known_while_they_are_used_and_bounded(build: Build) -> None:
    from tensorzero.masking import known

    client = build("401 json")
    for number in range(3 * known.CAPACITY // 2):
        known.learn(f"tenant-{number:05}-Zx81-key")
    with pytest.raises(BaseTensorZeroError) as caught:
        client.inference(function_name="f", input=ASK, credentials={"my_key": KEY})
    assert leaked(KEY, all_of(caught.value)) == []
    assert len(known._pieces) <= known.CAPACITY


def test_what_our_loggers_write_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    from tensorzero.masking.log import quiet

    learn(KEY)
    logger = quiet("tensorzero")
    caplog.set_level(logging.DEBUG)
    try:
        raise OSError(f"cannot reach {KEY}")
    except OSError as error:
        logger.warning("failed with %s", error, exc_info=True)
    logger.info("nothing %s to hide", 1)
    assert leaked(KEY, caplog.text) == []
    assert "failed with cannot reach [key hidden]" in caplog.text
    assert "nothing 1 to hide" in caplog.text


def test_the_client_is_built_without_a_warning_that_shows_a_key(echo: EchoServer) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        TensorZeroGateway.build_embedded(postgres_url=f"postgres://user:{KEY}@127.0.0.1/db").close()
    assert leaked(KEY, "".join(str(one.message) for one in caught)) == []


@pytest.mark.parametrize("place", ["401", "500", "request-id", "200-good", "sse-chunk"])
def test_a_key_that_was_forgotten_meanwhile_is_known_to_the_failure_of_its_call(
    build: Build, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Between its reading and the answer more keys can be read than are remembered."""
    monkeypatch.setattr("tensorzero.gateway.providers.credentials.learn", lambda _key: None)
    monkeypatch.setattr("tensorzero.gateway.endpoints.inference_request.learn_body", lambda _body: None)
    stream = place.startswith("sse")
    shown: list[str] = []
    try:
        answer = build(f"{place} plain").inference(
            function_name="f", input=ASK, credentials={"my_key": KEY}, stream=stream, include_raw_response=True
        )
        shown.append(repr(list(answer) if stream else answer))
    except BaseTensorZeroError as error:
        shown.append(all_of(error))
    assert "[key hidden]" in "".join(shown)
    assert leaked(KEY, "".join(shown)) == []
