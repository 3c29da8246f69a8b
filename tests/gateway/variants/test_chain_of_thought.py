"""Chain of thought: the answer is unwrapped, the thinking kept beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tensorzero import TensorZeroError
from tensorzero.gateway.providers.dummy import script

ASK = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
FILES = {"out.json": json.dumps(SCHEMA)}


def function(model: str, mode: str) -> str:
    return (
        '[functions.f]\ntype = "json"\noutput_schema = "out.json"\n'
        f'variants.cot = {{ type = "experimental_chain_of_thought", model = "{model}", json_mode = "{mode}" }}\n'
    )


def test_the_schema_is_wrapped(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    build(models("json") + function("json", "strict"), files=FILES).inference(function_name="f", input=ASK)
    (request,) = mock_provider.requests()
    schema = request["body"]["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["thinking", "response"]
    assert schema["properties"]["response"] == SCHEMA
    assert schema["required"] == ["thinking", "response"]
    assert schema["additionalProperties"] is False


def test_the_response_is_the_output_and_the_thinking_is_kept(build: Any, stored: Any) -> None:
    client = build(function("dummy::json_cot", "off"), url=stored.url, files=FILES)
    answer = client.inference(function_name="f", input=ASK)
    assert answer.output.parsed == {"answer": "tokyo!"}
    assert answer.output.raw == '{"answer":"tokyo!"}'
    (row,) = stored.rows(client, "JsonInference")
    assert json.loads(row["auxiliary_content"]) == [{"type": "thought", "text": "hmmm"}]
    assert json.loads(row["output_schema"]) == SCHEMA
    (model,) = stored.rows(client, "ModelInference")
    assert "thinking" in model["output"]


@pytest.mark.parametrize("said", ["prose", '{"answer":"Tokyo"}', '{"thinking":"hm","response":{"answer":5}}'])
def test_an_answer_that_does_not_fit_stays_as_it_is(build: Any, said: str) -> None:
    client = build(function("dummy::cot", "off"), files=FILES)
    with script("cot", said):
        answer = client.inference(function_name="f", input=ASK)
    assert (answer.output.raw, answer.output.parsed) == (said, None)


def test_the_calls_own_schema_is_wrapped_too(build: Any) -> None:
    client = build(function("dummy::cot", "off"), files=FILES)
    schema = {"type": "object", "required": ["city"]}
    with script("cot", '{"thinking":"hm","response":{"city":"Kyoto"}}'):
        answer = client.inference(function_name="f", input=ASK, output_schema=schema)
    assert answer.output.parsed == {"city": "Kyoto"}


def test_it_does_not_stream(build: Any) -> None:
    client = build(function("dummy::json_cot", "off"), files=FILES)
    with pytest.raises(TensorZeroError, match="Unsupported variant for streaming inference of type chain_of_thought"):
        client.inference(function_name="f", input=ASK, stream=True)
