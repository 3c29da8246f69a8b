"""HTTP through httpx: a user's own client, and wherever libcurl is missing or the loop cannot watch sockets."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from tensorzero.faces.deadline import Deadline, DeadlineExceeded
from tensorzero.faces.face import HttpError, HttpReply, HttpRequest
from tensorzero.masking.log import quiet

if TYPE_CHECKING:
    import httpx

# They write down whole URLs and what servers say.
for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks"):
    quiet(_name)


def _failure(error: Exception, url: str, *, in_body: bool = False, timed_out: bool = False) -> HttpError:
    circling = type(error).__name__ == "TooManyRedirects"
    if getattr(error, "_request", None) is not None:
        vars(error)["_request"] = None  # it holds the URL and the headers, keys included
    text = f"error {'following redirect' if circling else 'sending request'} for url ({url})"
    return HttpError(text, (text, str(error) or type(error).__name__), in_body=in_body, timed_out=timed_out)


def _built(client: httpx.Client | httpx.AsyncClient, request: HttpRequest, timeout_s: float) -> httpx.Request:
    """Raises `HttpError` for a URL or a header that HTTP cannot carry, without showing a header's value."""
    import httpx

    try:
        headers = [(name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in request.headers.items()]
        return client.build_request(request.method, request.url, content=request.body, headers=headers, timeout=timeout_s)
    except (UnicodeError, httpx.InvalidURL) as error:
        reason = str(error) if isinstance(error, httpx.InvalidURL) else "failed to parse a header's name or value"
        raise HttpError("builder error", ("builder error", reason)) from None


def _timeout(timeout_s: float, deadline: Deadline | None) -> float:
    return timeout_s if deadline is None else max(0.001, min(timeout_s, deadline.remaining()))


class BlockingHttpx:
    """A client of ours, made when it is first needed and again after a fork, or the user's own."""

    def __init__(self, client: httpx.Client | None = None) -> None:
        self._own = client
        self._made: httpx.Client | None = None
        self._pid = os.getpid()

    def _client(self) -> httpx.Client:
        import httpx

        if self._own is not None:
            return self._own
        if self._made is None or self._pid != os.getpid():
            self._made, self._pid = httpx.Client(follow_redirects=True), os.getpid()
        return self._made

    async def send(self, request: HttpRequest, deadline: Deadline | None = None) -> HttpReply:
        stream = await self.open_stream(request, deadline)
        parts: list[bytes] = []
        try:
            while part := await stream.read(deadline):
                parts.append(part)
        finally:
            await stream.close()
        return HttpReply(stream.status, stream.headers, b"".join(parts))

    async def open_stream(self, request: HttpRequest, deadline: Deadline | None = None) -> BlockingHttpxStream:
        import httpx

        client = self._client()
        built = _built(client, request, _timeout(request.timeout_s, deadline))
        try:
            response = client.send(built, stream=True)
        except httpx.TimeoutException as error:
            raise _expired(error, request.url, deadline) from error
        except httpx.HTTPError as error:
            raise _failure(error, request.url) from error
        return BlockingHttpxStream(response, request.url)

    def close(self) -> None:
        if self._made is not None and self._pid == os.getpid():
            self._made.close()
        self._made = None


def _expired(error: Exception, url: str, deadline: Deadline | None) -> Exception:
    if deadline is not None and time.monotonic() >= deadline.at - 0.05:
        return DeadlineExceeded(deadline)
    return _failure(error, url, timed_out=True)


def _used_once(response: httpx.Response) -> Any:
    """The connection to close instead of keeping it: see `Transfer.begin_stream`."""
    return response.extensions.get("network_stream") if "keep-alive" in response.headers else None


class BlockingHttpxStream:
    def __init__(self, response: httpx.Response, url: str) -> None:
        self._response = response
        self._parts: Iterator[bytes] = response.iter_bytes()
        self._url = url
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)

    async def read(self, deadline: Deadline | None = None) -> bytes:
        import httpx

        _set_read_timeout(self._response, deadline)
        try:
            return next((part for part in self._parts if part), b"")
        except httpx.TimeoutException as error:
            raise _expired(error, self._url, deadline) from error
        except httpx.HTTPError as error:
            raise _failure(error, self._url, in_body=True) from error

    async def close(self) -> None:
        self._response.close()
        connection = _used_once(self._response)
        if connection is not None:
            connection.close()


def _set_read_timeout(response: httpx.Response, deadline: Deadline | None) -> None:
    """httpx hands its time-outs down in the request's extensions, which it reads again at every read."""
    if deadline is not None:
        timeouts: dict[str, Any] = response.request.extensions.get("timeout", {})
        timeouts["read"] = max(0.001, deadline.remaining())


class AsyncHttpx:
    """A client of ours for each loop, or the user's own."""

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        self._own = client
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()
        self._pid = os.getpid()

    def _client(self) -> httpx.AsyncClient:
        import httpx

        if self._own is not None:
            return self._own
        if self._pid != os.getpid():
            self._made, self._pid = WeakKeyDictionary(), os.getpid()
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            self._made[loop] = httpx.AsyncClient(follow_redirects=True)
        return self._made[loop]

    async def send(self, request: HttpRequest, deadline: Deadline | None = None) -> HttpReply:
        stream = await self.open_stream(request, deadline)
        parts: list[bytes] = []
        try:
            while part := await stream.read(deadline):
                parts.append(part)
        finally:
            await stream.close()
        return HttpReply(stream.status, stream.headers, b"".join(parts))

    async def open_stream(self, request: HttpRequest, deadline: Deadline | None = None) -> AsyncHttpxStream:
        import httpx

        client = self._client()
        built = _built(client, request, request.timeout_s)
        try:
            response = await _before(client.send(built, stream=True), deadline)
        except httpx.HTTPError as error:
            raise _failure(error, request.url) from error
        return AsyncHttpxStream(response, request.url)

    def close(self) -> None:
        self._made = WeakKeyDictionary()


async def _before(awaitable: Any, deadline: Deadline | None) -> Any:
    if deadline is None:
        return await awaitable
    try:
        return await asyncio.wait_for(awaitable, deadline.remaining())
    except asyncio.TimeoutError:
        raise DeadlineExceeded(deadline) from None


class AsyncHttpxStream:
    def __init__(self, response: httpx.Response, url: str) -> None:
        self._response = response
        self._parts: AsyncIterator[bytes] = response.aiter_bytes()
        self._url = url
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)

    async def read(self, deadline: Deadline | None = None) -> bytes:
        import httpx

        try:
            while True:
                try:
                    part = await _before(self._parts.__anext__(), deadline)
                except StopAsyncIteration:
                    return b""
                if part:
                    return part
        except httpx.HTTPError as error:
            raise _failure(error, self._url, in_body=True) from error

    async def close(self) -> None:
        await self._response.aclose()
        connection = _used_once(self._response)
        if connection is not None:
            await connection.aclose()
