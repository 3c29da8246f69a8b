"""The event stream decoder gives the same events however the bytes are cut."""

from __future__ import annotations

import time

import orjson
import pytest

from tensorzero.runtime.sse import SseDecoder

STREAMS = {
    "LF": (b'data: {"a":1}\n\ndata: [DONE]\n\n', [b'{"a":1}', b"[DONE]"]),
    "CRLF": (b"data: one\r\n\r\ndata: two\r\n\r\n", [b"one", b"two"]),
    "CR": (b"data: one\r\rdata: two\r\r", [b"one", b"two"]),
    "mixed line ends": (b"data: one\r\n\ndata: two\n\rdata: three\r\r\n", [b"one", b"two", b"three"]),
    "blank lines between": (b"\n\ndata: one\n\n\n\n\ndata: two\n\n", [b"one", b"two"]),
    "comments and other fields": (
        b": keep-alive\n\nevent: message\nid: 7\nretry: 10\ndata: one\n\n: x\ndata: two\n\n",
        [b"one", b"two"],
    ),
    "CRLF within an event": (b"data: a\r\ndata: b\r\n\r\n", [b"a\nb"]),
    "CR within an event": (b"data: a\rdata: b\r\r", [b"a\nb"]),
    "data over several lines": (b"data: a\ndata:b\ndata:  c\n\n", [b"a\nb\n c"]),
    "no space after the colon": (b"data:{}\n\ndata\n\ndata:\n\n", [b"{}", b"", b""]),
    "text that only looks like line ends": (
        "data: é\u2028😀\u2029\x0b\x0c\x85\n\n".encode(),
        ["é\u2028😀\u2029\x0b\x0c\x85".encode()],
    ),
    "byte order mark": (b"\xef\xbb\xbfdata: one\n\n", [b"one"]),
    "byte order mark that is not first": (b"data: one\n\n\xef\xbb\xbfdata: two\n\ndata: three\n\n", [b"one", b"three"]),
    "an event cut short by the end": (b"data: one\n\ndata: tw", [b"one"]),
    "names that start like data": (b"database: x\n\ndata: one\n\n", [b"one"]),
}


@pytest.mark.parametrize("name", STREAMS)
def test_every_split_point_gives_the_same_events(name: str) -> None:
    stream, expected = STREAMS[name]
    for cut in range(len(stream) + 1):
        decoder = SseDecoder()
        assert decoder.feed(stream[:cut]) + decoder.feed(stream[cut:]) == expected, cut


@pytest.mark.parametrize("name", STREAMS)
def test_single_bytes_give_the_same_events(name: str) -> None:
    stream, expected = STREAMS[name]
    decoder = SseDecoder()
    found = [event for i in range(len(stream)) for event in decoder.feed(stream[i : i + 1])]
    assert found == expected
    assert decoder.feed(b"") == []


@pytest.mark.parametrize("name", ["LF", "CRLF", "CR"])
def test_an_event_is_given_as_soon_as_its_last_byte_arrived(name: str) -> None:
    stream, expected = STREAMS[name]
    decoder = SseDecoder()
    end = stream.index(b"data", 1) - (1 if name == "CRLF" else 0)
    assert decoder.feed(stream[:end]) == expected[:1]


def test_a_megabyte_line_in_small_pieces_takes_linear_time() -> None:
    line = b"data: " + b"x" * 4_000_000 + b"\n\n"
    decoder = SseDecoder()
    begin = time.thread_time()
    found = [event for i in range(0, len(line), 500) for event in decoder.feed(line[i : i + 500])]
    assert found == [b"x" * 4_000_000]
    assert time.thread_time() - begin < 1.0


def test_a_hundred_thousand_events_a_second_with_json() -> None:
    event = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}\n\n'
    chunk = event * 50
    best = 1e9
    for _ in range(10):
        decoder = SseDecoder()
        begin = time.thread_time()  # other programs may have the processor
        count = sum(len([orjson.loads(data) for data in decoder.feed(chunk)]) for _ in range(200))
        best = min(best, time.thread_time() - begin)
    assert count == 10_000
    assert count / best > 100_000
