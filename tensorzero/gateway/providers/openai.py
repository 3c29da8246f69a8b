"""OpenAI's chat completions, and every endpoint that speaks them (`api_base`)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from tensorzero.faces.deadline import Deadline, DeadlineExceeded, earliest
from tensorzero.faces.face import HttpError, HttpRequest, HttpStream
from tensorzero.faces.sse import SseDecoder
from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import GatewayError, ProviderError
from tensorzero.gateway.functions.tools import ToolSettings
from tensorzero.gateway.json_text import json_bytes
from tensorzero.gateway.models.credentials import resolve
from tensorzero.gateway.models.extra import apply_body, apply_headers, for_provider
from tensorzero.gateway.providers import http_failures
from tensorzero.gateway.providers.openai_answers import ChunkReader, parse_answer
from tensorzero.gateway.providers.openai_models import changes_for
from tensorzero.gateway.providers.openai_requests import endpoint, login_of, request_body
from tensorzero.gateway.values import ProviderCall, ProviderChunk, ProviderResponse
from tensorzero.gateway.version import USER_AGENT
from tensorzero.masking.chain import worded
from tensorzero.masking.echo import without_echo
from tensorzero.masking.known import learn_sent

_DRAIN_S = 0.02
_HEADERS: Mapping[str, str] = {"content-type": "application/json", "user-agent": USER_AGENT}
_STREAM_HEADERS: Mapping[str, str] = {**_HEADERS, "accept": "text/event-stream"}
DEFAULT_BASE = "https://api.openai.com/v1/"


class OpenAIProvider:
    """`type = "openai"` with chat completions."""

    type = "openai"
    display_name = "OpenAI"
    api_type = "chat_completions"
    path = "chat/completions"

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config
        base = str(config.settings.get("api_base") or DEFAULT_BASE)
        self._url, self._login = endpoint(base, self.path), login_of(base)
        self._model = str(config.settings["model_name"])
        self._changes = changes_for(self._model)
        self._file_parts = config.settings.get("content_type_overrides")

    def _request(self, call: ProviderCall) -> HttpRequest:
        """The encoded request. Raises `GatewayError` for a missing key or a bad `extra_body` pointer."""
        if call.request.tools is not None and call.request.tools.provider_tools:
            self._refuse_provider_tools(call, call.request.tools)
        key = resolve(self._config.credential, call.credentials, self.display_name)
        body = request_body(self._model, call.request, self._file_parts)
        if self._changes is not None:
            self._changes(body)
        return self._sealed(call, key, body)

    def _sealed(self, call: ProviderCall, key: str | None, body: dict[str, Any]) -> HttpRequest:
        headers = _STREAM_HEADERS if call.request.stream else _HEADERS
        if key is not None:
            headers = {**headers, "authorization": f"Bearer {key}"}
        elif self._login is not None:
            headers = {**headers, "authorization": self._login}
        headers = self._injected(call, body, headers)
        return HttpRequest("POST", self._url, headers, json_bytes(body), call.timeout_s)

    def _refuse_provider_tools(self, call: ProviderCall, tools: ToolSettings) -> None:
        count = len(tools.provider_tools_for(call.model_name, self._config.name))
        if count:
            raise ProviderError(
                f"Provider `{self.type}` does not support `provider_tools`, but {count} provider tool(s) were configured for "
                f"model `{call.model_name}` / provider `{self._config.name}`. Provider tools are only supported by: Anthropic, "
                "GCP Vertex Anthropic, and OpenAI (Responses API only).",
                provider_type=self.type,
            )

    def _injected(self, call: ProviderCall, body: dict[str, Any], headers: Mapping[str, str]) -> Mapping[str, str]:
        """Apply `extra_body`; the headers with `extra_headers`: the variant's, then the provider's, then the call's."""
        request, config = call.request, self._config
        if request.variant_extra_body or config.extra_body or request.extra_body:
            apply_body(body, request.variant_extra_body)
            apply_body(body, config.extra_body)
            apply_body(body, for_provider(request.extra_body, call.model_name, config.name))
        if request.variant_extra_headers or config.extra_headers or request.extra_headers:
            asked = for_provider(request.extra_headers, call.model_name, config.name)
            changed = dict(headers)
            apply_headers(changed, request.variant_extra_headers, config.extra_headers, asked)
            return changed
        return headers

    async def infer(self, call: ProviderCall) -> ProviderResponse:
        request = self._request(call)
        raw_request = request.body.decode()
        started = time.monotonic()
        try:
            reply = await call.face.http.send(request, _patience(call))
        except HttpError as error:
            learn_sent(request.headers)
            raise http_failures.not_sent(error, self.type, raw_request) from error
        except DeadlineExceeded as passed:
            raise http_failures.not_sent(_too_slow(passed, self._url), self.type, raw_request) from None
        latency_ms = round((time.monotonic() - started) * 1000)
        raw = http_failures.text_of(reply.body, reply.headers)
        if not 200 <= reply.status < 300:
            learn_sent(request.headers)
            raise http_failures.refused(reply.status, raw, reply.headers, self.type, raw_request)
        kept = without_echo(raw, request.headers)
        try:
            answer = self._read(reply.body, raw, raw_request, latency_ms, call)
        except ProviderError as error:
            error.raw_request, error.raw_response = raw_request, worded(raw)
            raise
        answer.raw_response = kept
        return answer

    def _read(self, body: bytes, raw: str, raw_request: str, latency_ms: int, call: ProviderCall) -> ProviderResponse:
        """A whole answer; `call` is what it answers. Raises `ProviderError`."""
        return parse_answer(body, raw, raw_request, latency_ms, self.type)

    async def stream(self, call: ProviderCall) -> OpenAIStream:
        request = self._request(call)
        raw_request = request.body.decode()
        try:
            stream = await call.face.http.open_stream(request, _patience(call))
        except HttpError as error:
            learn_sent(request.headers)
            raise http_failures.stream_broken(error, self.type, raw_request) from error
        except DeadlineExceeded as passed:
            raise http_failures.stream_broken(_too_slow(passed, self._url), self.type, raw_request) from None
        if 200 <= stream.status < 300 and stream.headers.get("content-type", "").lower().startswith("text/event-stream"):
            opened = self._opened(stream, raw_request, call)
            opened.carried(request.headers)
            return opened
        body = await _whole_body(stream, call)
        learn_sent(request.headers)
        if 200 <= stream.status < 300:
            raise http_failures.no_stream(body, stream.headers, self.type, raw_request)
        raise http_failures.stream_refused(stream.status, body, stream.headers, self.type, raw_request)

    def _opened(self, stream: HttpStream, raw_request: str, call: ProviderCall) -> OpenAIStream:
        return OpenAIStream(stream, raw_request, self.type, call)


