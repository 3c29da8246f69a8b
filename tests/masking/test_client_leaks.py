"""The client over HTTP: its key, the URL's user and password, and a call's credentials are in nothing that it shows."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest
from echo_server import EchoServer
from everything_shown import all_of, leaked, written_logs

from tensorzero import (
    AsyncTensorZeroGateway,
    BaseTensorZeroError,
    TensorZeroError,
    TensorZeroGateway,
    TensorZeroInternalError,
)
from tensorzero.masking.known import learn

KEY = "tz-gateway-Key-0a1b2c3d4e5f"
OTHER = "sk-proj-Zz9Yy8Xx7Ww6Vv5Uu4"
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}]}


def address(echo: EchoServer) -> str:
    return f"http://127.0.0.1:{echo.port}"


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", ["401 json", "500 html", "200-text", "200-html", "200-error", "redirect", "sse-error json"])
def test_the_clients_key_is_in_no_error_and_no_log(echo: EchoServer, case: str, stream: bool, verbose: bool) -> None:
    client = TensorZeroGateway.build_http(gateway_url=address(echo), api_key=KEY, verbose_errors=verbose)

    def ask() -> None:
        answer = client.inference(function_name=case, input=ASK, stream=stream)
        while stream:
            next(answer)

    with written_logs() as logs, pytest.raises((BaseTensorZeroError, StopIteration)) as caught:
        ask()
    assert echo.received[0]["authorization"] == f"Bearer {KEY}"
    assert leaked(KEY, all_of(caught.value) + "\n".join(logs) + repr(client)) == []


def test_a_calls_credentials_are_in_no_error(echo: EchoServer) -> None:
    client = TensorZeroGateway.build_http(gateway_url=address(echo), api_key=KEY)
    with pytest.raises(TensorZeroError) as caught:
        client.inference(function_name="400 json", input=ASK, credentials={"my_key": OTHER})
    assert leaked(OTHER, all_of(caught.value)) == []
    assert "bad key [key hidden]" in str(caught.value)


def test_the_asynchronous_client_shows_no_key_either(echo: EchoServer) -> None:
    async def failure() -> BaseException:
        client = await AsyncTensorZeroGateway.build_http(gateway_url=address(echo), api_key=KEY)  # pyright: ignore[reportGeneralTypeIssues]
        async with client:
            with pytest.raises(TensorZeroError) as caught:
                await client.feedback(metric_name="401 percent_all", value=True, inference_id="0" * 32)
        return caught.value

    assert leaked(KEY, all_of(asyncio.run(failure()))) == []


def test_a_key_of_the_environment_is_known(echo: EchoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORZERO_API_KEY", KEY)
    client = TensorZeroGateway.build_http(gateway_url=address(echo))
    with pytest.raises(TensorZeroError) as caught:
        client.inference(function_name="401 json", input=ASK)
    assert leaked(KEY, all_of(caught.value)) == []


@pytest.mark.parametrize("host", ["127.0.0.1:1", "ECHO", "127.0.0.1:99999", "[::", ""])
def test_the_user_and_password_of_a_gateway_url_are_not_shown(echo: EchoServer, host: str) -> None:
    url = f"http://al-ice:s3cr%40et-pw@{host.replace('ECHO', f'127.0.0.1:{echo.port}')}/prefix"

    def ask() -> None:
        client = TensorZeroGateway.build_http(gateway_url=url, verbose_errors=True)
        client.inference(function_name="401 json", input=ASK)

    with written_logs() as logs, pytest.raises((BaseTensorZeroError, ValueError)) as caught:
        ask()
    told = all_of(caught.value) + "\n".join(logs)
    assert [word for word in ("al-ice", "s3cr%40et-pw", "s3cr@et-pw", "YWwtaWNlOnMzY3JAZXQtcHc") if word in told] == []


def test_nothing_that_a_client_holds_shows_its_key_when_it_is_printed(echo: EchoServer) -> None:
    client = TensorZeroGateway.build_http(gateway_url=address(echo), api_key=KEY)
    told = [client, vars(client._transport), client._transport]
    assert leaked(KEY, repr(told)) == []


def test_a_header_for_traces_is_in_no_error(echo: EchoServer) -> None:
    client = TensorZeroGateway.build_http(gateway_url=address(echo))
    with pytest.raises(TensorZeroError) as caught:
        client.inference(
            function_name="401 headers",
            input=ASK,
            otlp_traces_extra_headers={"x-api-key": OTHER, "authorization": f"Bearer {KEY}"},
        )
    assert leaked(OTHER, all_of(caught.value)) == leaked(KEY, all_of(caught.value)) == []
    assert "[key hidden]" in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"credentials": KEY},
        {"credentials": [KEY]},
        {"credentials": {"k": [KEY]}},
        {"credentials": {"k": KEY.encode()}},
        {"extra_headers": KEY},
        {"extra_headers": [{"name": "authorization", "value": [KEY]}]},
        {"extra_headers": [{"name": "authorization", "value": KEY.encode()}]},
        {"extra_headers": [{"name": KEY}]},
        {"otlp_traces_extra_headers": {"x": f"{KEY}\n"}},
        {"otlp_traces_extra_headers": KEY},
    ],
    ids=str,
)
def test_arguments_of_a_wrong_type_are_refused_without_being_shown(
    echo: EchoServer, recwarn: pytest.WarningsRecorder, wrong: dict[str, Any]
) -> None:
    clients = [TensorZeroGateway.build_http(gateway_url=address(echo)), TensorZeroGateway.build_embedded()]
    for client in clients:
        told = ""
        try:
            client.inference(function_name="401 plain", input=ASK, **wrong)
        except Exception as error:
            told = all_of(error)
        assert leaked(KEY, told) == []


def test_a_key_that_http_cannot_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(TensorZeroInternalError) as caught:
        TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1", api_key=f"{KEY}\nx: 1")
    assert leaked(KEY, all_of(caught.value)) == []


def test_an_error_is_masked_when_it_is_made_and_stays_so() -> None:
    learn(KEY)
    for error in (TensorZeroError(401, f"no {KEY}"), TensorZeroError(status_code=401, text=f"no {KEY}")):
        assert str(error) == "TensorZeroError (status code 401): no [key hidden]"
        assert leaked(KEY, all_of(error)) == []
        assert all_of(pickle.loads(pickle.dumps(error))) == all_of(copy.copy(error)) == all_of(error)
    internal = TensorZeroInternalError(f"no {KEY}")
    assert (internal.msg, internal.args) == ("no [key hidden]", ("no [key hidden]",))


def test_the_errors_of_libraries_in_a_chain_are_masked_too() -> None:
    import httpx

    learn(KEY)

    def fail() -> None:
        try:
            try:
                raise ValueError(f"inner {KEY}", f"http://u:{KEY}@h".encode())
            except ValueError as inner:
                raise httpx.ConnectError(f"cannot reach {KEY}") from inner
        except httpx.ConnectError as error:
            raise TensorZeroInternalError("unreachable") from error

    with pytest.raises(TensorZeroInternalError) as caught:
        fail()
    cause = caught.value.__cause__
    assert str(cause) == "cannot reach [key hidden]"
    assert leaked(KEY, all_of(caught.value)) == []
    assert cause is not None
    assert cause.__cause__ is not None
    assert cause.__cause__.args[0] == "inner [key hidden]"
