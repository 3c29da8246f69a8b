"""Recorded answers of OpenAI-compatible endpoints: whole, and streams cut at every byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tensorzero.gateway.errors import GatewayError, ProviderError
from tensorzero.gateway.functions.collecting import Collector
from tensorzero.gateway.providers.openai_answers import ChunkReader, parse_answer
from tensorzero.runtime.sse import SseDecoder

WIRE = Path(__file__).parents[2] / "wire" / "openai"
STREAMS = sorted(path.parent.name for path in WIRE.glob("*/response.sse"))
ANSWERS = sorted(path.parent.name for path in WIRE.glob("*/response.json"))

SHAPES = [
    *(b"[]", b"null", b"3", b'""', b"{}", b'{"choices":[]}', b'{"choices":[{},{}]}', b'{"choices":[{"message":null}]}'),
    *(b'{"choices":[{"message":{"content":5}}]}', b'{"choices":{"0":1}}', b'{"choices":[{"message":{"tool_calls":[{}]}}]}'),
]
EVENTS = [
    *(b"", b"[]", b"null", b"{}", b'{"error":{"message":"overloaded"}}', b'{"choices":[{}]}', b'{"choices":[{"delta":5}]}'),
    *(b'{"choices":[{"delta":{"content":[1]}}]}', b'{"choices":[{"delta":{"tool_calls":[{"index":4000000000}]}}]}'),
    *(b'{"choices":[{"delta":{"tool_calls":[{"index":[],"id":"x"}]}}]}', b"\xff\xfe"),
    *(
        b'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x","type":"custom"}]}}]}',
        b'{"choices":[{"delta":{}},{"delta":{}}]}',
    ),
]


def expected(case: str) -> dict[str, Any]:
    return json.loads((WIRE / case / "expected.json").read_text(encoding="utf-8"))


def read(pieces: list[bytes]) -> dict[str, Any]:
    """What a stream's bytes come to, read as the provider reads them."""
    decoder, reader, collected = SseDecoder(), ChunkReader("openai", "raw request"), Collector()
    usage, finish, errors = None, None, []
    for piece in pieces:
        for event in decoder.feed(piece):
            if event == b"[DONE]":
                continue
            chunk = reader.read(event)
            if isinstance(chunk, GatewayError):
                errors.append(chunk.message)
                continue
            collected.add(chunk.content)
            usage = chunk.usage or usage
            finish = chunk.finish_reason or finish
    tokens = None if usage is None else [usage.input_tokens, usage.output_tokens]
    return {"content": collected.content(), "usage": tokens, "finish_reason": finish, "errors": errors}


@pytest.mark.parametrize("case", STREAMS)
def test_a_recorded_stream_reads_the_same_however_it_is_cut(case: str) -> None:
    recorded = (WIRE / case / "response.sse").read_bytes()
    assert read([recorded]) == expected(case)
    for cut in range(len(recorded) + 1):
        assert read([recorded[:cut], recorded[cut:]]) == expected(case), cut
    assert read([recorded[i : i + 1] for i in range(len(recorded))]) == expected(case)


@pytest.mark.parametrize("case", ANSWERS)
def test_a_recorded_answer_reads_as_expected(case: str) -> None:
    recorded = (WIRE / case / "response.json").read_bytes()
    answer = parse_answer(recorded, recorded.decode(), "raw request", 5, "openai")
    found = {
        "content": answer.content,
        "usage": [answer.usage.input_tokens, answer.usage.output_tokens],
        "cached": answer.usage.provider_cache_read_input_tokens,
        "finish_reason": answer.finish_reason,
    }
    assert found == expected(case)


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_breaks_off_anywhere_is_one_providers_failure(case: str) -> None:
    recorded = (WIRE / case / "response.json").read_bytes().strip()
    for cut in range(len(recorded)):
        with pytest.raises(ProviderError, match=r"^Error from openai server: Error parsing JSON response: "):
            parse_answer(recorded[:cut], "", "raw request", 5, "openai")


@pytest.mark.parametrize(
    "body",
    SHAPES,
)
def test_an_answer_of_another_shape_is_one_providers_failure(body: bytes) -> None:
    with pytest.raises(ProviderError, match=r"^Error from openai server: "):
        parse_answer(body, body.decode(), "raw request", 5, "openai")


@pytest.mark.parametrize(
    "event",
    EVENTS,
)
def test_an_event_of_another_shape_is_an_error_in_its_place(event: bytes) -> None:
    found = ChunkReader("openai", "raw request").read(event)
    assert isinstance(found, ProviderError)
    assert found.message.startswith("Error from openai server: ")