def _patience(call: ProviderCall) -> Deadline | None:
    """Until when the next bytes may come."""
    seconds = call.read_timeout_s
    return call.deadline if seconds is None else earliest(call.deadline, Deadline.after(seconds, _read_timed_out))


def _read_timed_out() -> Exception:
    return TimeoutError("operation timed out")


def _too_slow(passed: DeadlineExceeded, url: str = "") -> HttpError:
    """What came of waiting too long for bytes; any other deadline is its owner's, and raised again."""
    if passed.deadline.error is not _read_timed_out:
        raise passed
    short = f"error sending request for url ({url})"
    return HttpError(short, (short, "operation timed out"), timed_out=True)


def _slices(count: int) -> Iterator[tuple[int, int]]:
    """1, 16, 64, 64 … of `count`."""
    start, size = 0, 1
    while start < count:
        yield start, start + size
        start, size = start + size, min(size * 16, 64)


async def _whole_body(stream: HttpStream, call: ProviderCall) -> str:
    parts: list[bytes] = []
    try:
        while part := await stream.read(call.deadline):
            parts.append(part)
    except HttpError:
        pass  # what has arrived is what there is to show
    finally:
        await stream.close()
    return b"".join(parts).decode("utf-8", "replace")


class OpenAIStream:
    """Server-sent events of one answer."""

    def __init__(self, stream: HttpStream, raw_request: str, provider_type: str, call: ProviderCall) -> None:
        self.raw_request = raw_request
        self.sent: Mapping[str, str] = {}
        self._stream = stream
        self._type = provider_type
        self._reader = ChunkReader(provider_type, raw_request)
        self._call = call
        self._begun = False

    def carried(self, headers: Mapping[str, str]) -> None:
        """What the request was sent with: what is told and kept of its answer shows none of it."""
        self.sent = self._reader.sent = headers

    async def batches(self) -> AsyncIterator[list[ProviderChunk | GatewayError]]:
        decoder = SseDecoder()
        read, chunk = self._reader.read, self._stream.read
        call = self._call
        try:
            while data := await chunk(call.deadline if call.read_timeout_s is None else _patience(call)):
                for piece in self._pieces(data):
                    events = decoder.feed(piece)
                    ended = b"[DONE]" in events
                    if ended:
                        events = events[: events.index(b"[DONE]")]
                    for start, end in _slices(len(events)):
                        yield [read(event) for event in events[start:end]]
                    if ended:
                        await self._drain()
                        return
        except HttpError as error:
            error.in_body = True
            yield [http_failures.stream_broken(error, self._type, self.raw_request)]
        except DeadlineExceeded as passed:
            slow = _too_slow(passed)
            slow.in_body = True
            yield [http_failures.stream_broken(slow, self._type, self.raw_request)]
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
