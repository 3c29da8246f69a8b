"""HTTP through httpx: a user's own client, and wherever libcurl is missing or the loop cannot watch sockets."""

from __future__ import annotations

import asyncio
import base64
import importlib
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from tensorzero.masking.log import quiet
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.destination import Destination, destination
from tensorzero.runtime.fault_hints import fault_hint
from tensorzero.runtime.httpx_decoding import ACCEPTED, Decoding
from tensorzero.runtime.httpx_transports import Transports, async_transport, timed_transport, until
from tensorzero.runtime.limits import limits_of_environment
from tensorzero.runtime.proxies import proxy_for, without_secrets
from tensorzero.runtime.redirects import REDIRECTS, following
from tensorzero.runtime.running_loop import running_loop
from tensorzero.runtime.runtime import HttpError, HttpReply, HttpRequest
from tensorzero.runtime.sizes import Limits

if TYPE_CHECKING:
    import httpx

_SHORTEST_S = 0.001

# They write down whole URLs and what servers say.
for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks"):
    quiet(_name)


def _failure(
    error: BaseException, place: Destination, *, in_body: bool = False, timed_out: bool = False, status: int | None = None
) -> HttpError:
    if getattr(error, "_request", None) is not None:
        vars(error)["_request"] = None  # it holds the URL and the headers, keys included
    short = f"error sending request for url ({place.shown})"
    words = without_secrets(str(error)) or type(error).__name__
    of_proxy = type(error).__name__ in ("ProxyError", "ConnectError", "ConnectTimeout") and proxy_for(place) is not None
    hint = fault_hint(words, place, of_proxy=of_proxy)
    return HttpError(short, (short, words), in_body=in_body, timed_out=timed_out, status=status, hint=hint)


