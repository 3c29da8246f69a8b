"""Keys: where they come from, what a missing one says, and that none is seen anywhere."""

from __future__ import annotations

import gc
import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.clients.embedded_transport import gateway_of
from tensorzero.gateway.config.sections import CredentialLocation
from tensorzero.gateway.providers.credentials import MissingKey, resolve

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
SECRET = "sk-very-secret-1234567890"
Build = Callable[..., TensorZeroGateway]


def toml(mock: Any, location: str, model: str = "echo") -> str:
    return f"""
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "openai"
model_name = "{model}"
api_base = "{mock.url}"
api_key_location = {location}
"""


def sent(mock: Any) -> str | None:
    return mock.requests()[-1]["headers"].get("authorization")


def test_a_key_from_the_environment_is_read_at_each_call(
    build: Build, mock_provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = build(toml(mock_provider, '"env::MY_KEY"'))
    for key in ("first", "second"):
        monkeypatch.setenv("MY_KEY", key)
        client.inference(model_name="m", input=ASK)
        assert sent(mock_provider) == f"Bearer {key}"


def test_a_missing_key_fails_the_call_and_not_the_loading(build: Build, mock_provider: Any) -> None:
    client = build(toml(mock_provider, '"env::MY_KEY"'))
    with pytest.raises(TensorZeroError) as caught:
        client.inference(model_name="m", input=ASK)
    assert caught.value.status_code == 502
    assert "p: API key missing for provider OpenAI: Environment variable `MY_KEY` is missing" in caught.value.text
    assert "Set the environment variable `MY_KEY`" in caught.value.hint
    with pytest.raises(TensorZeroError) as caught:
        build().inference(model_name="openai::gpt-4o-mini", input=ASK)
    assert "`OPENAI_API_KEY`" in caught.value.hint
    assert mock_provider.requests() == []


def test_a_dynamic_key_comes_with_the_call(build: Build, mock_provider: Any) -> None:
    client = build(toml(mock_provider, '"dynamic::my_key"'))
    client.inference(model_name="m", input=ASK, credentials={"my_key": "given"})
    assert sent(mock_provider) == "Bearer given"
    with pytest.raises(TensorZeroError) as caught:
        client.inference(model_name="m", input=ASK, credentials={"other": SECRET})
    assert json.loads(caught.value.text)["error"] == (
        "All variants failed with errors: m: All model providers failed to infer with errors: "
        "p: API key missing for provider OpenAI: Dynamic api key `my_key` is missing"
    )
    assert caught.value.hint == "Pass `credentials={'my_key': …}` to the call."


def test_none_sends_no_key(build: Build, mock_provider: Any) -> None:
    build(toml(mock_provider, '"none"')).inference(model_name="m", input=ASK)
    assert sent(mock_provider) is None


def test_a_fallback_is_used_where_the_default_is_missing(
    build: Build, mock_provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = build(toml(mock_provider, '{ default = "dynamic::my_key", fallback = "env::MY_KEY" }'))
    monkeypatch.setenv("MY_KEY", "from-environment")
    client.inference(model_name="m", input=ASK)
    assert sent(mock_provider) == "Bearer from-environment"
    client.inference(model_name="m", input=ASK, credentials={"my_key": "given"})
    assert sent(mock_provider) == "Bearer given"


def test_a_key_in_a_file_is_read_without_its_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_text("from-file\n")
    assert resolve(CredentialLocation("path", str(path)), {}, "OpenAI") == "from-file"
    monkeypatch.setenv("WHERE", str(path))
    assert resolve(CredentialLocation("path_from_env", "WHERE"), {}, "OpenAI") == "from-file"
    with pytest.raises(MissingKey, match="Failed to read credentials file - No such file or directory"):
        resolve(CredentialLocation("path", str(tmp_path / "nope")), {}, "OpenAI")
    path.write_bytes(b"\xff\xfe" + SECRET.encode())
    with pytest.raises(MissingKey) as caught:
        resolve(CredentialLocation("path", str(path)), {}, "OpenAI")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("model", ["echo", "error401", "cut", "badjson", "hang"])
@pytest.mark.parametrize("stream", [False, True])
def test_no_key_is_seen_in_errors_logs_reprs_or_rows(
    build: Build, mock_provider: Any, stored: Any, caplog: pytest.LogCaptureFixture, model: str, stream: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    limits = "timeouts = { non_streaming.total_ms = 200, streaming.ttft_ms = 200 }\n"
    client = build(toml(mock_provider, '"dynamic::my_key"', model) + limits, stored.url)
    seen: list[str] = []
    try:
        answer = client.inference(
            model_name="m",
            input=ASK,
            stream=stream,
            credentials={"my_key": SECRET},
            include_raw_response=True,
            include_raw_usage=True,
        )
        seen.append(repr(list(answer) if stream else answer))
    except TensorZeroError as error:
        seen += [repr(error), error.text, str(error.hint), "".join(traceback.format_exception(error))]
    assert model == "hang" or sent(mock_provider) == f"Bearer {SECRET}"
    seen += [caplog.text, repr(client), repr(gateway_of(client).config)]
    for table in ("ChatInference", "ModelInference", "ConfigSnapshot"):
        order = "hash" if table == "ConfigSnapshot" else "id"
        seen.append(repr(stored.rows(client, table, order)))
    gc.collect()
    assert [text for text in seen if SECRET in text] == []


def test_a_key_that_http_cannot_carry_is_refused_without_being_shown(build: Build, mock_provider: Any) -> None:
    client = build(toml(mock_provider, '"dynamic::my_key"'))
    with pytest.raises(TensorZeroError) as caught:
        client.inference(model_name="m", input=ASK, credentials={"my_key": SECRET + "\nx-injected: 1"})
    assert "Error from openai client: Error sending request: builder error" in caught.value.text
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + str(caught.value.hint)
    assert mock_provider.requests() == []
