"""One call of `inference`: checks in the original's order, ids, tags, parameters and what goes upstream and into rows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
EPISODE = "01980000-0000-7000-8000-000000000001"
Build = Callable[..., TensorZeroGateway]


def failure(client: TensorZeroGateway, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(TensorZeroError) as caught:
        client.inference(**({"input": ASK} | arguments))
    return caught.value.status_code, json.loads(caught.value.text)["error"]


def v7(seconds: int) -> str:
    return str(UUID(int=(seconds * 1000) << 80 | 0x7 << 76 | 0x2 << 62 | 1))


TOML = """
[functions.f]
type = "chat"
variants.v = { type = "chat_completion", model = "dummy::good" }
variants.w = { type = "chat_completion", model = "dummy::good", weight = 0 }
"""
TARGET = "Invalid inference target: "


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            {"tags": {"tensorzero::x": "1"}, "episode_id": v7(1)},
            (400, "Tag name cannot start with 'tensorzero::': tensorzero::x"),
        ),
        (
            {"episode_id": "0a1b2c3d-0000-4000-8000-000000000000", "function_name": "nope"},
            (400, "Failed to parse UUID as v7: 0a1b2c3d-0000-4000-8000-000000000000"),
        ),
        ({"episode_id": v7(1_579_751_959)}, (400, "Invalid Episode ID: Timestamp is too early")),
        ({"episode_id": v7(int(time.time()) + 1_000_000)}, (400, "Invalid Episode ID: Timestamp is in the future")),
        (
            {"episode_id": v7(10_000_000_001)},
            (400, f"Workflow evaluation run not found for episode id: {v7(10_000_000_001)}"),
        ),
        ({}, (400, TARGET + "Either `function_name` or `model_name` must be provided")),
        (
            {"function_name": "f", "model_name": "m"},
            (400, TARGET + "Only one of `function_name` or `model_name` can be provided"),
        ),
        ({"function_name": "nope"}, (404, "Unknown function: nope")),
        (
            {"model_name": "dummy::good", "variant_name": "v"},
            (400, TARGET + "`variant_name` cannot be provided when using `model_name`"),
        ),
        ({"function_name": "tensorzero::default"}, (500, "Function `tensorzero::default` has no variants")),
        ({"function_name": "f", "variant_name": "nope"}, (404, "Unknown variant: nope")),
        (
            {"function_name": "f", "include_aggregated_response": True},
            (400, "`include_aggregated_response` is only supported in streaming mode"),
        ),
        (
            {"function_name": "f", "extra_body": [{"variant_name": "zz", "pointer": "/a", "value": 1}]},
            (404, "Unknown variant: zz"),
        ),
        (
            {"function_name": "f", "extra_body": [{"model_name": "zz", "pointer": "/a", "value": 1}]},
            (400, TARGET + "Invalid model provider filter: model `zz` does not exist."),
        ),
        (
            {
                "function_name": "f",
                "extra_headers": [{"model_name": "dummy::good", "provider_name": "zz", "name": "a", "value": "1"}],
            },
            (400, TARGET + "Invalid model provider filter: provider `zz` not found in model `dummy::good`."),
        ),
    ],
)
def test_the_first_broken_rule_is_reported(build: Build, arguments: dict[str, Any], expected: tuple[int, str]) -> None:
    assert failure(build(TOML), **arguments) == expected


def test_ids_are_version_seven_and_distinct(build: Build) -> None:
    answers = [build(TOML).inference(function_name="f", input=ASK) for _ in range(5)]
    found = [one.inference_id for one in answers] + [one.episode_id for one in answers]
    assert len(set(found)) == 10
    assert {one.version for one in found} == {7}
    given = build(TOML).inference(function_name="f", input=ASK, episode_id=EPISODE)
    assert str(given.episode_id) == EPISODE


def test_tags_of_the_caller_and_of_the_gateway_are_stored(build: Build, stored: Any) -> None:
    client = build(TOML, stored.url)
    client.inference(function_name="f", variant_name="w", input=ASK, tags={"a": "b"}, namespace="team")
    client.inference(function_name="f", input=ASK, tags={"tensorzero::mine": "1"}, internal=True)
    assert [row["tags"] for row in stored.rows(client, "ChatInference")] == [
        {"a": "b", "tensorzero::variant_pinned": "w", "tensorzero::namespace": "team"},
        {"tensorzero::mine": "1", "tensorzero::internal": "true"},
    ]


def test_a_dry_run_answers_and_stores_nothing(build: Build, stored: Any) -> None:
    client = build(TOML, stored.url)
    assert client.inference(function_name="f", input=ASK, dryrun=True).content[0].text.startswith("Megumin")
    assert stored.rows(client, "ChatInference") == []
    assert stored.rows(client, "ModelInference") == []


PARAMETERS = """
[functions.f]
type = "chat"
[functions.f.variants.v]
type = "chat_completion"
model = "echo"
temperature = 0.1
top_p = 0.25
max_tokens = 5
stop_sequences = ["END"]
"""


def test_the_calls_parameters_override_the_variants_and_floats_are_single(
    build: Build, models: Callable[..., str], mock_provider: Any, stored: Any
) -> None:
    client = build(models("echo") + PARAMETERS, stored.url)
    client.inference(function_name="f", input=ASK)
    client.inference(function_name="f", input=ASK, params={"chat_completion": {"temperature": 0.7, "seed": 3}})
    first, second = (request["body"] for request in mock_provider.requests())
    assert list(first) == ["messages", "model", "temperature", "max_completion_tokens", "top_p", "stream", "stop"]
    assert (first["temperature"], first["top_p"], first["stop"]) == (0.10000000149011612, 0.25, ["END"])
    assert (second["temperature"], second["seed"], second["max_completion_tokens"]) == (0.699999988079071, 3, 5)
    rows = [json.loads(row["inference_params"]) for row in stored.rows(client, "ChatInference")]
    assert rows[1]["chat_completion"] == {
        "temperature": 0.7,
        "max_tokens": 5,
        "seed": 3,
        "top_p": 0.25,
        "stop_sequences": ["END"],
    }


def test_the_rows_of_a_call_say_what_happened(build: Build, models: Callable[..., str], stored: Any) -> None:
    client = build(models("echo"), stored.url)
    answer = client.inference(model_name="echo", input={"system": "Be brief.", **ASK}, tags={"a": "b"})
    (row,), (model,) = stored.rows(client, "ChatInference"), stored.rows(client, "ModelInference")
    assert str(row["id"]) == str(model["inference_id"]) == str(answer.inference_id)
    assert (row["function_name"], row["variant_name"]) == ("tensorzero::default", "echo")
    assert json.loads(row["output"]) == [{"type": "text", "text": "capital of Japan?"}]
    assert json.loads(row["input"])["system"] == "Be brief."
    assert (model["model_name"], model["model_provider_name"]) == ("echo", "p")
    assert (model["input_tokens"], model["output_tokens"], model["finish_reason"]) == (11, 3, "stop")
    assert json.loads(model["raw_request"])["messages"][0] == {"role": "system", "content": "Be brief."}
    assert json.loads(model["raw_response"])["usage"]["prompt_tokens"] == 11
    assert (model["system"], model["cached"]) == ("Be brief.", False)
    assert row["processing_time_ms"] >= model["response_time_ms"] - 1


def test_cost_is_computed_from_the_providers_own_answer(build: Build, models: Callable[..., str]) -> None:
    entry = '{{ pointer = "/usage/{}_tokens", cost_per_million = {} }}'
    rates = f"[{entry.format('prompt', 1.0)}, {entry.format('completion', 2.0)}]"
    client = build(models("echo", cost=rates))
    expected = pytest.approx((11 + 2 * 3) / 1e6)
    assert client.inference(model_name="echo", input=ASK).usage.cost == expected
    assert list(client.inference(model_name="echo", input=ASK, stream=True))[-1].usage.cost == expected


def test_what_was_asked_for_is_included(build: Build, models: Callable[..., str]) -> None:
    client = build(models("echo"))
    plain = client.inference(model_name="echo", input=ASK)
    assert (plain.raw_usage, plain.raw_response, plain.original_response) == (None, None, None)
    asked = client.inference(
        model_name="echo", input=ASK, include_original_response=True, include_raw_response=True, include_raw_usage=True
    )
    assert json.loads(asked.original_response) == json.loads(asked.raw_response[0].data)
    assert (asked.raw_usage[0].provider_type, asked.raw_usage[0].api_type) == ("openai", "chat_completions")
    assert asked.raw_usage[0].data["prompt_tokens"] == 11


EXTRA = """
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "dummy"
model_name = "echo_injected_data"
extra_body = [{ pointer = "/who", value = "provider" }, { pointer = "/provider", value = 1 }]
extra_headers = [{ name = "X-Who", value = "provider" }]
[functions.f]
type = "chat"
[functions.f.variants.v]
type = "chat_completion"
model = "m"
extra_body = [{ pointer = "/who", value = "variant" }, { pointer = "/variant", value = 1 }]
"""


def test_what_is_injected_comes_from_variant_provider_and_call_in_this_order(build: Build) -> None:
    client = build(EXTRA)

    def injected(**arguments: Any) -> dict[str, Any]:
        return json.loads(client.inference(function_name="f", input=ASK, **arguments).content[0].text)

    assert injected() == {
        "injected_body": {"who": "provider", "variant": 1, "provider": 1},
        "injected_headers": [["x-who", "provider"]],
    }
    mine = injected(
        extra_body=[
            {"pointer": "/who", "value": "call"},
            {"pointer": "/variant", "delete": True},
            {"pointer": "/a~1b/c", "value": [1]},
            {"pointer": "/a~1b/c/-", "value": 2},
            {"pointer": "/nowhere/x", "delete": True},
        ],
        extra_headers=[{"name": "x-WHO", "value": "call"}],
    )
    assert mine["injected_body"] == {"who": "call", "provider": 1, "a/b": {"c": [1, 2]}}
    assert mine["injected_headers"] == [["x-who", "call"]]
    assert injected(extra_body=[{"variant_name": "v", "pointer": "/v", "value": 1}])["injected_body"]["v"] == 1


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [
        ("foo", "Pointer must start with '/'"),
        ("", "Pointer cannot be empty"),
        ("/messages/5/content", "Could not find array index 5 in target array (len 1)"),
        ("/model/x", 'Can only index into object or array - found target "echo"'),
        (
            "/new/0/x",
            (
                "TensorZero doesn't support pointing an index (0) if its container doesn't exist. We'd love to hear about your "
                "use case (& help)! Please open a GitHub Discussion: https://github.com/tensorzero/tensorzero/discussions/new"
            ),
        ),
    ],
)
def test_a_pointer_that_leads_nowhere_fails_the_provider(
    build: Build, models: Callable[..., str], pointer: str, reason: str
) -> None:
    found = failure(build(models("echo")), model_name="echo", extra_body=[{"pointer": pointer, "value": 1}])
    assert found[0] == 502
    assert found[1].endswith(f"p: Error replacing extra body: `{reason}` with pointer: `{pointer}`")


def test_a_row_says_of_which_model_and_provider_an_extra_body_was(build: Any, models: Callable[..., str], stored: Any) -> None:
    client = build(models("echo"), url=stored.url)
    entry = {"pointer": "/a", "value": 1}
    client.inference(model_name="echo", input=ASK, extra_body=[{**entry, "model_name": "echo"}, entry])
    (row,) = stored.rows(client, "ChatInference")
    assert json.loads(row["extra_body"]) == [{**entry, "model_name": "echo", "provider_name": None}, entry]