def _built(request: HttpRequest, place: Destination, ends_at: float, deadline: Deadline | None) -> httpx.Request:
    """Raises `HttpError` for a header that HTTP cannot carry, without showing its value."""
    import httpx

    left = max(_SHORTEST_S, _ends(ends_at, deadline) - time.monotonic())
    timeout = httpx.Timeout(left).as_dict()
    given = {"accept": "*/*", "accept-encoding": ACCEPTED, **request.headers}
    if place.user and "authorization" not in given:
        name, _, password = place.user.partition(":")
        user = f"{unquote(name)}:{unquote(password)}".encode()
        given["authorization"] = f"Basic {base64.b64encode(user).decode()}"
    try:
        headers = [(name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in given.items()]
        return httpx.Request(request.method, place.url, content=request.body, headers=headers, extensions={"timeout": timeout})
    except UnicodeError:
        raise HttpError("builder error", ("builder error", "failed to parse a header's name or value")) from None
    except httpx.InvalidURL as error:
        raise HttpError("builder error", ("builder error", str(error))) from None


def _ends(ends_at: float, deadline: Deadline | None) -> float:
    return ends_at if deadline is None else min(ends_at, deadline.at)


def _expired(error: BaseException, place: Destination, deadline: Deadline | None, status: int | None = None) -> Exception:
    """Of a time-out: whose it was."""
    if deadline is not None and time.monotonic() >= deadline.at - 0.05:
        return DeadlineExceeded(deadline)
    return _failure(error, place, timed_out=True, in_body=status is not None, status=status)


def _used_once(response: httpx.Response) -> Any:
    """The connection to close instead of keeping it: see `Transfer.begin_stream`."""
    return response.extensions.get("network_stream") if "keep-alive" in response.headers else None


def _goes_through_a_proxy(client: httpx.Client | httpx.AsyncClient) -> bool:
    """Whether a user's client sends anything through the environment's proxies."""
    return client.trust_env and bool(getattr(client, "_mounts", True))


def _set_read_timeout(response: httpx.Response, seconds: float) -> None:
    """httpx hands its time-outs down in the request's extensions, which it reads again at every read."""
    timeouts: dict[str, Any] = response.request.extensions.get("timeout", {})
    timeouts["read"] = max(_SHORTEST_S, seconds)


class _Httpx:
    """What both have in common."""

    def __init__(self) -> None:
        importlib.import_module("httpx")  # now, while there are descriptors for it; later imports find it

        self._limits: Limits | None = None

    def _settings(self) -> Limits:
        self._limits = self._limits or limits_of_environment()
        return self._limits


class BlockingHttpx(_Httpx):
    """Transports of ours, made when they are first needed and again after a fork, or the user's own client."""

    def __init__(self, client: httpx.Client | None = None) -> None:
        super().__init__()
        self._own = client
        self._made = Transports(timed_transport)
        self._pid = os.getpid()

    def _sent(self, request: httpx.Request, place: Destination) -> httpx.Response:
        if self._own is not None and not (place.here and _goes_through_a_proxy(self._own)):
            return self._own.send(request, stream=True, follow_redirects=False)
        if self._pid != os.getpid():
            self._made, self._pid = Transports(timed_transport), os.getpid()
        response = self._made.of(place).handle_request(request)
        response.request = request
        return response

    async def send(self, request: HttpRequest, deadline: Deadline | None = None) -> HttpReply:
        stream = await self.open_stream(request, deadline)
        body = bytearray()  # which goes back to the system when it is freed, unlike many pieces
        try:
            while part := await stream.read(deadline):
                body += part
        except BaseException:
            body.clear()  # a traceback may live on
            raise
        finally:
            await stream.close()
        return HttpReply(stream.status, stream.headers, bytes(body))

    async def open_stream(self, request: HttpRequest, deadline: Deadline | None = None) -> BlockingHttpxStream:
        import httpx

        place = destination(request.url)
        ends_at = time.monotonic() + request.timeout_s
        built = _built(request, place, ends_at, deadline)
        try:
            with until(_ends(ends_at, deadline)):
                response = self._sent(built, place)
        except HttpError:
            raise
        except httpx.TimeoutException as error:
            raise _expired(error, place, deadline) from error
        except Exception as error:  # no descriptor left, a closed client, whatever a user's own client raises
            raise _failure(error, place) from error
        onward = _onward(self._own, request, response, ends_at)
        if onward is not None:
            response.close()
            return await self.open_stream(onward, deadline)
        return BlockingHttpxStream(response, place, ends_at, self._settings())

    def close(self) -> None:
        if self._pid == os.getpid():
            for transport in self._made.all():
                transport.close()
        self._made = Transports(timed_transport)


def _onward(
    own: httpx.Client | httpx.AsyncClient | None, request: HttpRequest, response: httpx.Response, ends_at: float
) -> HttpRequest | None:
    """What a redirect asks for. A user's own client says whether any is followed."""
    if response.status_code not in REDIRECTS or (own is not None and not own.follow_redirects):
        return None
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}
    return following(request, response.status_code, headers, ends_at)


class _HttpxStream:
    """What both have in common."""

    def __init__(self, response: httpx.Response, place: Destination, ends_at: float, limits: Limits) -> None:
        self.limits = limits
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)
        self._response = response
        self._place = place
        self._ends_at = ends_at
        self._pieces: Iterator[bytes] = iter(())
        consumed = response.is_stream_consumed  # a recorded answer: it is whole, and decoded
        encoding = "" if consumed else response.headers.get("content-encoding", "")
        self._decoding = Decoding(encoding, limits, place.shown, self.status)
        self._consumed = consumed

    def _check_time(self, deadline: Deadline | None) -> None:
        now = time.monotonic()
        if now >= self._ends_at:
            raise _failure(TimeoutError("operation timed out"), self._place, in_body=True, timed_out=True, status=self.status)
        if deadline is not None and now >= deadline.at:
            raise DeadlineExceeded(deadline)

    def _broken(self, error: BaseException) -> HttpError:
        return _failure(error, self._place, in_body=True, status=self.status)


class BlockingHttpxStream(_HttpxStream):
    def __init__(self, response: httpx.Response, place: Destination, ends_at: float, limits: Limits) -> None:
        try:
            super().__init__(response, place, ends_at, limits)
        except BaseException:
            response.close()
            raise
        self._parts: Iterator[bytes] = response.iter_bytes() if self._consumed else response.iter_raw()

    async def read(self, deadline: Deadline | None = None) -> bytes:
        import httpx

        while True:
            piece = next(self._pieces, b"")
            if piece:
                return piece
            self._check_time(deadline)
            moment = _ends(self._ends_at, deadline)
            _set_read_timeout(self._response, moment - time.monotonic())
            try:
                with until(moment):
                    part = next(self._parts, None)
            except httpx.TimeoutException as error:
                raise _expired(error, self._place, deadline, self.status) from error
            except Exception as error:
                raise self._broken(error) from error
            if part is None:
                return b""
            self._pieces = self._decoding.pieces(part)

    async def close(self) -> None:
        self._response.close()
        connection = _used_once(self._response)
        if connection is not None:
            connection.close()


