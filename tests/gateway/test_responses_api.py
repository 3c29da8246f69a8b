"""`api_type = "responses"`: requests, answers, streams and rows, each as recorded from the original 2026.6.0."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_upstream import ScriptedUpstream, answer_with, stream_of

from tensorzero import TensorZeroError, TensorZeroGateway

Build = Callable[..., TensorZeroGateway]
Case = dict[str, Any]
DATA = Path(__file__).parent / "data"
CASES: list[Case] = json.loads((DATA / "responses.json").read_text(encoding="utf-8"))
TOML = (DATA / "responses.toml").read_text(encoding="utf-8")
PLACE = {
    "type": "object",
    "properties": {"location": {"type": "string"}},
    "required": ["location"],
    "additionalProperties": False,
}
DRAFT = "http://json-schema.org/draft-07/schema#"
ZONE = {"$schema": DRAFT, "type": "object", "properties": {"zone": {"type": "string"}}}
OUT = {
    "$schema": DRAFT,
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}
FILES = {"weather.json": json.dumps(PLACE), "time.json": json.dumps(ZONE), "out.json": json.dumps(OUT)}
ASK = {"messages": [{"role": "user", "content": "Hi"}]}
MESSAGE = '{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hello"}]}'
ANSWER = f'{{"output":[{MESSAGE}]}}'
DELTA = '{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"a"}'
END = '{"type":"response.completed","response":{}}'
ITS_OWN = ("inference_id", "episode_id", "variant_name", "model_inference_id")


def cases(kind: str) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES if case["kind"] == kind])


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedUpstream]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    running = ScriptedUpstream()
    yield running
    running.close()


@pytest.fixture
def client(build: Build, upstream: ScriptedUpstream) -> TensorZeroGateway:
    return build(TOML.replace("URL", upstream.url), files=FILES)


def script(case: Case) -> list[dict[str, Any]]:
    reply = case.get("reply", ANSWER)
    return answer_with(reply) if isinstance(reply, str) else stream_of(*(text_of(event) for event in reply))


def text_of(event: Any) -> str:
    return event if isinstance(event, str) else json.dumps(event)


def ask(client: TensorZeroGateway, case: Case) -> Any:
    arguments = {"input": ASK, **case["arguments"]}
    extra = [*arguments.pop("extra_body", ()), *script(case)]
    found = client.inference(**arguments, extra_body=extra, stream=case["kind"] == "stream")
    return list(steps(found)) if case["kind"] == "stream" else found


def steps(stream: Any) -> Iterator[Any]:
    """Chunks, and errors in their places."""
    while True:
        try:
            yield next(stream)
        except StopIteration:
            return
        except TensorZeroError as error:
            yield {"raised": "TensorZeroError", "text": error.text}


def plain(value: Any) -> Any:
    """As recorded: dataclasses by name, without ids and without what is None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"__type__": type(value).__name__, **{k: v for k, v in named.items() if k not in ITS_OWN and v is not None}}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if v is not None}
    return [plain(one) for one in value] if isinstance(value, list) else value


@cases("request")
def test_a_request_is_byte_for_byte_the_originals(client: TensorZeroGateway, upstream: ScriptedUpstream, case: Case) -> None:
    if "error" in case:
        with pytest.raises(TensorZeroError) as caught:
            ask(client, case)
        assert json.loads(caught.value.text) == {"error": case["error"]}
        assert upstream.requests == []
        return
    ask(client, case)
    (body,) = upstream.requests
    del body["script"]
    assert json.dumps(body, separators=(",", ":"), ensure_ascii=False) == case["sent"]
    assert upstream.paths == ["/v1/responses"]


@cases("answer")
def test_an_answer_reads_as_the_original_reads_it(client: TensorZeroGateway, case: Case) -> None:
    if "error" in case:
        with pytest.raises(TensorZeroError) as caught:
            ask(client, case)
        assert json.loads(caught.value.text) == {"error": case["error"]}
    else:
        assert plain(ask(client, case)) == case["returned"]


@cases("stream")
def test_a_stream_reads_as_the_original_reads_it(client: TensorZeroGateway, case: Case) -> None:
    if "error" in case:
        with pytest.raises(TensorZeroError) as caught:
            ask(client, case)
        assert json.loads(caught.value.text) == {"error": case["error"]}
    else:
        assert plain(ask(client, case)) == case["returned"]


