"""The mock that other tests and the benchmark stand on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import MockProvider

MOCK = Path(__file__).resolve().parent.parent / "tools" / "mock_provider.py"


def post(mock: MockProvider, model: str, **rest: Any) -> bytes:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "say this"}], **rest}).encode()
    request = urllib.request.Request(f"{mock.url}/chat/completions", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return reply.read()


def text_of(events: bytes) -> str:
    lines = [line[6:] for line in events.split(b"\n") if line.startswith(b"data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_the_models_name_chooses_the_answer(mock_provider: MockProvider) -> None:
    def content(model: str) -> str:
        return json.loads(post(mock_provider, model))["choices"][0]["message"]["content"]

    assert content("gpt-4o-mini") == "Tokyo is the capital of Japan."
    assert content("echo") == "say this"
    assert content("json") == '{"answer":"Tokyo"}'
    assert content("tokens-3") == " word0 word1 word2"


def test_plain_and_streamed_text_are_equal(mock_provider: MockProvider) -> None:
    for model in ("fixed", "echo", "json", "tokens-20", "drip-5-1"):
        plain = json.loads(post(mock_provider, model))["choices"][0]["message"]["content"]
        assert text_of(post(mock_provider, model, stream=True)) == plain


def test_statuses_come_as_named(mock_provider: MockProvider) -> None:
    for status in (400, 429, 503):
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(mock_provider, f"error{status}")
        assert caught.value.code == status
        caught.value.close()


def test_flaky_models_fail_the_first_calls_only(mock_provider: MockProvider) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(mock_provider, "flaky-1")
    caught.value.close()
    assert post(mock_provider, "flaky-1")


def test_requests_are_logged_and_forgotten(mock_provider: MockProvider) -> None:
    post(mock_provider, "echo", temperature=0.5)
    (asked,) = mock_provider.requests()
    assert asked["path"] == "/v1/chat/completions"
    assert asked["headers"]["content-type"] == "application/json"
    assert asked["body"]["temperature"] == 0.5
    mock_provider.clear()
    assert mock_provider.requests() == []


def spent_by_children() -> float:
    """Seconds of processor time of all child processes that have ended."""
    import resource  # not there on Windows

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_hundred_thousand_events_take_the_mock_less_than_a_second() -> None:
    """A second of its own, start included: other programs may have the processor."""
    body = b'{"model":"tokens-20000","stream":true,"messages":[]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\ncontent-length: %d\r\n\r\n" % len(body)
    events, before = 0, spent_by_children()
    with subprocess.Popen([sys.executable, str(MOCK), "--log"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline().split()[1])
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(head + body)
                received = bytearray()
                while not received.endswith(b"0\r\n\r\n"):
                    received += connection.recv(1 << 20)
            events += received.count(b"data: ")
        process.terminate()
    assert events > 200_000
    assert events / (spent_by_children() - before) >= 100_000


def test_the_network_is_refused() -> None:
    with socket.socket() as connection, pytest.raises(RuntimeError, match="tried to connect"):
        connection.connect(("192.0.2.1", 9))
    with pytest.raises(socket.gaierror, match="tried to look up"):
        socket.getaddrinfo("example.com", 80)
