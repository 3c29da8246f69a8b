"""What a caller sees and what is stored when an upstream answers in an unusual way (observed 2026.6.0)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted_upstream import ScriptedUpstream, answer_with, stream_of

from tensorzero import TensorZeroError, TensorZeroGateway

Build = Callable[..., TensorZeroGateway]
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
PROVIDERS = "All variants failed with errors: m: All model providers failed to infer with errors: p: "
CLOSED = "Inference stream closed due to error from openai server: "
A, STOP = '{"choices":[{"delta":{"content":"A"}}]}', '{"choices":[{"delta":{},"finish_reason":"stop"}]}'
GOOD = '{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]%s}'


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    running = ScriptedUpstream()
    yield running
    running.close()


def failure(client: TensorZeroGateway, **arguments: Any) -> str:
    with pytest.raises(TensorZeroError) as caught:
        client.inference(model_name="m", input=ASK, **arguments)
    error = json.loads(caught.value.text)["error"]
    assert error.startswith(PROVIDERS)
    return error.removeprefix(PROVIDERS)


@pytest.mark.parametrize(
    ("status", "said"), [(413, "413 Payload Too Large"), (429, "429 Too Many Requests"), (599, "599 <unknown status code>")]
)
def test_a_refused_stream_says_status_body_and_request_id(
    build: Build, upstream: ScriptedUpstream, status: int, said: str
) -> None:
    script = answer_with("no", status=status, request_id="req-1")
    found = failure(build(upstream.toml), stream=True, extra_body=script)
    assert found == f"{CLOSED}Invalid status code: {said}: no [request_id: req-1]"


def test_an_answer_that_is_no_stream_is_told_from_one_by_its_type_whatever_its_case(
    build: Build, upstream: ScriptedUpstream
) -> None:
    client = build(upstream.toml)
    found = failure(client, stream=True, extra_body=answer_with("x", request_id="r"))
    assert found == f"{CLOSED}Expected content-type 'text/event-stream', got \"application/json\": x [request_id: r]"
    script = answer_with(f"data: {A}\n\n", "Text/Event-Stream; charset=utf-8")
    chunks = list(client.inference(model_name="m", input=ASK, stream=True, extra_body=script))
    assert chunks[0].content[0].text == "A"


def test_a_stream_without_chunks_is_the_failure_of_the_provider_by_its_name(build: Build, upstream: ScriptedUpstream) -> None:
    found = failure(build(upstream.toml), stream=True, extra_body=stream_of("[DONE]"))
    assert found == "Error from p server: Stream ended before first chunk"


def test_events_that_cannot_be_read_are_not_stored(build: Build, upstream: ScriptedUpstream, stored: Any) -> None:
    client = build(upstream.toml, stored.url)
    stream = client.inference(model_name="m", input=ASK, stream=True, extra_body=stream_of(A, "{bad", '{"error":1}', STOP))
    errors = 0
    for _ in range(3):
        try:
            next(stream)
        except TensorZeroError:
            errors += 1
    assert [chunk.finish_reason for chunk in stream] == ["stop"]
    (row,) = stored.rows(client, "ModelInference")
    assert (errors, row["raw_response"]) == (2, f"{A}\n{STOP}")


def test_raw_usage_lists_what_was_said_and_a_stream_has_one_id_for_all_of_it(build: Build, upstream: ScriptedUpstream) -> None:
    client = build(upstream.toml)

    def plain(more: str) -> Any:
        found = client.inference(model_name="m", input=ASK, include_raw_usage=True, extra_body=answer_with(GOOD % more))
        return [entry.data for entry in found.raw_usage]

    assert plain("") == []
    assert plain(',"usage":{"prompt_tokens":3}') == [{"prompt_tokens": 3}]
    spent = [f'{{"choices":[{{"delta":{{"content":"x"}}}}],"usage":{{"prompt_tokens":{n}}}}}' for n in (1, 2)]
    chunks = list(
        client.inference(model_name="m", input=ASK, stream=True, include_raw_usage=True, extra_body=stream_of(*spent))
    )
    entries = [chunk.raw_usage[0] for chunk in chunks if chunk.raw_usage]
    assert [entry.data["prompt_tokens"] for entry in entries] == [1, 2]
    assert len({entry.model_inference_id for entry in entries}) == 1
    assert chunks[-1].usage.input_tokens == 2


def test_whole_numbers_go_upstream_and_into_rows_as_floats(build: Build, upstream: ScriptedUpstream, stored: Any) -> None:
    client = build(upstream.toml, stored.url)
    params = {"temperature": 0, "top_p": 1, "seed": 2}
    client.inference(model_name="m", input=ASK, params={"chat_completion": params}, extra_body=answer_with(GOOD % ""))
    (row,) = stored.rows(client, "ChatInference")
    assert row["inference_params"] == '{"chat_completion":{"temperature":0.0,"seed":2,"top_p":1.0}}'
    (row,) = stored.rows(client, "ModelInference")
    assert '"temperature":0.0,"seed":2,"top_p":1.0,"stream":false' in row["raw_request"]


def test_filters_are_stored_with_every_name_that_they_could_have(build: Build, upstream: ScriptedUpstream, stored: Any) -> None:
    client = build(upstream.toml, stored.url)
    filters = [
        {"model_name": "m", "pointer": "/a", "value": 1},
        {"model_provider_name": "tensorzero::model_name::x::provider_name::y", "pointer": "/b", "value": 2},
    ]
    client.inference(model_name="m", input=ASK, extra_body=[*filters, *answer_with(GOOD % "")])
    (row,) = stored.rows(client, "ChatInference")
    assert json.loads(row["extra_body"])[:2] == [
        {"model_name": "m", "provider_name": None, "pointer": "/a", "value": 1},
        {"pointer": "/b", "value": 2},
    ]
    assert (upstream.requests[-1]["a"], upstream.requests[-1]["b"]) == (1, 2)
