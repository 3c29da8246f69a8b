"""Providers in their order, variants in theirs; a pinned one stands alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
Build = Callable[..., TensorZeroGateway]

TOML = """
[models.fallback]
routing = ["broken", "limited", "good", "never"]
providers.broken = { type = "dummy", model_name = "error" }
providers.limited = { type = "dummy", model_name = "error_with_raw_response" }
providers.good = { type = "dummy", model_name = "alternate" }
providers.never = { type = "dummy", model_name = "good" }

[models.hopeless]
routing = ["one", "two"]
providers.one = { type = "dummy", model_name = "error" }
providers.two = { type = "dummy", model_name = "error_too" }

[functions.tiered]
type = "chat"
[functions.tiered.experimentation]
type = "static"
candidate_variants = { bad = 1.0 }
fallback_variants = ["worse", "good"]
[functions.tiered.variants]
bad = { type = "chat_completion", model = "hopeless" }
worse = { type = "chat_completion", model = "dummy::error_worse" }
good = { type = "chat_completion", model = "dummy::good" }

[functions.doomed]
type = "chat"
variants.only = { type = "chat_completion", model = "dummy::error" }
variants.other = { type = "chat_completion", model = "hopeless" }
"""
FAILED = ("dummy", "chat_completions", "dummy error raw response")
HOPELESS = (
    "All model providers failed to infer with errors: "
    "one: Error from dummy client: Error sending request to Dummy provider for model 'error'., "
    "two: Error from dummy client: Error sending request to Dummy provider for model 'error_too'."
)


def failure(client: TensorZeroGateway, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(TensorZeroError) as caught:
        client.inference(input=ASK, **arguments)
    return caught.value.status_code, json.loads(caught.value.text)["error"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_first_provider_that_answers_is_taken(build: Build, stream: bool) -> None:
    answer = build(TOML).inference(model_name="fallback", input=ASK, stream=stream, include_raw_response=True)
    if stream:
        chunks = list(answer)
        assert [(one.provider_type, one.api_type, one.data) for one in chunks[0].raw_response] == [FAILED]
        assert [chunk.raw_response for chunk in chunks[1:]] == [None] * (len(chunks) - 1)
        assert "".join(c.text for chunk in chunks for c in chunk.content).startswith("Wally, the golden")
        return
    assert answer.content[0].text.startswith("Megumin chanted")
    failed, answered = answer.raw_response
    assert (failed.provider_type, failed.api_type, failed.data) == FAILED
    assert (answered.provider_type, answered.api_type) == ("dummy", "chat_completions")
    assert "id" in json.loads(answered.data)


@pytest.mark.parametrize("stream", [False, True])
def test_when_all_providers_fail_every_error_is_listed_in_order(build: Build, stream: bool) -> None:
    assert failure(build(TOML), model_name="hopeless", stream=stream) == (
        502,
        f"All variants failed with errors: hopeless: {HOPELESS}",
    )


@pytest.mark.parametrize("stream", [False, True])
def test_a_failed_variant_gives_way_to_the_next(build: Build, stream: bool) -> None:
    answer = build(TOML).inference(function_name="tiered", input=ASK, stream=stream)
    assert (next(iter(answer)) if stream else answer).variant_name == "good"


@pytest.mark.parametrize("stream", [False, True])
def test_a_pinned_variant_does_not_and_its_error_is_bare(build: Build, stream: bool) -> None:
    client = build(TOML)
    assert failure(client, function_name="tiered", variant_name="bad", stream=stream) == (500, HOPELESS)
    assert client.inference(function_name="tiered", variant_name="good", input=ASK).variant_name == "good"
    assert failure(client, function_name="tiered", variant_name="nope") == (404, "Unknown variant: nope")


def test_when_all_variants_fail_every_error_stands_on_a_line(build: Build) -> None:
    status, text = failure(build(TOML), function_name="doomed", episode_id="01980000-0000-7000-8000-000000000001")
    assert status == 502
    lines = text.removeprefix("All variants failed with errors: ").split("\n")
    assert sorted(line.split(": ")[0] for line in lines) == ["only", "other"]


def test_zero_weights_and_no_fallback_leave_no_variant(build: Build) -> None:
    toml = """
[functions.f]
type = "chat"
variants.a = { type = "chat_completion", model = "dummy::error", weight = 1 }
variants.b = { type = "chat_completion", model = "dummy::good", weight = 0 }
"""
    status, text = failure(build(toml), function_name="f")
    assert status == 502
    assert text.startswith("All variants failed with errors: a: All model providers failed")
    assert "\n" not in text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 429, 500, 503, 529])
def test_every_upstream_refusal_falls_through(build: Build, mock_provider: Any, status: int) -> None:
    toml = f"""
[models.m]
routing = ["a", "b"]
providers.a = {{ type = "openai", model_name = "error{status}", api_base = "{mock_provider.url}", api_key_location = "none" }}
providers.b = {{ type = "openai", model_name = "echo", api_base = "{mock_provider.url}", api_key_location = "none" }}
"""
    client = build(toml)
    assert client.inference(model_name="m", input=ASK).content[0].text == "capital of Japan?"
    assert (
        "".join(c.text for chunk in client.inference(model_name="m", input=ASK, stream=True) for c in chunk.content)
        == "capital of Japan?"
    )
    asked = [request["body"]["model"] for request in mock_provider.requests()]
    assert asked == [f"error{status}", "echo"] * 2


def test_shorthand_names_need_no_configuration(build: Build) -> None:
    client = build()
    assert client.inference(model_name="dummy::good", input=ASK).variant_name == "dummy::good"
    message = "Invalid inference target: Invalid model name: Model name 'nope::x' not found in model table"
    assert failure(client, model_name="nope::x") == (400, message)
    with pytest.raises(TensorZeroError) as caught:
        build(TOML).inference(model_name="fallbak", input=ASK)
    assert "Did you mean `fallback`?" in caught.value.hint


def test_a_configured_name_wins_over_a_shorthand(build: Build) -> None:
    toml = '[models."dummy::good"]\nrouting = ["p"]\nproviders.p = { type = "dummy", model_name = "alternate" }\n'
    assert build(toml).inference(model_name="dummy::good", input=ASK).content[0].text.startswith("Megumin chanted")
