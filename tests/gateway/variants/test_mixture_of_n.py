"""Mixture-of-n: several candidates, one answer made of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroError
from tensorzero.gateway.providers.dummy import Scripted, script

ASK = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
RAW = {"include_raw_response": True, "include_raw_usage": True, "include_original_response": True}


def function(candidates: list[str], fuser: str = "dummy::fuser", kind: str = "chat", more: str = "") -> str:
    mode = ', json_mode = "off"' if kind == "json" else ""
    variants = "\n".join(
        f'variants."{name}" = {{ type = "chat_completion", model = "dummy::{name}"{mode} }}' for name in sorted(set(candidates))
    )
    return (
        f'[functions.f]\ntype = "{kind}"\n{more}\n{variants}\n'
        f'[functions.f.variants.mix]\ntype = "experimental_mixture_of_n"\ncandidates = {json.dumps(candidates)}\n'
        f'fuser = {{ model = "{fuser}", temperature = 0.5{mode} }}\n'
    )


def ask(client: Any, **options: Any) -> Any:
    return client.inference(function_name="f", variant_name="mix", input=ASK, **options)


def text(answer: Any) -> str:
    return answer.content[0].text


def test_the_fusers_answer_is_the_answer(build: Any, stored: Any) -> None:
    client = build(function(["a", "b"]), url=stored.url)
    with script("a", "from a"), script("b", "from b"), script("fuser", "from both"):
        answer = ask(client, **RAW)
    assert text(answer) == "from both"
    assert answer.variant_name == "mix"
    assert answer.usage.input_tokens == 30
    assert len(answer.raw_response) == 3
    rows = stored.rows(client, "ModelInference")
    assert sorted(row["model_name"] for row in rows) == ["dummy::a", "dummy::b", "dummy::fuser"]
    (row,) = stored.rows(client, "ChatInference")
    assert json.loads(row["output"])[0]["text"] == "from both"


def test_what_the_fuser_is_asked(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    client = build(models("echo") + function(["a", "b"], "echo"))
    with script("a", "from a"), script("b", "from b"):
        client.inference(
            function_name="f",
            variant_name="mix",
            input={"system": "Be brief.", **ASK},
            params={"chat_completion": {"temperature": 0.9, "max_tokens": 5}},
            extra_headers=[{"name": "x-a", "value": "1"}],
        )
    (request,) = mock_provider.requests()
    system, question, candidates = request["body"]["messages"]
    assert "following problem:\n------\nBe brief.\n------\nYour task is to synthesize" in system["content"]
    assert question["content"] == "capital of Japan?"
    assert candidates["content"].endswith(
        '0:\n[{"type":"text","text":"from a"}]\n------\n1:\n[{"type":"text","text":"from b"}]\n------'
    )
    assert request["body"]["temperature"] == 0.5
    assert "max_completion_tokens" not in request["body"]
    assert request["headers"]["x-a"] == "1"


def test_the_fuser_streams_after_the_candidates(build: Any, stored: Any) -> None:
    client = build(function(["error_with_raw_response", "a", "b"]), url=stored.url)
    with script("a", "from a"), script("b", "from b"), script("fuser", Scripted(("from ", "both"))):
        usage, before, *chunks, last = ask(client, stream=True, include_raw_usage=True, include_raw_response=True)
    assert len(usage.raw_usage) == 2
    assert before.raw_response[0].data == "dummy error raw response"
    assert len(before.raw_response) == 3
    assert "".join(block.text for chunk in chunks for block in chunk.content) == "from both"
    assert (last.usage.input_tokens, last.usage.output_tokens) == (30, 4)
    assert len(stored.rows(client, "ModelInference")) == 3
    (row,) = stored.rows(client, "ChatInference")
    assert json.loads(row["inference_params"]) == {"chat_completion": {"temperature": 0.5}}


@pytest.mark.parametrize("stream", [False, True])
def test_a_fuser_that_fails_leaves_it_to_chance(build: Any, stored: Any, stream: bool) -> None:
    client = build(function(["a", "b"], "dummy::error"), url=stored.url)

    def said() -> str:
        answer = ask(client, stream=stream)
        return text(next(iter(answer)) if stream else answer)

    with script("a", "from a"), script("b", "from b"):
        assert {said() for _ in range(40)} == {"from a", "from b"}


def test_a_fuser_that_failed_says_nothing_as_the_original_response(build: Any) -> None:
    client = build(function(["a", "b"], "dummy::error_with_raw_response"))
    answer = ask(client, **RAW)
    assert answer.original_response is None
    assert answer.usage.input_tokens == 20
    assert answer.raw_response[0].data == "dummy error raw response"
    usage, failed, others, _, last = ask(client, stream=True, include_raw_usage=True, include_raw_response=True)
    assert len(usage.raw_usage) == 1
    assert [entry.data for entry in failed.raw_response] == ["dummy error raw response"]
    assert len(others.raw_response) == 1
    assert last.usage.input_tokens == 20


@pytest.mark.parametrize("stream", [False, True])
def test_a_candidate_that_stands_alone_needs_no_fuser(build: Any, stream: bool) -> None:
    client = build(function(["error", "b"], "dummy::error"))
    with script("b", "from b"):
        answer = ask(client, stream=stream)
        if stream:
            answer, last = answer
            assert last.usage.input_tokens == 10
    assert text(answer) == "from b"


@pytest.mark.parametrize("stream", [False, True])
def test_all_candidates_failed(build: Any, stream: bool) -> None:
    with pytest.raises(TensorZeroError, match=r"All candidates failed with errors: candidates\[0\] \(error\)") as caught:
        ask(build(function(["error", "error_b"])), stream=stream)
    assert caught.value.status_code == 502


def test_json_candidates_that_do_not_fit_are_not_fused(build: Any) -> None:
    client = build(function(["a", "b"], kind="json", more='output_schema = "out.json"'), files={"out.json": json.dumps(SCHEMA)})
    with script("a", "prose"), script("b", '{"answer": "b"}'), script("fuser", '{"answer": "fused"}'):
        answer = ask(client)
        assert answer.output.parsed == {"answer": "fused"}
        assert answer.usage.input_tokens == 30
        chunks = list(ask(client, stream=True))
        assert "".join(chunk.raw for chunk in chunks) == '{"answer": "fused"}'
    with script("a", "prose"), script("b", "prose"), script("fuser", '{"answer": "fused"}'):
        answer = ask(client)
        assert answer.output.raw == "prose"
        assert answer.usage.input_tokens == 20


def test_extra_body_of_the_call_keeps_the_fuser_out(build: Any) -> None:
    client = build(function(["a", "b"]))
    with script("a", "from a"), script("b", "from b"), script("fuser", "from both"):
        answer = ask(client, extra_body=[{"pointer": "/user", "value": "me"}])
    assert text(answer) in ("from a", "from b")


def test_tools_go_to_candidates_and_fuser(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    toml = models("tool", "echo") + '[tools.look]\ndescription = "d"\nparameters = "tool.json"\n[functions.f]\ntype = "chat"\n'
    toml += 'tools = ["look"]\nvariants.a = { type = "chat_completion", model = "tool" }\n[functions.f.variants.mix]\n'
    toml += 'type = "experimental_mixture_of_n"\ncandidates = ["a", "a"]\nfuser = { model = "echo" }\n'
    ask(build(toml, files={"tool.json": '{"type": "object"}'}))
    bodies = [request["body"] for request in mock_provider.requests()]
    assert [[tool["function"]["name"] for tool in body["tools"]] for body in bodies] == [["look"]] * 3
    assert (
        '0:\n[{"type":"tool_call","id":"call_1","raw_name":"look","raw_arguments":"{\\"location\\":\\"Tokyo\\"}",'
        '"name":"look","arguments":{"location":"Tokyo"}}]\n------\n'
    ) in bodies[-1]["messages"][-1]["content"]


def test_an_asyncio_caller_gets_the_same_streams(config_dir: Callable[..., Path]) -> None:
    toml = function(["a", "b"])
    toml += '[functions.f.variants.best]\ntype = "experimental_best_of_n_sampling"\ncandidates = ["a", "b"]\n'
    toml += 'evaluator = { model = "dummy::best_of_n_1" }\n'

    async def read(variant: str) -> str:
        building: Any = AsyncTensorZeroGateway.build_embedded(config_file=str(config_dir(toml)))
        async with await building as client:
            stream: Any = await client.inference(function_name="f", variant_name=variant, input=ASK, stream=True)
            return "".join([block.text async for chunk in stream for block in chunk.content])

    with script("a", "from a"), script("b", "from b"), script("fuser", "from both"):
        assert asyncio.run(read("mix")) == "from both"
        assert asyncio.run(read("best")) == "from b"
