"""A provider that needs no key and no network: for tests, notebooks and documentation.

The model name chooses the behaviour (`dummy::good`, `dummy::echo`, `dummy::error`, `dummy::slow` …; docs/dummy.md). Tests can
put their own answers in with `script`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from tensorzero.gateway.bounded import Bounded
from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import FatalStreamError, GatewayError, ProviderError, RateLimited
from tensorzero.gateway.providers import dummy_answers as answers
from tensorzero.gateway.providers.credentials import resolve
from tensorzero.gateway.providers.extra import apply_body, apply_headers, for_provider
from tensorzero.gateway.values import Block, ProviderCall, ProviderChunk, ProviderResponse, Usage

_PAUSE_S = 0.01
_FIXED_USAGE = {
    "input_tokens_zero": (0, None),
    "output_tokens_zero": (10, 0),
    "input_tokens_output_tokens_zero": (0, 0),
    "input_five_output_six": (5, 6),
}
_TOOL_STREAMS = ("tool", "tool_split_name", "good_tool")
_SILENT_STREAMS = ("reasoner", "json_reasoner", "json")  # their raw chunks are empty

_RATE_LIMIT = (
    "TensorZero rate limit exceeded for `token` resource.\n"
    'Scope: tag_key="test" tag_value="tensorzero::total"\nRequested: 100\nAvailable: 0'
)

_calls: Bounded[str, int] = Bounded()  # of flaky models
_scripts: dict[str, deque[Scripted]] = {}
_lock = threading.RLock()


@dataclass(frozen=True, slots=True)
class Scripted:
    """One answer of a test's own: `deltas` are streamed one by one, a plain call gets them joined; or `error` is raised.

    `pause_s` is waited before each delta.
    """

    deltas: tuple[str, ...] = ()
    error: str | None = None
    pause_s: float = 0.0


@contextmanager
def script(model: str, *replies: str | Scripted) -> Any:
    """Inside the block, `dummy::<model>` answers with `replies` in turn, the last one for ever. Holds for the whole process."""
    queue = deque(Scripted((reply,)) if isinstance(reply, str) else reply for reply in replies)
    _scripts[model] = queue
    try:
        yield
    finally:
        del _scripts[model]


def _scripted(model: str) -> Scripted | None:
    queue = _scripts.get(model)
    if not queue:
        return None
    with _lock:
        reply = queue[0]
        if len(queue) > 1:
            queue.popleft()
        return reply


class DummyProvider:
    """`type = "dummy"`."""

    type = "dummy"
    api_type = "chat_completions"

    def __init__(self, config: ProviderConfig) -> None:
        self._config = config
        self._model = str(config.settings["model_name"])

    async def infer(self, call: ProviderCall) -> ProviderResponse:
        model = self._model
        scripted = _scripted(model)
        if scripted is not None:
            return await self._infer_script(call, scripted)
        if model == "slow":
            await call.runtime.sleep(5.0, call.deadline)
        await call.runtime.sleep(0.001, call.deadline)
        self._fail_if_flaky(RateLimited(_RATE_LIMIT) if "rate_limit" in model else None)
        self._fail_if_named_so()
        if model == "llm_judge::error":
            raise self._error("Dummy error in inference")
        if model == "multiple-text-blocks" and _text_count(call) != 2:
            raise self._error("First message must have exactly two text blocks")
        self._check_key(call)
        if model == "require_pdf" and not answers.has_pdf(call.request):
            raise self._error("PDF must be provided for require_pdf model")
        content, raw = self._injected(call) or answers.answer(model, call.request)
        return self._response(content, raw)

    def _response(self, content: list[Block], raw: str) -> ProviderResponse:
        finish = "tool_call" if "tool" in self._model else "stop"
        usage = _usage(self._model, len(content))
        return ProviderResponse(content, usage, finish, answers.RAW_REQUEST, raw, None, 100)

    async def _infer_script(self, call: ProviderCall, scripted: Scripted) -> ProviderResponse:
        if scripted.error is not None:
            raise self._error(scripted.error)
        await call.runtime.sleep(scripted.pause_s * len(scripted.deltas), call.deadline)
        return self._response([{"type": "text", "text": "".join(scripted.deltas)}], answers.RAW)

    def _check_key(self, call: ProviderCall) -> None:
        key = resolve(self._config.credential, call.credentials, "Dummy")
        if self._model == "test_key" and key not in (None, "good_key"):
            raise self._error("Invalid API key for Dummy provider")

    def _injected(self, call: ProviderCall) -> tuple[list[Block], str] | None:
        """The two models that show `extra_body` and `extra_headers`."""
        request = call.request
        bodies = [*request.variant_extra_body, *self._config.extra_body]
        bodies += for_provider(request.extra_body, call.model_name, self._config.name)
        headers = [*request.variant_extra_headers, *self._config.extra_headers]
        headers += for_provider(request.extra_headers, call.model_name, self._config.name)
        if self._model == "echo_injected_data":
            body: dict[str, Any] = {}
            sent: dict[str, str] = {}
            apply_body(body, bodies)
            apply_headers(sent, headers)
            shown = {"injected_body": body, "injected_headers": [list(item) for item in sent.items()]}
            return [{"type": "text", "text": orjson.dumps(shown).decode()}], answers.RAW
        if self._model == "echo_extra_info":
            shown = {"extra_body": [repr(e) for e in bodies], "extra_headers": [repr(e) for e in headers]}
            return [{"type": "text", "text": orjson.dumps(shown).decode()}], answers.RAW
        return None

    def _fail_if_flaky(self, limited: RateLimited | None = None) -> None:
        if not self._model.startswith("flaky_"):
            return
        with _lock:
            number = _calls.pop(self._model, 0) + 1
            _calls.add(self._model, number)
        if number % 2 == 0:
            if limited is not None:
                raise limited
            raw = "dummy flaky error raw response" if "raw_response" in self._model else None
            raise self._error(f"Flaky model '{self._model}' failed on call number {number}", raw)

    def _fail_if_named_so(self) -> None:
        if self._model == "error_with_raw_response":
            raise ProviderError(
                "Error 500 Internal Server Error from dummy client: Error from Dummy provider with raw response",
                provider_type="dummy",
                raw_request="dummy error raw request",
                raw_response="dummy error raw response",
            )
        if self._model.startswith("error"):
            raise self._error(f"Error sending request to Dummy provider for model '{self._model}'.")

    def _error(self, message: str, raw_response: str | None = None) -> ProviderError:
        return ProviderError(
            f"Error from dummy client: {message}",
            provider_type="dummy",
            raw_request=answers.RAW_REQUEST,
            raw_response=raw_response,
        )

    async def stream(self, call: ProviderCall) -> DummyStream:
        scripted = _scripted(self._model)
        if scripted is not None:
            if scripted.error is not None:
                raise self._error(scripted.error)
            return DummyStream(self._model, call, [_text_chunk(delta) for delta in scripted.deltas], scripted.pause_s)
        if self._model == "slow":
            await call.runtime.sleep(5.0, call.deadline)
        self._fail_if_flaky()
        self._fail_if_named_so()
        return DummyStream(self._model, call, _deltas(self._model), _PAUSE_S)


def _text_count(call: ProviderCall) -> int:
    messages = call.request.messages
    return sum(block.type == "text" for block in messages[0].content) if messages else 0


def _usage(model: str, count: int) -> Usage:
    fixed_input, fixed_output = _FIXED_USAGE.get(model, (10, None))
    return Usage(fixed_input, count if fixed_output is None else fixed_output)


def _text_chunk(text: str) -> Block:
    return {"type": "text", "text": text, "id": "0"}


def _thought_chunk(text: str) -> Block:
    return {"type": "thought", "text": text, "id": "0"}


def _tool_chunks(parts: Iterable[str], names: tuple[str, ...]) -> list[Block]:
    return [
        {"type": "tool_call", "id": "0", "raw_name": names[i] if i < len(names) else "", "raw_arguments": part}
        for i, part in enumerate(parts)
    ]


def _deltas(model: str) -> list[Block]:
    match model:
        case "reasoner":
            return [_thought_chunk(t) for t in answers.STREAM_THINK] + [_text_chunk(t) for t in answers.STREAM]
        case "json_reasoner":
            return [_thought_chunk(t) for t in answers.STREAM_THINK] + [_text_chunk(t) for t in answers.STREAM_JSON]
        case "json":
            return [_text_chunk(t) for t in answers.STREAM_JSON]
        case "tool":
            return _tool_chunks(answers.STREAM_TOOL, ("get_temperature",))
        case "tool_split_name":
            return _tool_chunks(answers.STREAM_TOOL, ("get_temp", "erature"))
        case "good_tool":
            return _tool_chunks(answers.STREAM_GOOD_TOOL, ("get_temperature",))
        case _:
            return [_text_chunk(text) for text in answers.STREAM]


class DummyStream:
    """One delta every 10 ms, then usage and finish reason."""

    raw_request = answers.RAW_REQUEST
    sent: Mapping[str, str] = MappingProxyType({})
    complaint: str | None = None

    def __init__(self, model: str, call: ProviderCall, deltas: list[Block], pause_s: float) -> None:
        self._model = model
        self._call = call
        self._deltas = deltas
        self._pause_s = pause_s
        self._closed = False

    async def batches(self) -> AsyncIterator[list[ProviderChunk | GatewayError]]:
        for index, delta in enumerate(self._deltas):
            if self._closed:
                return
            await self._pause(index)
            error = self._planned_error(index)
            if error is not None:
                yield [error]
                if isinstance(error, FatalStreamError):
                    return
                continue
            text = delta.get("text") if delta["type"] != "tool_call" else delta["raw_arguments"]
            yield [ProviderChunk([delta], "" if self._model in _SILENT_STREAMS else str(text))]
        yield [self._last()]

    async def _pause(self, index: int) -> None:
        seconds = 2.0 if self._model == "slow_second_chunk" and index == 1 else self._pause_s
        if seconds:
            await self._call.runtime.sleep(seconds, self._call.deadline)

    def _planned_error(self, index: int) -> GatewayError | None:
        model = self._model
        if index == 3 and model == "err_in_stream":
            return ProviderError("Error from dummy client: Dummy error in stream", provider_type="dummy")
        if index == 3 and model == "err_in_stream_with_raw_response":
            raw = '{"error": "dummy client raw response"}'
            message = "Error from dummy client: Dummy error in stream with raw response"
            return ProviderError(message, provider_type="dummy", raw_response=raw)
        if index == 2 and model == "fatal_stream_error":
            return FatalStreamError("Error from dummy client: Dummy fatal error", provider_type="dummy")
        if index == 2 and model == "fatal_stream_error_with_raw_response":
            raw = '{"error": "dummy fatal raw response"}'
            message = "Error from dummy client: Dummy fatal error with raw response"
            return FatalStreamError(message, provider_type="dummy", raw_response=raw)
        return None

    def _last(self) -> ProviderChunk:
        usage = _usage(self._model, len(self._deltas))
        prompt = 10 if self._model in _SILENT_STREAMS else usage.input_tokens or 0
        completion = usage.output_tokens or 0
        raw = orjson.dumps(
            {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}}
        ).decode()
        return ProviderChunk([], raw, usage, "tool_call" if self._model in _TOOL_STREAMS else "stop")

    async def close(self) -> None:
        self._closed = True
