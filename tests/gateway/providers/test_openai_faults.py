"""Answers and events that are not what they must be: the original's words for each, recorded from 2026.6.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tensorzero.gateway.errors import ProviderError
from tensorzero.gateway.providers.http_failures import text_of
from tensorzero.gateway.providers.openai_answers import ChunkReader, parse_answer
from tensorzero.gateway.values import ProviderChunk

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "openai_faults.json").read_text(encoding="utf-8"))
CHOICE = '{"choices":[{"index":0,"message":%s,"finish_reason":"stop"}]%s}'


def answer(message: str, more: str = "") -> Any:
    body = CHOICE % (message, more)
    return parse_answer(body.encode(), body, "raw request", 5, "openai")


def chunk(reader: ChunkReader, delta: str, more: str = "") -> ProviderChunk:
    found = reader.read(f'{{"choices":[{{"index":0,"delta":{delta}}}]{more}}}'.encode())
    assert isinstance(found, ProviderChunk), found
    return found


@pytest.mark.parametrize(("body", "message"), RECORDED["answers"])
def test_an_odd_answer_fails_in_the_originals_words(body: str, message: str) -> None:
    with pytest.raises(ProviderError) as caught:
        parse_answer(body.encode(), text_of(body.encode(), {}), "raw request", 5, "openai")
    assert caught.value.message == message


@pytest.mark.parametrize(("event", "message"), RECORDED["events"])
def test_an_odd_event_is_an_error_in_the_originals_words(event: str, message: str) -> None:
    found = ChunkReader("openai", "raw request").read(event.encode())
    assert isinstance(found, ProviderError)
    assert found.message == message


def test_a_plain_answer_must_say_why_it_ended_but_an_event_need_not() -> None:
    body = '{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":null}]}'
    with pytest.raises(ProviderError, match=r"Error parsing JSON response: expected value at line 1 column 66$"):
        parse_answer(body.encode(), body, "raw request", 5, "openai")
    found = ChunkReader("openai", "r").read(b'{"choices":[{"delta":{},"finish_reason":""}]}')
    assert isinstance(found, ProviderChunk)
    assert found.finish_reason is None


@pytest.mark.parametrize(
    ("message", "thought"),
    [
        ('{"content":"a","reasoning_content":"c"}', "c"),
        ('{"content":"a","reasoning":"r"}', "r"),
        ('{"content":"a","reasoning":"r","reasoning_content":"c"}', "r"),
        ('{"content":"a","reasoning":null,"reasoning_content":"c"}', "c"),
        ('{"content":"a","reasoning":""}', ""),
    ],
)
def test_reasoning_has_two_names_of_which_the_shorter_wins(message: str, thought: str) -> None:
    assert [block["text"] for block in answer(message).content] == [thought, "a"]
    assert [block["text"] for block in chunk(ChunkReader("openai", "r"), message).content] == [thought, "a"]


def test_a_call_without_an_id_is_the_one_at_its_index_among_all_ids_that_came() -> None:
    reader = ChunkReader("openai", "r")

    def call(index: int, identifier: str | None) -> str:
        given = "" if identifier is None else f'"id":"{identifier}",'
        found = chunk(reader, f'{{"tool_calls":[{{"index":{index},{given}"function":{{"arguments":"1"}}}}]}}')
        return found.content[0]["id"]

    assert [call(5, "a"), call(0, None), call(0, "b"), call(0, None), call(1, None), call(1, "")] == [
        "a",
        "a",
        "b",
        "a",
        "b",
        "",
    ]
    lost = reader.read(b'{"choices":[{"delta":{"tool_calls":[{"index":9,"function":{}}]}}]}')
    assert isinstance(lost, ProviderError)
    assert "Tool call index out of bounds" in lost.message


def test_an_event_with_two_choices_is_an_error() -> None:
    two = b'{"choices":[{"delta":{"content":"A"}},{"delta":{"content":"B"}}]}'
    found = ChunkReader("openai", "r").read(two)
    assert isinstance(found, ProviderError)
    assert found.message == "Error from openai server: Response has invalid number of choices: {}. Expected 1."


def test_an_event_that_is_not_utf_8_is_an_error_and_the_next_is_read() -> None:
    reader = ChunkReader("openai", "r")
    broken = reader.read(b'{"choices":[{"delta":{"content":"\xff"}}]}')
    assert isinstance(broken, ProviderError)
    assert broken.message.startswith("Error from openai server: SSE error; caused by")
    assert chunk(reader, '{"content":"A"}').content[0]["text"] == "A"


def test_an_empty_usage_is_a_usage_and_null_is_none() -> None:
    assert answer('{"content":"a"}', ',"usage":{}').raw_usage == {}
    assert answer('{"content":"a"}', ',"usage":null').raw_usage is None
    assert chunk(ChunkReader("openai", "r"), '{"content":"a"}', ',"usage":{}').raw_usage == {}


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b'\xef\xbb\xbf"\xc3\xa9"', "application/json", '"é"'),
        (b'"\xe9"', "application/json; charset=ISO-8859-1", '"é"'),
        (b'"\xe9"', "application/json", '"\ufffd"'),
        (b'"\xc3\xa9"', 'application/json; charset="utf-8"; q=1', '"é"'),
        (b'"a"', "application/json; charset=base64", '"a"'),
    ],
)
def test_an_answer_is_read_in_the_encoding_that_it_names(body: bytes, kind: str, text: str) -> None:
    assert text_of(body, {"content-type": kind}) == text
