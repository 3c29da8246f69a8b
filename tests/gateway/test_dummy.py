"""The provider that needs no key: what each name answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.gateway.providers.dummy import Scripted, script

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "first"}, {"role": "user", "content": "capital of Japan?"}]}
TEXT = (
    "Megumin gleefully chanted her spell, unleashing a thunderous explosion that lit up the sky "
    "and left a massive crater in its wake."
)
Build = Callable[..., TensorZeroGateway]


@pytest.mark.parametrize(
    ("name", "text", "tokens", "finish"),
    [
        ("good", TEXT, (10, 1), "stop"),
        ("anything else", TEXT, (10, 1), "stop"),
        ("alternate", "Megumin chanted her spell, but instead of an explosion, a gentle rain began to fall.", (10, 1), "stop"),
        ("empty", "", (10, 1), "stop"),
        ("echo", "capital of Japan?", (10, 1), "stop"),
        ("json", '{"answer":"Hello"}', (10, 1), "stop"),
        ("mytool", TEXT, (10, 1), "tool_call"),
        ("input_tokens_zero", TEXT, (0, 1), "stop"),
        ("output_tokens_zero", TEXT, (10, 0), "stop"),
        ("input_five_output_six", TEXT, (5, 6), "stop"),
        ("best_of_n_1", '{"thinking": "hmmm", "answer_choice": 1}', (10, 1), "stop"),
        ("llm_judge::true", '{"score": true}', (10, 1), "stop"),
    ],
)
def test_a_name_has_its_answer(build: Build, name: str, text: str, tokens: tuple[int, int], finish: str) -> None:
    answer = build().inference(model_name=f"dummy::{name}", input=ASK)
    assert answer.content[0].text == text
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == tokens
    assert answer.finish_reason.value == finish


def test_null_has_no_content_and_a_reasoner_thinks_first(build: Build) -> None:
    assert build().inference(model_name="dummy::null", input=ASK).content == []
    answer = build().inference(model_name="dummy::reasoner", input=ASK)
    assert [block.type for block in answer.content] == ["thought", "text"]
    assert answer.usage.output_tokens == 2


def test_flaky_models_fail_every_second_call(build: Build) -> None:
    client = build()
    for number in (1, 3):
        client.inference(model_name="dummy::flaky_of_this_test", input=ASK)
        with pytest.raises(TensorZeroError) as caught:
            client.inference(model_name="dummy::flaky_of_this_test", input=ASK)
        assert f"Flaky model 'flaky_of_this_test' failed on call number {number + 1}" in caught.value.text


def test_a_key_is_checked_where_one_is_configured(build: Build) -> None:
    provider = '{ type = "dummy", model_name = "test_key", api_key_location = "dynamic::k" }'
    client = build(f'[models.m]\nrouting = ["p"]\nproviders.p = {provider}\n')
    assert client.inference(model_name="m", input=ASK, credentials={"k": "good_key"}).content
    with pytest.raises(TensorZeroError) as caught:
        client.inference(model_name="m", input=ASK, credentials={"k": "bad"})
    assert "Error from dummy client: Invalid API key for Dummy provider" in json.loads(caught.value.text)["error"]
    with pytest.raises(TensorZeroError) as caught:
        client.inference(model_name="m", input=ASK)
    assert "API key missing for provider Dummy: Dynamic api key `k` is missing" in caught.value.text


def test_scripted_replies_come_in_turn_and_the_last_for_ever(build: Build) -> None:
    client = build()

    def said(stream: bool = False) -> str:
        answer = client.inference(model_name="dummy::mine", input=ASK, stream=stream)
        return "".join(b.text for c in answer for b in c.content) if stream else answer.content[0].text

    with script("mine", "one", Scripted(("t", "wo")), Scripted(error="broken"), "last"):
        assert said() == "one"
        assert said(stream=True) == "two"
        with pytest.raises(TensorZeroError, match="broken"):
            said()
        assert [said(), said(stream=True), said()] == ["last"] * 3
    assert said() == TEXT


def test_flaky_models_of_that_name_run_into_a_rate_limit_unless_they_stream(build: Build) -> None:
    client = build()
    client.inference(model_name="dummy::flaky_rate_limit_here", input=ASK)
    with pytest.raises(TensorZeroError) as caught:
        client.inference(model_name="dummy::flaky_rate_limit_here", input=ASK)
    assert caught.value.status_code == 429
    assert "rate limit exceeded for `token` resource" in caught.value.text
    client.inference(model_name="dummy::flaky_rate_limit_here", input=ASK)
    with pytest.raises(TensorZeroError) as caught:
        client.inference(model_name="dummy::flaky_rate_limit_here", input=ASK, stream=True)
    assert "failed on call number 4" in caught.value.text


@pytest.mark.parametrize("mime_type", ["application/pdf", "image/png"])
def test_a_model_that_requires_a_pdf(build: Build, mime_type: str) -> None:
    client = build('[object_storage]\ntype = "disabled"\n')
    file = {"type": "file", "file_type": "base64", "mime_type": mime_type, "data": "aGVsbG8="}
    asked: Any = {"messages": [{"role": "user", "content": [file]}]}
    if mime_type == "application/pdf":
        (text,) = client.inference(model_name="dummy::require_pdf", input=asked).content
        assert [one["mime_type"] for one in json.loads(text.text)] == [mime_type]
        return
    with pytest.raises(TensorZeroError, match="PDF must be provided for require_pdf model"):
        client.inference(model_name="dummy::require_pdf", input=asked)
