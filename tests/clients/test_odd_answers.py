"""Answers that no gateway of the right version gives, requests that HTTP does not allow. Texts: observed 2026.6.0."""

from __future__ import annotations

import json
from typing import Any

import pytest

import tensorzero as t
from tensorzero.types import TensorZeroError, TensorZeroInternalError

from .loopback import CHAT, CHUNKS, EPISODE_ID, FEEDBACK_ID, IDS, Loopback

INPUT: Any = {"messages": [{"role": "user", "content": "hi"}]}
NO_ANSWER = (
    "Internal TensorZero Error: Error deserializing response: data did not match any variant of untagged enum InferenceResponse"
)
NO_CHUNK = (
    "Error deserializing json value as InferenceResponseChunk: "
    "data did not match any variant of untagged enum InferenceResponseChunk"
)
BROKEN = "Error in streaming response: Error in streaming response: SSE error"


@pytest.fixture
def client(server: Loopback) -> t.TensorZeroGateway:
    return t.TensorZeroGateway.build_http(gateway_url=server.url, timeout=60)


def reply(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
    )


def events(*data: bytes, kind: str = "text/event-stream") -> bytes:
    body = b"".join(b"data: " + item + b"\n\n" for item in (*data, b"[DONE]"))
    return reply(body, kind=kind)


def asked(client: t.TensorZeroGateway, **arguments: Any) -> Any:
    return client.inference(function_name="raw", input=INPUT, **arguments)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"7",
        b"{}",
        json.dumps({**CHAT, "usage": None}).encode(),
        json.dumps({**CHAT, "finish_reason": "zz"}).encode(),
        json.dumps({**CHAT, "inference_id": "zz"}).encode(),
        json.dumps({**CHAT, "content": [{"type": "zz"}]}).encode(),
    ],
)
def test_json_that_is_no_answer_is_one_internal_error(client: t.TensorZeroGateway, server: Loopback, body: bytes) -> None:
    server.raw = reply(body)
    with pytest.raises(TensorZeroInternalError) as caught:
        asked(client)
    assert str(caught.value) == NO_ANSWER


def test_a_reply_without_its_id_names_the_missing_field(client: t.TensorZeroGateway, server: Loopback) -> None:
    server.raw = reply(b"{}")
    with pytest.raises(TensorZeroInternalError, match="Error deserializing response: missing field `feedback_id`"):
        client.feedback(metric_name="raw", value=True, inference_id=EPISODE_ID)


@pytest.mark.parametrize("status", ["201 Created", "307 Temporary Redirect"])
def test_a_status_below_400_is_an_answer(client: t.TensorZeroGateway, server: Loopback, status: str) -> None:
    server.raw = reply(b"\xef\xbb\xbf" + json.dumps(CHAT).encode(), status)
    assert asked(client).variant_name == "v"


def test_an_answer_cut_in_its_body_is_an_internal_error(client: t.TensorZeroGateway, server: Loopback) -> None:
    server.raw = reply(json.dumps(CHAT).encode())[:-5]
    with pytest.raises(TensorZeroInternalError, match=r"Error deserializing response: error decoding response body$"):
        asked(client)


def test_a_refusal_is_read_in_the_encoding_that_it_names(client: t.TensorZeroGateway, server: Loopback) -> None:
    for charset, text in (("iso-8859-1", "é"), ("unheard-of", "\ufffd")):
        server.raw = reply("é".encode("latin-1"), "502 Bad Gateway", f"text/plain; charset={charset}")
        with pytest.raises(TensorZeroError) as caught:
            asked(client)
        assert (caught.value.status_code, caught.value.text) == (502, text)


@pytest.mark.parametrize("event", [b"[]", b"null", b"{}", json.dumps({**IDS, "content": [{"type": "zz", "id": "0"}]}).encode()])
def test_an_event_that_is_no_chunk_ends_the_stream(client: t.TensorZeroGateway, server: Loopback, event: bytes) -> None:
    server.raw = events(json.dumps(CHUNKS[0]).encode(), event, json.dumps(CHUNKS[1]).encode())
    stream = asked(client, stream=True)
    assert next(stream).content[0].text == "To"
    with pytest.raises(TensorZeroError) as caught:
        next(stream)
    assert (caught.value.status_code, json.loads(caught.value.text or "")) == (500, {"error": NO_CHUNK})
    assert list(stream) == []


