"""`POST /openai/v1/embeddings`: what goes upstream, what comes back, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from tensorzero.clients.embedded_transport import database_of, gateway_of
from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.floats import shortest_singles
from tensorzero.gateway.gateway import Gateway
from tensorzero.gateway.request import Request
from tensorzero.gateway.routes import endpoint_of
from tensorzero.routes import EMBEDDINGS
from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.drive import drive

PREFIX = "tensorzero::embedding_model_name::"
Embed = Callable[..., dict[str, Any]]


def asked(gateway: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    answering: Any = endpoint_of(EMBEDDINGS)(gateway, Request(body, BlockingRuntime()))
    return drive(answering)


def model(url: str, *names: str, settings: str = "", provider: str = "") -> str:
    providers = "\n".join(
        f'providers."{name}" = {{ type = "openai", model_name = "{name}", api_base = "{url}", '
        f'api_key_location = "none"{provider} }}'
        for name in names
    )
    return f"[embedding_models.e]\nrouting = {json.dumps(names)}\n{settings}\n{providers}\n"


@pytest.fixture
def embed(build: Any) -> Embed:
    def one(toml: str, url: str | None = None, **body: Any) -> dict[str, Any]:
        gateway = gateway_of(build(toml, url=url))
        body = {"input": "abc", "model": PREFIX + "e", **body}
        return asked(gateway, body)

    return one


def test_one_text(embed: Embed, mock_provider: Any) -> None:
    answer = embed(model(mock_provider.url, "letters"), input="abca")
    assert answer["data"][0]["embedding"][:4] == [2.0, 1.0, 1.0, 0.0]
    assert answer["model"] == PREFIX + "e"
    assert answer["usage"] == {"prompt_tokens": 11, "total_tokens": 11, "tensorzero_cost": None}
    (request,) = mock_provider.requests()
    assert request["path"] == "/v1/embeddings"
    assert request["body"] == {"model": "letters", "input": "abca", "encoding_format": "float"}


def test_a_provider_that_is_not_there_fails_the_call_and_the_next_one_answers(embed: Embed, mock_provider: Any) -> None:
    toml = model(mock_provider.url, "letters")
    with pytest.raises(GatewayError, match="Provider not found: other"):
        embed(toml.replace('["letters"]', '["other"]'))
    answer = embed(toml.replace('["letters"]', '["other", "letters"]'), input="abca")
    assert answer["data"][0]["embedding"][:2] == [2.0, 1.0]


@pytest.mark.parametrize("given", [["a", "b"], [1, 2], [[1, 2], [3]], ""])
def test_inputs_go_upstream_as_they_are(embed: Embed, mock_provider: Any, given: Any) -> None:
    answer = embed(model(mock_provider.url, "letters"), input=given, dimensions=4, encoding_format="base64", user="ignored")
    (request,) = mock_provider.requests()
    assert request["body"] == {"model": "letters", "input": given, "dimensions": 4, "encoding_format": "base64"}
    assert [one["index"] for one in answer["data"]] == list(range(len(given) if isinstance(given, list) else 1))


def test_the_next_provider_answers_and_the_failure_is_shown(embed: Embed, mock_provider: Any) -> None:
    toml = model(mock_provider.url, "error500", "letters")
    answer = embed(toml, **{"tensorzero::include_raw_response": True})
    failed, good = answer["tensorzero::raw_response"]
    assert "model_inference_id" not in failed
    assert failed["api_type"] == good["api_type"] == "embeddings"
    assert "mock error 500" in failed["data"]


def test_cost_extra_body_and_extra_headers_of_the_provider(embed: Embed, mock_provider: Any) -> None:
    provider = (
        ', cost = [{ pointer = "/usage/prompt_tokens", cost_per_million = 2.0 }], extra_body = [{ pointer = "/a", value = 1 }]'
        ', extra_headers = [{ name = "x-a", value = "b" }]'
    )
    answer = embed(model(mock_provider.url, "letters", provider=provider))
    assert answer["usage"]["tensorzero_cost"] == pytest.approx(22e-6)
    (request,) = mock_provider.requests()
    assert (request["body"]["a"], request["headers"]["x-a"]) == (1, "b")


@pytest.mark.parametrize(
    ("settings", "provider", "message", "status"),
    [
        ("timeout_ms = 50", "", "Model e timed out due to configured `non_streaming.total_ms` timeout (50ms)", 408),
        (
            "",
            ", timeout_ms = 50",
            "All model providers failed to infer with errors: slow-5000: Model provider slow-5000 timed out due to configured \
`non_streaming.total_ms` timeout (50ms)",
            500,
        ),
    ],
)
def test_time_limits(embed: Embed, mock_provider: Any, settings: str, provider: str, message: str, status: int) -> None:
    with pytest.raises(GatewayError) as caught:
        embed(model(mock_provider.url, "slow-5000", settings=settings, provider=provider))
    assert (caught.value.message, caught.value.status) == (message, status)


@pytest.mark.parametrize(
    ("body", "message", "status"),
    [
        ({"model": PREFIX + "zz"}, "Model not found: zz", 404),
        ({"model": PREFIX + "groq::x"}, "Model not found: groq::x", 404),
        ({"input": []}, "Input cannot be empty", 400),
        ({"input": None}, "missing field `input`", 400),
        ({"input": 5}, "input: data did not match any variant of untagged enum EmbeddingInput", 400),
        ({"input": ["a", 1]}, "input: data did not match any variant of untagged enum EmbeddingInput", 400),
        ({"encoding_format": "x"}, "encoding_format: unknown variant `x`, expected `float` or `base64`", 400),
        ({"dimensions": "x"}, 'dimensions: invalid type: string "x", expected u32', 400),
    ],
)
def test_what_is_refused(embed: Embed, mock_provider: Any, body: dict[str, Any], message: str, status: int) -> None:
    with pytest.raises(GatewayError) as caught:
        embed(model(mock_provider.url, "letters"), **body)
    assert (caught.value.message, caught.value.status) == (message, status)
    assert mock_provider.requests() == []


def test_a_cached_answer_costs_nothing(build: Any, mock_provider: Any, stored: Any) -> None:
    gateway = gateway_of(build(model(mock_provider.url, "letters"), url=stored.url))
    body = {"input": "abc", "model": PREFIX + "e", "tensorzero::cache_options": {"enabled": "on"}}
    first, again = (asked(gateway, body) for _ in range(2))
    assert first["usage"]["prompt_tokens"] == 11
    assert again["data"] == first["data"]
    assert again["usage"] == {"prompt_tokens": 0, "total_tokens": 0, "tensorzero_cost": 0.0}
    assert len(mock_provider.requests()) == 1


@pytest.mark.parametrize(("given", "asked_for"), [("abc", 1), (["abc"], 1), (["abc", "abc"], 2)])
def test_only_a_vector_that_is_alone_is_kept(
    build: Any, mock_provider: Any, stored: Any, given: str | list[str], asked_for: int
) -> None:
    client = build(model(mock_provider.url, "letters"), url=stored.url)
    body = {"input": given, "model": PREFIX + "e", "tensorzero::cache_options": {"enabled": "on"}}
    first, again = (asked(gateway_of(client), body) for _ in range(2))
    assert again["data"] == first["data"]
    assert len(mock_provider.requests()) == asked_for
    database_of(client).flush()
    kept = [orjson.loads(row["output"]) for row in stored.rows(client, "ModelInferenceCache", "timestamp")]
    assert kept == ([first["data"][0]["embedding"]] if asked_for == 1 else [])


def test_the_cache_keeps_single_vectors_as_32_bit_floats(build: Any, mock_provider: Any, stored: Any) -> None:
    client = build(model(mock_provider.url, "letters"), url=stored.url)
    gateway = gateway_of(client)
    body = {"model": PREFIX + "e", "tensorzero::cache_options": {"enabled": "on"}}
    vector = asked(gateway, {**body, "input": ["abc"]})["data"][0]["embedding"]
    batches = [asked(gateway, {**body, "input": ["abc", "x"]})["usage"]["prompt_tokens"] for _ in range(2)]
    assert batches == [11, 11]
    (row,) = stored.rows(client, "ModelInferenceCache", "timestamp")
    assert json.loads(row["output"]) == vector
    assert shortest_singles([0.043137254901960784, 0.1, 1 / 3]) == [0.043137256, 0.1, 0.33333334]


def test_the_dummy_provider_answers_zeros(embed: Embed) -> None:
    answer = embed("", model="dummy::any", input=["a", "b"])
    assert [len(one["embedding"]) for one in answer["data"]] == [1536, 1536]
    assert set(answer["data"][1]["embedding"]) == {0.0}
    assert answer["usage"]["prompt_tokens"] == 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("error", "Error from dummy client: Error sending request to Dummy provider for model 'error'."),
        (
            "error_with_raw_response",
            "Error 500 Internal Server Error from dummy client: Error from Dummy embedding provider with raw response",
        ),
    ],
)
def test_the_dummy_provider_fails_as_its_model_says(embed: Embed, name: str, message: str) -> None:
    with pytest.raises(GatewayError) as caught:
        embed("", model=f"dummy::{name}")
    assert caught.value.message == f"All model providers failed to infer with errors: dummy: {message}"


def test_a_key_that_is_missing(embed: Embed) -> None:
    with pytest.raises(GatewayError) as caught:
        embed("", model="openai::text-embedding-3-small")
    assert "API key missing for provider OpenAI" in caught.value.message
    assert caught.value.hint is not None
