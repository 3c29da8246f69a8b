"""One HTTP exchange with a provider, the same for every API: an answer comes back whole or as events, and whatever goes wrong
is a `ProviderError`, after which the next provider has its turn."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from tensorzero.gateway.errors import GatewayError, ProviderError
from tensorzero.gateway.providers import http_failures
from tensorzero.gateway.providers.own_words import own_words
from tensorzero.gateway.values import ProviderChunk
from tensorzero.masking.chain import worded
from tensorzero.masking.echo import without_echo
from tensorzero.masking.known import learn_sent
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded, earliest
from tensorzero.runtime.runtime import HttpError, HttpRequest, HttpStream, Runtime
from tensorzero.runtime.sse import SseDecoder

T = TypeVar("T")
Items = list[ProviderChunk | GatewayError]

_DRAIN_S = 0.02


class Waiting(Protocol):
    """What of a call an exchange needs. The deadline of a stream changes after its first chunk."""

    @property
    def runtime(self) -> Runtime: ...
    @property
    def deadline(self) -> Deadline | None: ...
    @property
    def read_timeout_s(self) -> float | None: ...


class Answer(NamedTuple):
    """A whole answer with a good status; `raw` is its text, `masked` what is stored and handed out of that: it shows no key."""

    body: bytes
    raw: str
    masked: str
    raw_request: str
    latency_ms: int


class Events(Protocol):
    """Makes chunks of a stream's events. `complaint`, `sent`: see `ProviderStream`."""

    complaint: str | None
    sent: Mapping[str, str]

    def take(self, events: list[bytes]) -> tuple[Items, bool]:
        """What these say, and whether the answer ends with the last of them."""
        ...


async def answer(request: HttpRequest, call: Waiting, provider_type: str) -> Answer:
    """Raises `ProviderError`, and lets the call's own `DeadlineExceeded` pass."""
    raw_request = request.body.decode()
    started = time.monotonic()
    try:
        if call.read_timeout_s is None:
            reply = await call.runtime.http.send(request, call.deadline)
            status, headers, body = reply.status, reply.headers, reply.body
        else:
            status, headers, body = await _slowly(request, call)
    except HttpError as error:
        learn_sent(request.headers)
        raise http_failures.not_sent(error, provider_type, raw_request) from error
    latency_ms = round((time.monotonic() - started) * 1000)
    raw = http_failures.text_of(body, headers)
    if not 200 <= status < 300:
        learn_sent(request.headers)
        raise http_failures.refused(status, raw, headers, provider_type, raw_request)
    return Answer(body, raw, without_echo(raw, request.headers), raw_request, latency_ms)


def understood(read: Callable[[Answer], T], answer: Answer, provider_type: str) -> T:
    """What `read` makes of an answer. Its failures get the answer's text, and the server's own words as a hint."""
    try:
        return read(answer)
    except ProviderError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - no memory, or an answer that nobody thought of: the next provider may do better
        reason = str(error) or type(error).__name__
        failure = ProviderError(f"Error from {provider_type} server: Error parsing JSON response: {reason}")
        failure.__cause__ = error
    failure.provider_type = provider_type
    failure.raw_request, failure.raw_response = answer.raw_request, worded(answer.raw)
    failure.hint = failure.hint or own_words(answer.raw)
    raise failure


async def _slowly(request: HttpRequest, call: Waiting) -> tuple[int, Mapping[str, str], bytes]:
    """The whole answer, each of whose pieces has its own time limit."""
    stream = await _head(request, call)
    body = bytearray()
    try:
        while part := await _next(stream, call):
            body += part
    finally:
        await stream.close()
    return stream.status, stream.headers, bytes(body)


async def _head(request: HttpRequest, call: Waiting) -> HttpStream:
    try:
        return await call.runtime.http.open_stream(request, _patience(call))
    except DeadlineExceeded as passed:
        raise _too_slow(passed, f"error sending request for url ({request.url})") from None


async def _next(stream: HttpStream, call: Waiting) -> bytes:
    try:
        return await stream.read(call.deadline if call.read_timeout_s is None else _patience(call))
    except DeadlineExceeded as passed:
        raise _too_slow(passed, "error decoding response body", stream.status) from None