def test_rows_are_the_originals(build: Build, stored: Any, upstream: ScriptedUpstream) -> None:
    client = build(TOML.replace("URL", upstream.url), stored.url, files=FILES)
    asked: dict[str, Case] = {}
    for case in CASES:
        if "stored" in case:
            found = ask(client, case)
            asked[str((found[0] if case["kind"] == "stream" else found).inference_id)] = case
    rows = {str(row["id"]): row for table in ("ChatInference", "JsonInference") for row in stored.rows(client, table)}
    models = {str(row["inference_id"]): row for row in stored.rows(client, "ModelInference")}
    assert len(asked) == len([case for case in CASES if "stored" in case]) > 5
    for inference_id, case in asked.items():
        assert recorded(rows[inference_id], models[inference_id], case) == case["stored"], case["name"]


def recorded(row: dict[str, Any], model: dict[str, Any], case: Case) -> dict[str, Any]:
    found = {"output": json.loads(row["output"])}
    if "auxiliary_content" in row:
        found["auxiliary_content"] = json.loads(row["auxiliary_content"])
    found["model_output"] = json.loads(model["output"])
    found["finish_reason"] = model["finish_reason"]
    found["tokens"] = [model["input_tokens"], model["output_tokens"], model["provider_cache_read_input_tokens"]]
    if case["kind"] == "stream":
        found["raw_events"] = len(model["raw_response"].splitlines())
    return found


def test_a_stream_asks_for_events_with_the_key(client: TensorZeroGateway, upstream: ScriptedUpstream) -> None:
    list(client.inference(model_name="r", input=ASK, stream=True, extra_body=stream_of(DELTA, END)))
    assert upstream.requests[0]["stream"] is True
    assert "stream_options" not in upstream.requests[0]
    assert upstream.headers[0]["accept"] == "text/event-stream"
    assert upstream.headers[0]["authorization"] == "Bearer sk-own"


def test_a_plain_answer_is_taken_in_any_form(client: TensorZeroGateway, upstream: ScriptedUpstream) -> None:
    client.inference(model_name="r", input=ASK, extra_body=answer_with(ANSWER))
    assert upstream.headers[0]["accept"] == "*/*"


@pytest.mark.parametrize("stream", [False, True])
def test_what_failed_before_is_told_of_with_its_api(client: TensorZeroGateway, stream: bool) -> None:
    """`two` falls back from the Responses API to chat completions, which fails here too."""
    with pytest.raises(TensorZeroError) as caught:
        client.inference(model_name="two", input=ASK, extra_body=answer_with("boom", status=500), stream=stream)
    closed = "Inference stream closed due to error from openai server: Invalid status code: 500 Internal Server Error: boom"
    said = closed if stream else "Error from openai server: boom"
    assert f"p: {said}, q: {said}" in caught.value.text


def test_raw_responses_name_the_api_that_gave_them(client: TensorZeroGateway) -> None:
    """The body fits chat completions only."""
    body = '{"choices":[{"index":0,"message":{"content":"chat"},"finish_reason":"stop"}]}'
    found = client.inference(model_name="two", input=ASK, extra_body=answer_with(body), include_raw_response=True)
    assert [(entry.api_type, entry.data) for entry in found.raw_response or ()] == [
        ("responses", body),
        ("chat_completions", body),
    ]


