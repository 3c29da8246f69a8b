"""Calls over the wire to a gateway elsewhere."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from typing import Any

import orjson

from tensorzero.clients.encoded_body import whole_body
from tensorzero.clients.failures import timed_out, undecodable, with_hint
from tensorzero.clients.transport import Call
from tensorzero.masking.known import learn_body, learn_header, learn_sent
from tensorzero.masking.reprs import Hidden
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.runtime import HttpError, HttpRequest, HttpStream, Runtime
from tensorzero.runtime.sse import SseDecoder
from tensorzero.types import TensorZeroError, TensorZeroInternalError
from tensorzero.version import USER_AGENT

_LINGER_S = 0.05
_FIRST_ERROR = 400
_BROKEN = "Error in streaming response: Error in streaming response: SSE error"


class HttpTransport:
    """See `Transport`. `timeout_s` bounds one call from its start to the last byte of its answer."""

    def __init__(
        self, gateway_url: str, timeout_s: float | None = None, verbose_errors: bool = False, authorization: str | None = None
    ) -> None:
        self._url = gateway_url
        self._timeout_s = timeout_s
        self._verbose_errors = verbose_errors
        self._headers = {"accept": "*/*", "user-agent": USER_AGENT}
        if authorization is not None:
            self._headers["authorization"] = Hidden(authorization)
            learn_header("authorization", authorization)

    def encode_body(self, body: dict[str, Any]) -> dict[str, Any]:
        return whole_body(body)

    async def send(self, call: Call, runtime: Runtime) -> Any:
        request = self._request(call)
        try:
            reply = await runtime.http.send(request, self._deadline())
        except DeadlineExceeded:
            raise timed_out() from None
        except HttpError as error:
            self._learn(call)
            if error.in_body and not self._verbose_errors:
                raise with_hint(undecodable("error decoding response body"), self._next_step(error)) from error
            raise self._unreachable(error) from error
        if reply.status >= _FIRST_ERROR:
            self._learn(call)
            raise TensorZeroError(reply.status, _text(reply.body, reply.headers))
        body = reply.body.removeprefix(codecs.BOM_UTF8)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise undecodable(_fault(body)) from None

    async def stream(self, call: Call, runtime: Runtime) -> EventBatches:
        request = self._request(call)
        deadline = self._deadline()
        try:
            stream = await runtime.http.open_stream(request, deadline)
        except DeadlineExceeded:
            raise timed_out() from None
        except HttpError as error:
            self._learn(call)
            causes = ": ".join(error.chain)
            failed = TensorZeroInternalError(f"Internal TensorZero Error: Error in streaming response: {causes}")
            raise with_hint(failed, self._next_step(error)) from error
        batches = EventBatches(stream, deadline)
        try:
            if stream.status >= _FIRST_ERROR:
                self._learn(call)
            await batches.begin()
        except BaseException:
            await stream.close()
            raise
        return batches

    def close(self) -> None:
        """Nothing waits here."""

    def _learn(self, call: Call) -> None:
        """What this call carried, before its failure is put into words."""
        learn_sent(self._headers)
        learn_sent(call.headers)
        learn_body(call.body)

    def _deadline(self) -> Deadline | None:
        return None if self._timeout_s is None else Deadline.after(self._timeout_s, timed_out)

    def _request(self, call: Call) -> HttpRequest:
        if "://" not in self._url:
            raise with_hint(
                TensorZeroInternalError(
                    "Internal TensorZero Error: Invalid batch params retrieved from database: Failed to join base URL with "
                    f"{call.path} endpoint: relative URL with a cannot-be-a-base base"
                ),
                f"Write `http://{self._url}`.",
            )
        headers = self._headers | dict(call.headers)
        if call.stream:
            headers["accept"] = "text/event-stream"
        if call.body is None:
            return HttpRequest(call.route.method, self._url + call.path, headers)
        headers.setdefault("content-type", "application/json")
        return HttpRequest(call.route.method, self._url + call.path, headers, _encoded(call.body))

    def _unreachable(self, error: HttpError) -> TensorZeroInternalError:
        told = ": ".join(error.chain) if self._verbose_errors else str(error)
        failed = TensorZeroInternalError(f"Internal TensorZero Error: Error from server: {told}")
        return with_hint(failed, self._next_step(error))

    def _next_step(self, error: HttpError) -> str | None:
        """The innermost cause and what may be done about it; None where nothing is known."""
        cause = error.chain[-1]
        if error.hint is not None:
            return f"{cause}. {error.hint}"
        if error.in_body or error.timed_out:
            return None
        return f"{cause}. Is a gateway running at {self._url}? `TensorZeroGateway.build_embedded` needs none."


def _encoded(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # a lone surrogate: the gateway says what it thinks of it
        return json.dumps(body, separators=(",", ":")).encode()


class EventBatches:
    """The events of one answer, batched as their bytes arrived. An error event is a `TensorZeroError` item."""

    def __init__(self, stream: HttpStream, deadline: Deadline | None) -> None:
        self._stream = stream
        self._deadline = deadline
        self._decoder = SseDecoder(stream.limits.event)
        self._first: list[Any] = []
        self._ended = False
        self._complete = False

    async def begin(self) -> None:
        """Check the answer's head and wait for its first batch."""
        if self._stream.status >= _FIRST_ERROR:
            raise TensorZeroError(self._stream.status, _text(await self._rest(), self._stream.headers))
        content_type = self._stream.headers.get("content-type", "")
        if not content_type.lower().startswith("text/event-stream"):
            raise TensorZeroInternalError(
                f"Internal TensorZero Error: Error in streaming response: InvalidContentType({json.dumps(content_type)})"
            )
        self._first = await self._next()

    def __aiter__(self) -> EventBatches:
        return self

    async def __anext__(self) -> list[Any]:
        batch, self._first = self._first, []
        if not batch:
            batch = await self._next()
        if not batch:
            if self._complete:
                await self._finish()
            raise StopAsyncIteration
        return batch

    async def aclose(self) -> None:
        """Drop the connection where the answer is not read to its end."""
        self._ended = True
        await self._stream.close()

    async def _next(self) -> list[Any]:
        """The next events; none at the end."""
        items: list[Any] = []
        while not items and not self._ended:
            try:
                data = await self._stream.read(self._deadline)
                events = self._decoder.feed(data)
            except DeadlineExceeded:
                items.append(timed_out())
                await self.aclose()
                break
            except HttpError as error:
                items.append(with_hint(_event_error(_BROKEN), error.hint and f"{error.chain[-1]}. {error.hint}"))
                await self.aclose()
                break
            if not data:
                self._ended = True
            elif self._decode(events, items):
                self._ended = self._complete = True
                break
        return items

    async def _finish(self) -> None:
        """After the last event: read the body's end where it is there already, so that the connection can be used again."""
        self._complete = False
        try:
            await self._stream.read(Deadline.after(_LINGER_S, timed_out))
        except (DeadlineExceeded, HttpError):
            pass
        finally:
            await self._stream.close()

    def _decode(self, events: list[bytes], items: list[Any]) -> bool:
        """Append the values of `events`; whether the stream ends with them."""
        for data in events:
            if data == b"[DONE]":
                return True
            try:
                value = orjson.loads(data)
            except orjson.JSONDecodeError:
                items.append(_event_error(_not_json(data)))
                return True
            if isinstance(value, dict) and "error" in value:
                reason = orjson.dumps(value["error"]).decode()
                items.append(_event_error(f"Error in streaming response: Stream produced an error: {reason}"))
            else:
                items.append(value)
        return False

    async def _rest(self) -> bytes:
        pieces: list[bytes] = []
        try:
            while data := await self._stream.read(self._deadline):
                pieces.append(data)
        except DeadlineExceeded:
            raise timed_out() from None
        except HttpError:
            await self._stream.close()
        return b"".join(pieces)


def _event_error(message: str) -> TensorZeroError:
    return TensorZeroError(500, orjson.dumps({"error": message}).decode())


def _not_json(data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError:
        return _BROKEN
    return f"Error deserializing inference response chunk: {_fault(data)}"


def _text(body: bytes, headers: Mapping[str, str]) -> str:
    """A refusal that is not the gateway's own may say how it is encoded."""
    _, _, charset = headers.get("content-type", "").lower().partition("charset=")
    try:
        return body.decode(charset.strip(' "') or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _fault(body: bytes) -> str:
    from tensorzero.parsing.json_fault import json_fault

    return json_fault(body) or "not JSON"
