"""Best-of-n: who answers, who judges, and what is left when somebody fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroError
from tensorzero.gateway.providers.dummy import script

ASK = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
RAW = {"include_raw_response": True, "include_raw_usage": True, "include_original_response": True}
SECOND = '{"thinking": "b is better", "answer_choice": 1}'


def function(candidates: list[str], judge: str = "dummy::judge", kind: str = "chat", more: str = "") -> str:
    mode = ', json_mode = "off"' if kind == "json" else ""
    variants = "\n".join(
        f'variants."{name}" = {{ type = "chat_completion", model = "dummy::{name}"{mode} }}' for name in sorted(set(candidates))
    )
    return (
        f'[functions.f]\ntype = "{kind}"\n{more}\n{variants}\n'
        f'[functions.f.variants.best]\ntype = "experimental_best_of_n_sampling"\ncandidates = {json.dumps(candidates)}\n'
        f'evaluator = {{ model = "{judge}" }}\n'
    )


def ask(client: Any, **options: Any) -> Any:
    return client.inference(function_name="f", variant_name="best", input=ASK, **options)


def of_mock(model: str, count: int, judge: str) -> str:
    """`count` times the same candidate."""
    return (
        f'[functions.f]\ntype = "chat"\nvariants.c = {{ type = "chat_completion", model = "{model}" }}\n'
        f'[functions.f.variants.best]\ntype = "experimental_best_of_n_sampling"\ncandidates = {json.dumps(["c"] * count)}\n'
        f'evaluator = {{ model = "{judge}" }}\n'
    )


def text(answer: Any) -> str:
    return answer.content[0].text


def test_the_evaluators_choice_is_the_answer(build: Any, stored: Any) -> None:
    client = build(function(["a", "b"]), url=stored.url)
    with script("a", "from a"), script("b", "from b"), script("judge", SECOND):
        answer = ask(client, **RAW)
    assert text(answer) == "from b"
    assert answer.variant_name == "best"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (30, 3)
    assert len(answer.raw_usage) == len(answer.raw_response) == 3
    rows = stored.rows(client, "ModelInference")
    assert {row["variant_name"] for row in rows} == {"best"}
    outputs = [json.loads(row["output"])[0]["text"] for row in rows]
    assert sorted(outputs) == sorted(["from a", "from b", SECOND])
    (row,) = stored.rows(client, "ChatInference")
    assert json.loads(row["output"]) == [{"type": "text", "text": "from b"}]


def test_what_the_evaluator_is_asked(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    client = build(models("judge") + function(["a", "b"], "judge"))
    with script("a", "from a"), script("b", "from b"):
        client.inference(
            function_name="f",
            variant_name="best",
            input={"system": "Be brief.", **ASK},
            params={"chat_completion": {"temperature": 0.5}},
            extra_headers=[{"name": "x-a", "value": "1"}],
        )
    (request,) = mock_provider.requests()
    system, question, candidates = request["body"]["messages"]
    assert "problem:\n------\nBe brief.\n------\n" in system["content"]
    assert '"answer_choice": int  // Range: 0 to 1\n' in system["content"]
    assert question == {"role": "user", "content": "capital of Japan?"}
    assert candidates["content"] == (
        "Here are the candidate answers (with the index and a row of ------ separating):\n"
        '0: [{"type":"text","text":"from a"}]\n------\n1: [{"type":"text","text":"from b"}]\n------\n'
        "Please evaluate these candidates and provide the index of the best one."
    )
    schema = request["body"]["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["thinking", "answer_choice"]
    assert "temperature" not in request["body"]
    assert "x-a" not in request["headers"]


def test_candidates_do_without_the_calls_parameters(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    toml = models("c") + '[functions.f]\ntype = "chat"\nvariants.c = { type = "chat_completion", model = "c", seed = 7 }\n'
    toml += 'variants.best = { type = "experimental_best_of_n_sampling", candidates = ["c"], evaluator = { model = "c" } }\n'
    ask(build(toml), params={"chat_completion": {"seed": 8, "max_tokens": 5}})
    (request,) = mock_provider.requests()
    assert request["body"]["seed"] == 7
    assert "max_completion_tokens" not in request["body"]


def test_a_candidate_that_stands_alone_needs_no_evaluator(build: Any) -> None:
    client = build(function(["error_a", "b"]))
    with script("b", "from b"):
        answer = ask(client, **RAW)
    assert text(answer) == "from b"
    assert answer.usage.input_tokens == 10
    assert answer.original_response is not None


def test_all_candidates_failed(build: Any) -> None:
    with pytest.raises(TensorZeroError) as caught:
        ask(build(function(["error_a", "error_b"])))
    assert caught.value.status_code == 502
    message = json.loads(str(caught.value.text))["error"]
    assert message.startswith("All candidates failed with errors: candidates[0] (error_a): All model providers failed")
    assert "\ncandidates[1] (error_b): All model providers failed" in message


@pytest.mark.parametrize(
    "verdict",
    ["no JSON", "[1]", '{"answer_choice": 2}', '{"answer_choice": -1}', '{"answer_choice": true}', '{"answer_choice": "1"}'],
)
def test_a_verdict_that_means_nothing_leaves_it_to_chance(build: Any, verdict: str) -> None:
    client = build(function(["a", "b"]))
    with script("a", "from a"), script("b", "from b"), script("judge", verdict):
        answers = {text(ask(client)) for _ in range(40)}
        answer = ask(client, **RAW)
    assert answers == {"from a", "from b"}
    assert answer.usage.input_tokens == 30
    assert answer.original_response is not None


def test_an_evaluator_that_fails_leaves_it_to_chance(build: Any) -> None:
    client = build(function(["a", "b"], "dummy::error_with_raw_response"))
    with script("a", "from a"), script("b", "from b"):
        answers = {text(ask(client)) for _ in range(40)}
        answer = ask(client, **RAW)
    assert answers == {"from a", "from b"}
    assert answer.usage.input_tokens == 20
    assert answer.original_response is None
    assert [entry.model_inference_id is None for entry in answer.raw_response] == [True, False, False]
    assert answer.raw_response[0].data == "dummy error raw response"


def test_extra_body_of_the_call_keeps_the_evaluator_out(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    client = build(models("c", "judge") + of_mock("c", 2, "judge"))
    ask(client, extra_body=[{"pointer": "/user", "value": "me"}])
    assert [(request["body"]["model"], request["body"]["user"]) for request in mock_provider.requests()] == [("c", "me")] * 2


def test_json_candidates_that_do_not_fit_are_not_shown(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    toml = models("judge") + function(["a", "b", "c"], "judge", "json", 'output_schema = "out.json"')
    client = build(toml, files={"out.json": json.dumps(SCHEMA)})
    good = '{"answer": "%s"}'
    with script("a", good % "a"), script("b", "prose"), script("c", good % "c"):
        answer = ask(client)
    assert answer.output.parsed in ({"answer": "a"}, {"answer": "c"}, None)
    shown = mock_provider.requests()[0]["body"]["messages"][-1]["content"]
    assert '0: {"answer": "a"}\n------\n1: {"answer": "c"}\n------\n' in shown
    assert "Range: 0 to 1" in mock_provider.requests()[0]["body"]["messages"][0]["content"]


def test_the_choice_among_shown_json_candidates_is_mapped_back(build: Any) -> None:
    toml = function(["a", "b", "c"], kind="json", more='output_schema = "out.json"')
    client = build(toml, files={"out.json": json.dumps(SCHEMA)})
    with script("a", '{"answer": "a"}'), script("b", "prose"), script("c", '{"answer": "c"}'), script("judge", SECOND):
        assert ask(client).output.parsed == {"answer": "c"}
    with script("a", "prose"), script("b", "prose"), script("c", '{"answer": "c"}'), script("judge", SECOND):
        answer = ask(client, **RAW)
    assert answer.output.parsed == {"answer": "c"}
    assert answer.usage.input_tokens == 30  # nobody was left to judge
    assert answer.original_response is None


def test_a_streamed_call_gets_the_winner_in_one_chunk(build: Any, stored: Any) -> None:
    client = build(function(["a", "b"]), url=stored.url)
    with script("a", "from a"), script("b", "from b"), script("judge", SECOND):
        chunk, last = ask(client, stream=True)
    assert [(block.type, block.id, block.text) for block in chunk.content] == [("text", "0", "from b")]
    assert chunk.usage is None
    assert last.content == []
    assert last.usage.input_tokens == 30
    assert last.finish_reason == "stop"
    assert len(stored.rows(client, "ModelInference")) == 3
    (row,) = stored.rows(client, "ChatInference")
    assert row["variant_name"] == "best"
    assert row["ttft_ms"] is not None


def test_what_comes_before_the_winners_chunk(build: Any) -> None:
    client = build(function(["error_with_raw_response", "a", "b"]))
    with script("a", "from a"), script("b", "from b"), script("judge", SECOND):
        usage, failed, others, chunk, _ = ask(client, stream=True, include_raw_usage=True, include_raw_response=True)
    assert len(usage.raw_usage) == 2
    assert [entry.data for entry in failed.raw_response] == ["dummy error raw response"]
    assert len(others.raw_response) == 2
    assert len(chunk.raw_usage) == 1


def test_a_stream_can_be_stopped_before_its_end(build: Any, stored: Any) -> None:
    client = build(function(["a", "b"]), url=stored.url)
    with script("a", "from a"), script("b", "from b"), script("judge", SECOND):
        stream = ask(client, stream=True)
        next(stream)
        stream.stop()
    assert list(stream) == []
    (row,) = stored.rows(client, "ChatInference")
    assert row["tags"] == {"tensorzero::variant_pinned": "best", "stopped": "true"}


def test_a_candidates_own_time_limit_counts(build: Any) -> None:
    limited = 'variants."slow" = { timeouts.non_streaming.total_ms = 50, '
    client = build(function(["slow", "b"]).replace('variants."slow" = { ', limited))
    with script("b", "from b"):
        assert text(ask(client)) == "from b"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_candidates_answer_at_the_same_time(
    build: Any, models: Callable[..., str], config_dir: Callable[..., Path], asynchronous: bool
) -> None:
    toml = models("together-4", "judge") + of_mock("together-4", 4, "judge")

    async def later() -> Any:
        building: Any = AsyncTensorZeroGateway.build_embedded(config_file=str(config_dir(toml)))
        async with await building as client:
            return await client.inference(function_name="f", variant_name="best", input=ASK)

    client = None if asynchronous else build(toml)
    answer = asyncio.run(later()) if client is None else ask(client)
    assert answer.usage.input_tokens == 55


def test_equal_candidates_do_not_share_a_cached_answer(build: Any, stored: Any) -> None:
    client = build(of_mock("dummy::random_answer", 2, "dummy::best_of_n_1"), url=stored.url)
    first = ask(client, cache_options={"enabled": "on"})
    again = ask(client, cache_options={"enabled": "on"})
    assert text(first) == text(again)
    assert again.usage.input_tokens == 0
    outputs = [row["output"] for row in stored.rows(client, "ModelInference") if row["model_name"] == "dummy::random_answer"]
    assert len(set(outputs)) == 2
    assert len(outputs) == 4


def test_a_candidate_may_be_best_of_n_itself(build: Any) -> None:
    toml = function(["a", "b"]) + '[functions.f.variants.outer]\ntype = "experimental_best_of_n_sampling"\n'
    toml += 'candidates = ["a", "best"]\nevaluator = { model = "dummy::judge" }\n'
    with script("a", "from a"), script("b", "from b"), script("judge", SECOND):
        answer = build(toml).inference(function_name="f", variant_name="outer", input=ASK)
    assert text(answer) == "from b"
    assert answer.variant_name == "outer"
    assert answer.usage.input_tokens == 50