def _patience(call: Waiting) -> Deadline | None:
    """Until when the next bytes may come."""
    seconds = call.read_timeout_s
    return call.deadline if seconds is None else earliest(call.deadline, Deadline.after(seconds, _read_timed_out))


def _read_timed_out() -> Exception:
    return TimeoutError("operation timed out")


def _too_slow(passed: DeadlineExceeded, short: str, status: int | None = None) -> HttpError:
    """What came of waiting too long for bytes; any other deadline is its owner's, and raised again."""
    if passed.deadline.error is not _read_timed_out:
        raise passed
    return HttpError(short, (short, "operation timed out"), timed_out=True, in_body=status is not None, status=status)


async def open_events(request: HttpRequest, call: Waiting, provider_type: str) -> HttpStream:
    """Once the head of a stream of events is there. Raises `ProviderError`, and lets the call's `DeadlineExceeded` pass."""
    raw_request = request.body.decode()
    try:
        stream = await _head(request, call)
    except HttpError as error:
        learn_sent(request.headers)
        raise http_failures.stream_broken(error, provider_type, raw_request) from error
    good = 200 <= stream.status < 300
    if good and stream.headers.get("content-type", "").lower().startswith("text/event-stream"):
        return stream
    body = await _refusal(stream, call)
    learn_sent(request.headers)
    if good:
        raise http_failures.no_stream(body or "", stream.headers, provider_type, raw_request)
    raise http_failures.stream_refused(stream.status, body, stream.headers, provider_type, raw_request)


async def _refusal(stream: HttpStream, call: Waiting) -> str | None:
    """The text of an answer that is no stream; None for one that breaks off."""
    body = bytearray()
    try:
        while part := await _next(stream, call):
            body += part
    except HttpError:
        return None
    finally:
        await stream.close()
    return body.decode("utf-8", "replace")


def _slices(count: int) -> Iterator[tuple[int, int]]:
    """1, 16, 64, 64 … of `count`."""
    start, size = 0, 1
    while start < count:
        yield start, start + size
        start, size = start + size, min(size * 16, 64)


class EventStream:
    """See `ProviderStream`: the server-sent events of one answer."""

    def __init__(self, stream: HttpStream, request: HttpRequest, provider_type: str, call: Waiting, events: Events) -> None:
        self.raw_request = request.body.decode()
        self.sent = events.sent = request.headers
        self._stream = stream
        self._type = provider_type
        self._call = call
        self._events = events
        self._begun = False

    @property
    def complaint(self) -> str | None:
        return self._events.complaint

    async def batches(self) -> AsyncIterator[Items]:
        decoder = SseDecoder(self._stream.limits.event)
        take, stream, call = self._events.take, self._stream, self._call
        try:
            while data := await (stream.read(call.deadline) if call.read_timeout_s is None else _next(stream, call)):
                for piece in self._pieces(data):
                    events = decoder.feed(piece)
                    for start, end in _slices(len(events)):
                        items, ended = take(events[start:end])
                        if items:
                            yield items
                        if ended:
                            await self._drain()
                            return
        except HttpError as error:
            error.in_body = True
            yield [http_failures.stream_broken(error, self._type, self.raw_request)]
        except (MemoryError, RecursionError) as error:
            failed = HttpError(str(error) or type(error).__name__, in_body=True)
            yield [http_failures.stream_broken(failed, self._type, self.raw_request)]
        finally:
            await self._stream.close()

    def _pieces(self, data: bytes) -> tuple[bytes, ...]:
        """The first event apart from what came with it: the first chunk of a burst waits for no other to be parsed."""
        if self._begun:
            return (data,)
        self._begun = True
        end = data.find(b"\n\n") + 2
        return (data[:end], data[end:]) if 2 <= end < len(data) else (data,)

    async def _drain(self) -> None:
        """Read the end of the body, if it is there, so that the connection can be used again."""
        try:
            await self._stream.read(Deadline.after(_DRAIN_S, TimeoutError))
        except (HttpError, DeadlineExceeded):
            return

    async def close(self) -> None:
        await self._stream.close()