class AsyncHttpx(_Httpx):
    """Transports of ours for each loop, or the user's own client."""

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        super().__init__()
        self._own = client
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, Transports[httpx.AsyncHTTPTransport]] = WeakKeyDictionary()
        self._pid = os.getpid()

    async def _sent(self, request: httpx.Request, place: Destination, loop: asyncio.AbstractEventLoop) -> httpx.Response:
        if self._own is not None and not (place.here and _goes_through_a_proxy(self._own)):
            return await self._own.send(request, stream=True, follow_redirects=False)
        if self._pid != os.getpid():
            self._made, self._pid = WeakKeyDictionary(), os.getpid()
        if loop not in self._made:
            self._made[loop] = Transports(async_transport)
        response = await self._made[loop].of(place).handle_async_request(request)
        response.request = request
        return response

    async def send(self, request: HttpRequest, deadline: Deadline | None = None) -> HttpReply:
        stream = await self.open_stream(request, deadline)
        body = bytearray()  # which goes back to the system when it is freed, unlike many pieces
        try:
            while part := await stream.read(deadline):
                body += part
        except BaseException:
            body.clear()  # a traceback may live on
            raise
        finally:
            await stream.close()
        return HttpReply(stream.status, stream.headers, bytes(body))

    async def open_stream(self, request: HttpRequest, deadline: Deadline | None = None) -> AsyncHttpxStream:
        import httpx

        place = destination(request.url)
        ends_at = time.monotonic() + request.timeout_s
        built, loop = _built(request, place, ends_at, None), running_loop()
        try:
            response = await _before(self._sent(built, place, loop), ends_at, deadline)
        except (HttpError, DeadlineExceeded):
            raise
        except (httpx.TimeoutException, asyncio.TimeoutError) as error:
            raise _expired(error, place, deadline) from error
        except Exception as error:  # no descriptor left, a closed client, whatever a user's own client raises
            raise _failure(error, place) from error
        try:
            onward = _onward(self._own, request, response, ends_at)
            if onward is None:
                return AsyncHttpxStream(response, place, ends_at, self._settings())
        except BaseException:
            await response.aclose()
            raise
        await response.aclose()
        return await self.open_stream(onward, deadline)

    def close(self) -> None:
        self._made = WeakKeyDictionary()


async def _before(awaitable: Any, ends_at: float, deadline: Deadline | None) -> Any:
    """Raises asyncio's TimeoutError, or `DeadlineExceeded`."""
    left = max(0.0, _ends(ends_at, deadline) - time.monotonic())
    try:
        return await asyncio.wait_for(awaitable, left)
    except asyncio.TimeoutError:
        if deadline is not None and deadline.at <= ends_at:
            raise DeadlineExceeded(deadline) from None
        raise


class AsyncHttpxStream(_HttpxStream):
    def __init__(self, response: httpx.Response, place: Destination, ends_at: float, limits: Limits) -> None:
        super().__init__(response, place, ends_at, limits)
        self._parts: AsyncIterator[bytes] = response.aiter_bytes() if self._consumed else response.aiter_raw()

    async def read(self, deadline: Deadline | None = None) -> bytes:
        import httpx

        while True:
            piece = next(self._pieces, b"")
            if piece:
                return piece
            self._check_time(deadline)
            try:
                part = await _before(self._parts.__anext__(), self._ends_at, deadline)
            except StopAsyncIteration:
                return b""
            except DeadlineExceeded:
                raise
            except (httpx.TimeoutException, asyncio.TimeoutError) as error:
                raise _expired(error, self._place, deadline, self.status) from error
            except Exception as error:
                raise self._broken(error) from error
            self._pieces = self._decoding.pieces(part)

    async def close(self) -> None:
        await self._response.aclose()
        connection = _used_once(self._response)
        if connection is not None:
            await connection.aclose()
