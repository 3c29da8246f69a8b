"""JSON functions: what each mode asks upstream, what is answered and stored, plain and streamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tensorzero import TensorZeroError

ANSWER = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"], "additionalProperties": False}
OTHER = {"type": "object", "properties": {"other": {"type": "string"}}, "required": ["other"]}
FILES = {"out.json": json.dumps(ANSWER)}
ASK = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
MODES = ("off", "on", "strict", "tool")


def extract(model: str) -> str:
    variants = "\n".join(
        f'variants.{mode} = {{ type = "chat_completion", model = "{model}", json_mode = "{mode}" }}' for mode in MODES
    )
    return f'[functions.extract]\ntype = "json"\noutput_schema = "out.json"\n{variants}\n'


def dummy(name: str) -> str:
    return f'[models.m]\nrouting = ["d"]\nproviders.d = {{ type = "dummy", model_name = "{name}" }}\n' + extract("m")


def format_of(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "response", "strict": True, "schema": schema}}


def respond_with(schema: Any) -> dict[str, Any]:
    description = "Respond to the user using the output schema provided."
    function = {"name": "respond", "description": description, "parameters": schema}
    return {
        "tools": [{"type": "function", "function": function, "strict": False}],
        "tool_choice": {"type": "function", "function": {"name": "respond"}},
    }


def beyond_the_messages(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in ("messages", "model", "stream", "stream_options")}


ASKED = {
    "off": {},
    "on": {"response_format": {"type": "json_object"}},
    "strict": {"response_format": format_of(ANSWER)},
    "tool": respond_with(ANSWER),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_what_a_mode_asks(build: Any, models: Callable[..., str], mock_provider: Any, mode: str, stream: bool) -> None:
    client = build(models("json") + extract("json"), files=FILES)
    answer = client.inference(function_name="extract", variant_name=mode, input=ASK, stream=stream)
    raw = "".join(chunk.raw for chunk in answer) if stream else answer.output.raw
    assert raw == '{"answer":"Tokyo"}'
    (request,) = mock_provider.requests()
    assert beyond_the_messages(request["body"]) == ASKED[mode]
    line = [{"role": "system", "content": "Respond using JSON."}] if mode == "on" else []
    assert request["body"]["messages"] == [*line, {"role": "user", "content": "capital of Japan?"}]


@pytest.mark.parametrize("mode", MODES)
def test_the_call_chooses_mode_and_schema(
    build: Any, stored: Any, models: Callable[..., str], mock_provider: Any, mode: str
) -> None:
    client = build(models("json") + extract("json"), stored.url, files=FILES)
    answer = client.inference(
        function_name="extract",
        variant_name="strict",
        input=ASK,
        output_schema=OTHER,
        params={"chat_completion": {"json_mode": mode}},
    )
    assert (answer.output.raw, answer.output.parsed) == ('{"answer":"Tokyo"}', None)
    (request,) = mock_provider.requests()
    asked = {**ASKED, "strict": {"response_format": format_of(OTHER)}, "tool": respond_with(OTHER)}
    assert beyond_the_messages(request["body"]) == asked[mode]
    (row,) = stored.rows(client, "JsonInference")
    assert json.loads(row["output_schema"]) == OTHER
    assert json.loads(row["inference_params"]) == {"chat_completion": {"json_mode": mode}}


def test_an_answer_and_its_rows(build: Any, stored: Any, models: Callable[..., str]) -> None:
    client = build(models("json") + extract("json"), stored.url, files=FILES)
    answer = client.inference(function_name="extract", variant_name="strict", input=ASK, tags={"who": "me"})
    assert (answer.output.raw, answer.output.parsed) == ('{"answer":"Tokyo"}', {"answer": "Tokyo"})
    assert stored.rows(client, "ChatInference") == []
    (row,) = stored.rows(client, "JsonInference")
    assert row["id"] == answer.inference_id
    assert json.loads(row["output"]) == {"raw": '{"answer":"Tokyo"}', "parsed": {"answer": "Tokyo"}}
    assert json.loads(row["output_schema"]) == ANSWER
    assert (row["auxiliary_content"], row["inference_params"]) == ("[]", '{"chat_completion":{}}')
    assert row["tags"] == {"who": "me", "tensorzero::variant_pinned": "strict"}
    (inference,) = stored.rows(client, "ModelInference")
    assert json.loads(inference["output"]) == [{"type": "text", "text": '{"answer":"Tokyo"}'}]


def test_in_mode_tool_the_arguments_are_the_answer(build: Any, stored: Any, models: Callable[..., str]) -> None:
    client = build(models("tool") + extract("tool"), stored.url, files=FILES)
    answer = client.inference(function_name="extract", variant_name="tool", input=ASK)
    assert (answer.output.raw, answer.output.parsed) == ('{"location":"Tokyo"}', None)
    assert answer.finish_reason.value == "tool_call"
    chunks = list(client.inference(function_name="extract", variant_name="tool", input=ASK, stream=True))
    assert [chunk.raw for chunk in chunks] == ['{"location"', ':"Tokyo"}', ""]
    rows = stored.rows(client, "ModelInference")
    called = {"type": "tool_call", "id": "call_1", "name": "respond", "arguments": '{"location":"Tokyo"}'}
    outputs = [json.loads(row["output"]) for row in rows]
    assert [called] in outputs
    assert [{"type": "text", "text": '{"location":"Tokyo"}'}] in outputs


def test_thoughts_are_stored_and_not_answered(build: Any, stored: Any) -> None:
    client = build(dummy("json_reasoner"), stored.url, files=FILES)
    answer = client.inference(function_name="extract", variant_name="off", input=ASK)
    assert answer.output.parsed == {"answer": "Hello"}
    (row,) = stored.rows(client, "JsonInference")
    assert json.loads(row["auxiliary_content"]) == [{"type": "thought", "text": "hmmm"}]


def test_a_stream_gives_text_and_stores_the_output(build: Any, stored: Any) -> None:
    client = build(dummy("json_reasoner"), stored.url, files=FILES)
    chunks = list(client.inference(function_name="extract", variant_name="off", input=ASK, stream=True))
    assert [chunk.raw for chunk in chunks] == ['{"name"', ':"John"', ',"age"', ":30", "}", ""]
    assert chunks[-1].usage is not None
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * 5
    (row,) = stored.rows(client, "JsonInference")
    assert json.loads(row["output"]) == {"raw": '{"name":"John","age":30}', "parsed": None}
    assert json.loads(row["auxiliary_content"]) == [{"type": "thought", "text": "hmmmhmmm"}]
    assert row["ttft_ms"] is not None


def test_a_streams_empty_pieces_are_shown_only_with_their_raw_events(build: Any, models: Callable[..., str]) -> None:
    client = build(models("json") + extract("json"), files=FILES)
    ask = {"function_name": "extract", "variant_name": "off", "input": ASK, "stream": True}
    assert [chunk.raw for chunk in client.inference(**ask)] == ['{"answer":"Tokyo"}', ""]
    raw = list(client.inference(**ask, include_raw_response=True))
    assert [chunk.raw for chunk in raw] == ["", '{"answer":"Tokyo"}', "", "", ""]


def test_a_function_without_a_schema_takes_any_json(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    toml = '[functions.any]\ntype = "json"\nvariants.v = { type = "chat_completion", model = "json", json_mode = "strict" }\n'
    answer = build(models("json") + toml).inference(function_name="any", input=ASK)
    assert answer.output.parsed == {"answer": "Tokyo"}
    assert mock_provider.requests()[0]["body"]["response_format"] == format_of({})


def test_a_schema_that_does_not_compile_is_sent_and_fits_nothing(build: Any, models: Callable[..., str]) -> None:
    client = build(models("json") + extract("json"), files=FILES)
    answer = client.inference(function_name="extract", variant_name="strict", input=ASK, output_schema={"type": "zz"})
    assert (answer.output.raw, answer.output.parsed) == ('{"answer":"Tokyo"}', None)


@pytest.mark.parametrize(
    ("mode", "schema", "asked"),
    [
        ("on", None, {"response_format": {"type": "json_object"}}),
        ("strict", None, {"response_format": {"type": "json_object"}}),
        ("strict", OTHER, {"response_format": format_of(OTHER)}),
        ("off", OTHER, {}),
        ("tool", OTHER, respond_with(OTHER)),
    ],
)
def test_chat_functions_have_modes_by_call(
    build: Any, stored: Any, models: Callable[..., str], mock_provider: Any, mode: str, schema: Any, asked: Any
) -> None:
    client = build(models("json"), stored.url)
    params = {"chat_completion": {"json_mode": mode}}
    answer = client.inference(model_name="json", input=ASK, params=params, output_schema=schema)
    assert answer.content[0].text == '{"answer":"Tokyo"}'
    assert beyond_the_messages(mock_provider.requests()[0]["body"]) == asked
    (row,) = stored.rows(client, "ChatInference")
    assert (row["tool_params"], row["tool_choice"]) == ("", None)


def test_in_mode_tool_of_a_chat_function_a_call_is_text(build: Any, stored: Any, models: Callable[..., str]) -> None:
    client = build(models("tool"), stored.url)
    ask = {
        "model_name": "tool",
        "input": ASK,
        "params": {"chat_completion": {"json_mode": "tool"}},
        "output_schema": OTHER,
    }
    (block,) = client.inference(**ask).content
    assert (block.type, block.text) == ("text", '{"location":"Tokyo"}')
    pieces = [block for chunk in client.inference(**ask, stream=True) for block in chunk.content]
    assert [(piece.type, piece.id, piece.text) for piece in pieces] == [
        ("text", "call_1", ""),
        ("text", "call_1", '{"location"'),
        ("text", "call_1", ':"Tokyo"}'),
    ]
    rows = stored.rows(client, "ChatInference")
    assert [json.loads(row["output"]) for row in rows] == [[{"type": "text", "text": '{"location":"Tokyo"}'}]] * 2


def test_mode_tool_of_a_chat_function_needs_a_schema(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    with pytest.raises(TensorZeroError, match="JSON mode `tool` requires `output_schema`") as caught:
        build(models("json")).inference(model_name="json", input=ASK, params={"chat_completion": {"json_mode": "tool"}})
    assert caught.value.status_code == 400
    assert mock_provider.requests() == []


def test_tools_are_refused(build: Any) -> None:
    client = build(dummy("json"), files=FILES)
    with pytest.raises(TensorZeroError, match="Cannot pass `tool_choice` to a JSON function"):
        client.inference(function_name="extract", input=ASK, tool_choice="auto")
