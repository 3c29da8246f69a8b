"""`raw_response` and `raw_usage` of answers that several models had a part in: which entries, in which order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorzero.gateway.endpoints.usage import raw_response_entries, raw_usage_entries, total_usage
from tensorzero.gateway.providers.dummy import script
from tensorzero.gateway.values import ModelInference, ModelRequest, Usage, VariantResult
from tensorzero.gateway.variants.candidates import as_answer

RAW = {"include_raw_response": True, "include_raw_usage": True}
FAILURE = "dummy::error_with_raw_response"
BEST = """
[functions.f]
type = "chat"
[functions.f.variants]
a = { type = "chat_completion", model = "a" }
b = { type = "chat_completion", model = "dummy::b" }
[functions.f.variants.best]
type = "experimental_best_of_n_sampling"
candidates = ["a", "b"]
evaluator = { model = "JUDGE", retries = { num_retries = 1, max_delay_s = 0.0 } }
[models.a]
routing = ["broken", "good"]
providers.broken = { type = "dummy", model_name = "error_with_raw_response" }
providers.good = { type = "dummy", model_name = "a" }
"""


def inference(name: str, usage: Usage, raw_usage: Any = None) -> ModelInference:
    request = ModelRequest(None, (), {}, False)
    return ModelInference(name, name, "p", "openai", request, [], usage, None, "", name, 0, raw_usage)


def candidate(name: str) -> VariantResult:
    return VariantResult(name, [], [inference(name, Usage(1, 1))], None, {}, [], name)


@pytest.mark.parametrize(("chosen", "order"), [(0, "adbc"), (1, "badc"), (2, "cabd"), (3, "dabc")])
def test_the_last_candidate_stands_in_the_place_of_the_chosen_one(chosen: int, order: str) -> None:
    answer = as_answer("best", [candidate(name) for name in "abcd"], chosen)
    assert "".join(one.model_name for one in answer.model_inferences) == order


def test_a_provider_that_says_nothing_about_usage_has_no_entry() -> None:
    said = [inference("object", Usage(), {}), inference("tokens", Usage(3, 4)), inference("silent", Usage())]
    assert [entry.get("data") for entry in raw_usage_entries(said)] == [{}, None]


def test_embeddings_have_no_output_but_of_unknown_usage_that_is_unknown_too() -> None:
    answer, silent, said = (
        inference(name, usage) for name, usage in (("a", Usage(3, 4)), ("e", Usage()), ("e", Usage(2, None)))
    )
    silent.api_type = said.api_type = "embeddings"
    totals = [total_usage([one, answer]) for one in (silent, said)]
    assert [(total.input_tokens, total.output_tokens) for total in totals] == [(None, None), (5, 4)]


def test_failures_stand_before_the_answer_that_they_led_to() -> None:
    first, second = inference("first", Usage(1, 1)), inference("second", Usage(1, 1))
    second.failed = [{"data": "failure"}]
    assert [entry["data"] for entry in raw_response_entries([first, second])] == ["first", "failure", "second"]


def test_a_candidates_own_failures_stand_with_its_answer(build: Any) -> None:
    client = build(BEST.replace("JUDGE", "dummy::judge"))
    with script("judge", '{"answer_choice": 1}'), script("a", "from a"), script("b", "from b"):
        answer = client.inference(function_name="f", variant_name="best", input={}, **RAW)
    assert [entry.model_inference_id is None for entry in answer.raw_response] == [False, True, False, False]
    assert answer.content[0].text == "from b"


@pytest.mark.parametrize("stream", [False, True])
def test_of_an_evaluators_tries_only_the_last_is_shown(build: Any, stream: bool) -> None:
    client = build(BEST.replace("JUDGE", FAILURE).replace('["a", "b"]', '["b", "b"]'))
    with script("b", "from b"):
        answer = client.inference(function_name="f", variant_name="best", input={}, stream=stream, **RAW)
        parts = list(answer) if stream else [answer]
    entries = [entry for part in parts for entry in part.raw_response or ()]
    assert len([entry for entry in entries if entry.model_inference_id is None]) == 1


def test_a_stream_has_no_empty_lists_of_what_was_kept_before(build: Any, stored: Any) -> None:
    client = build(BEST.replace("JUDGE", "dummy::judge").replace('["a", "b"]', '["b", "b"]'), url=stored.url)
    ask = {"function_name": "f", "variant_name": "best", "input": {}, "cache_options": {"enabled": "on"}}
    with script("judge", '{"answer_choice": 1}', '{"answer_choice": 1}'), script("b", "from b", "from b"):
        client.inference(**ask)
        chunks = list(client.inference(**ask, stream=True, **RAW))
    assert [(chunk.raw_usage, chunk.raw_response) for chunk in chunks] == [(None, None)] * 2, json.dumps(str(chunks))