def test_an_event_of_broken_utf8_is_a_broken_stream(client: t.TensorZeroGateway, server: Loopback) -> None:
    server.raw = events(b"\xff")
    with pytest.raises(TensorZeroError) as caught:
        list(asked(client, stream=True))
    assert json.loads(caught.value.text or "") == {"error": BROKEN}


def test_an_error_event_is_shown_as_compact_json(client: t.TensorZeroGateway, server: Loopback) -> None:
    server.raw = events(b'{"error": {"message": "\xc3\xa9", "code": 1}}')
    with pytest.raises(TensorZeroError) as caught:
        list(asked(client, stream=True))
    assert json.loads(caught.value.text or "") == {
        "error": 'Error in streaming response: Stream produced an error: {"message":"é","code":1}'
    }


def test_a_usage_of_null_is_none_and_the_case_of_the_content_type_is_free(
    client: t.TensorZeroGateway, server: Loopback
) -> None:
    server.raw = events(json.dumps({**CHUNKS[0], "usage": None}).encode(), kind="Text/Event-Stream")
    assert [chunk.usage for chunk in asked(client, stream=True)] == [None]


def test_every_request_says_who_asks(client: t.TensorZeroGateway, server: Loopback) -> None:
    client.feedback(metric_name="m", value=True, inference_id=FEEDBACK_ID)
    assert server.requests[0]["headers"]["user-agent"] == f"TensorZero/{t.__version__}"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("X Foo", "bar", "Invalid HTTP header name `X Foo`: invalid HTTP header name"),
        ("", "bar", "Invalid HTTP header name ``: invalid HTTP header name"),
        ("x:a", "bar", "Invalid HTTP header name `x:a`: invalid HTTP header name"),
        ("X-Foo", "b\r\nx: y", "Invalid HTTP header value for `X-Foo`: failed to parse header value"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_header_that_http_does_not_allow_is_not_sent(
    client: t.TensorZeroGateway, server: Loopback, name: str, value: str, message: str, stream: bool
) -> None:
    with pytest.raises(TensorZeroInternalError) as caught:
        client.inference(model_name="m", input=INPUT, stream=stream, gateway_http_headers={name: value})
    assert str(caught.value) == f"Internal TensorZero Error: {message}"
    with pytest.raises(TensorZeroInternalError, match=r"^Internal TensorZero Error: Error from server: builder error$"):
        client.inference(model_name="m", input=INPUT, stream=stream, otlp_traces_extra_headers={"a\n": value})
    assert server.requests == []


def test_headers_of_the_caller_replace_ours_but_for_the_length(client: t.TensorZeroGateway, server: Loopback) -> None:
    given = {"Content-Type": "text/plain", "Content-Length": "3", "Authorization": "own"}
    assert client.inference(model_name="m", input=INPUT, gateway_http_headers=given).variant_name == "v"
    sent = server.requests[0]["headers"]
    assert (sent["content-type"], sent["authorization"]) == ("text/plain", "own")
    assert int(sent["content-length"]) == len(server.requests[0]["raw"])


@pytest.mark.parametrize(
    ("given", "environment", "sent"),
    [
        ("sk-own", "sk-env", "Bearer sk-own"),
        (None, "sk-env", "Bearer sk-env"),
        ("", "sk-env", "Bearer"),
        (None, None, "Basic dSDDqTpwQA=="),
    ],
)
def test_the_key_given_comes_before_the_environments_and_the_urls_user(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, given: str | None, environment: str | None, sent: str
) -> None:
    monkeypatch.delenv("TENSORZERO_API_KEY", raising=False)
    if environment is not None:
        monkeypatch.setenv("TENSORZERO_API_KEY", environment)
    url = server.url.replace("://", "://u%20é:p%40@")
    t.TensorZeroGateway.build_http(gateway_url=url, api_key=given).inference(model_name="m", input=INPUT)
    assert server.requests[0]["headers"]["authorization"].strip() == sent


def test_a_password_of_the_url_is_in_no_error() -> None:
    client = t.TensorZeroGateway.build_http(gateway_url="http://user:secret@127.0.0.1:1", verbose_errors=True)
    for stream in (False, True):
        with pytest.raises(TensorZeroInternalError) as caught:
            client.inference(model_name="m", input=INPUT, stream=stream)
        assert "http://127.0.0.1:1/inference" in str(caught.value)
        assert "secret" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_key_that_is_no_header_stops_the_building_and_is_not_shown() -> None:
    with pytest.raises(TensorZeroInternalError, match="Failed to create authorization header") as caught:
        t.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1", api_key="sk-\nsecret")
    assert "secret" not in str(caught.value)