def test_a_stream_that_failed_at_its_first_event_falls_back(client: TensorZeroGateway) -> None:
    """One event that is a failure to the first provider and a chunk to the second."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "chat"}}]}
    event = json.dumps({"type": "response.failed", "response": {"error": {"message": "busy"}}, **chunk})
    asked = {"model_name": "two", "input": ASK, "stream": True, "include_raw_response": True}
    chunks = list(client.inference(**asked, extra_body=stream_of(event)))
    assert [(entry.api_type, entry.data) for entry in chunks[0].raw_response or ()] == [("responses", event)]
    assert chunks[1].content[0].text == "chat"


def test_a_broken_character_is_an_error_in_its_place(client: TensorZeroGateway) -> None:
    from tensorzero.gateway.providers.openai_responses_answers import Scope
    from tensorzero.gateway.providers.openai_responses_events import EventReader

    reader = EventReader(Scope("openai", "m", "p"), "raw request", keeps_unknown=True)
    found: Any = reader.read(b'{"type":"response.output_text.delta","content_index":0,"delta":"\xff"}')
    reason = "invalid utf-8 sequence of 1 bytes from index 64"
    message = f"Error from openai server: SSE error; caused by: utf8 parse error: {reason}; caused by: {reason}"
    assert (found.message, found.api_type, reader.ended) == (message, "responses", False)


def test_what_was_answered_can_be_sent_back(client: TensorZeroGateway, upstream: ScriptedUpstream) -> None:
    reasoning = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "ENC"}
    search = {"type": "web_search_call", "id": "ws"}
    call = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
    body = json.dumps({"output": [reasoning, search, json.loads(MESSAGE), call]})
    first: Any = client.inference(model_name="r", input=ASK, extra_body=answer_with(body))
    result = {"type": "tool_result", "id": "c", "name": "weather", "result": "3"}
    turns = [*ASK["messages"], {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    client.inference(model_name="r", input={"messages": turns}, extra_body=answer_with(ANSWER))
    said = {"type": "message", "role": "assistant", "id": None, "content": [{"type": "output_text", "text": "Hello"}]}
    output = {"type": "function_call_output", "call_id": "c", "output": "3"}
    sent_call = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
    assert upstream.requests[1]["input"][1:] == [reasoning, search, said, sent_call, output]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_from_the_cache_is_whole(build: Build, stored: Any, upstream: ScriptedUpstream, stream: bool) -> None:
    client = build(TOML.replace("URL", upstream.url), stored.url, files=FILES)
    name = "reasoning"
    case = next(one for one in CASES if (one["kind"], one["name"]) == ("stream" if stream else "answer", name))
    arguments = {**case["arguments"], "cache_options": {"enabled": "on"}}
    first, again = (ask(client, {**case, "arguments": arguments}) for _ in range(2))
    assert len(upstream.requests) == 1
    content = [[chunk.content for chunk in one] if stream else one.content for one in (first, again)]
    assert content[0] == content[1]


def test_a_base_keeps_its_path_and_loses_its_query(build: Build, upstream: ScriptedUpstream) -> None:
    for base, path in (("", "/v1/"), ("/", "/v1/"), ("//", "/v1//"), ("?x=1", "/v1/"), ("#f", "/v1/")):
        toml = TOML.replace("URL", upstream.url + base)
        client = build(toml, files=FILES)
        client.inference(model_name="r", input=ASK, extra_body=answer_with(ANSWER))
        assert upstream.paths[-1] == f"{path}responses"


REASONING = '{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"encrypted_content":"E"}'
CHOICE = '{"type":"message","role":"assistant","content":[{"type":"output_text","text":"{\\"answer_choice\\":0}"}]}'


def test_a_whole_answer_that_is_streamed_loses_the_summary_of_its_thought(
    build: Build, stored: Any, upstream: ScriptedUpstream
) -> None:
    client = build(TOML.replace("URL", upstream.url), stored.url, files=FILES)
    script = answer_with(f'{{"output":[{REASONING},{CHOICE}]}}')
    list(client.inference(function_name="best", input=ASK, stream=True, extra_body=script))
    (row,) = stored.rows(client, "ChatInference")
    thought, _ = json.loads(row["output"])
    assert thought == {"type": "thought", "text": None, "signature": "E", "provider_type": "openai"}
    # The judge is not scripted and fails, so one of the candidates is the answer.
    outputs = [json.loads(one["output"])[0] for one in stored.rows(client, "ModelInference")]
    assert sorted("summary" in output for output in outputs) == [False, True]


def test_a_whole_answer_with_an_unknown_block_cannot_be_streamed(client: TensorZeroGateway) -> None:
    script = answer_with(f'{{"output":[{{"type":"web_search_call"}},{CHOICE}]}}')
    with pytest.raises(TensorZeroError) as caught:
        client.inference(function_name="best", input=ASK, stream=True, extra_body=script)
    said = "MixtureOfNConfig variant does not support unknown content blocks in streaming mode"
    assert json.loads(caught.value.text) == {"error": f"All variants failed with errors: best: {said}"}
