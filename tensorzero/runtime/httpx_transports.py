"""httpx transports of our own: one for each proxy, whose every wait on a socket ends in time.

httpx itself knows a time-out for each read, which a server that sends one byte a second never meets. Its clients would also
keep cookies, and read a `Location` in their own way.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from tensorzero.runtime.certificates import certificate_hint, trusted
from tensorzero.runtime.destination import Destination
from tensorzero.runtime.proxies import proxy_for, proxy_hint, without_secrets
from tensorzero.runtime.runtime import HttpError

if TYPE_CHECKING:
    import httpcore
    import httpx

T = TypeVar("T")
Key = tuple[str, str | None, str | None, str | None]

_KEPT = 8
_SHORTEST_S = 0.001
_SOCKS = "The package `socksio` brings SOCKS to httpx: `pip install socksio`."


class Transports(Generic[T]):
    """`make(verify, proxy)`: a transport for one proxy or none."""

    def __init__(self, make: Callable[[ssl.SSLContext, str | None], T]) -> None:
        self._make = make
        self._made: dict[Key, T] = {}

    def of(self, place: Destination) -> T:
        """As the environment is now. Raises `HttpError` where its proxy or its certificates are of no use."""
        proxy = proxy_for(place)
        key = (place.scheme, proxy, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        known = self._made.get(key)
        if known is not None:
            return known
        encrypted = "https" in (place.scheme, (proxy or "").partition(":")[0].lower())
        verify = _trusting() if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the latter trusts nobody
        if len(self._made) >= _KEPT:
            self._made.clear()
        made = self._made[key] = self._proxied(verify, proxy, place)
        return made

    def _proxied(self, verify: ssl.SSLContext, proxy: str | None, place: Destination) -> T:
        import httpx

        try:
            return self._make(verify, None if proxy is None else _sound(proxy))
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            short = f"error sending request for url ({place.shown})"
            hint = _SOCKS if isinstance(error, ImportError) else None
            words = " ".join(filter(None, (proxy_hint(place.scheme), hint)))
            raise HttpError(short, (short, f"the proxy cannot be used: {without_secrets(str(error))}"), hint=words) from None

    def all(self) -> list[T]:
        return list(self._made.values())


def _sound(proxy: str) -> str:
    """The proxy's URL. Raises ValueError for one that names no machine."""
    parts = urlsplit(proxy)
    if not parts.hostname or parts.port == 0:
        raise ValueError("its URL names no machine")
    return proxy


def _trusting() -> ssl.SSLContext:
    found = trusted()
    try:
        return ssl.create_default_context(cafile=found.file, capath=found.directory)
    except (OSError, ValueError) as error:
        reason = f"the certificates cannot be read: {error}"
        raise HttpError(reason, hint=certificate_hint()) from None


def timed_transport(verify: ssl.SSLContext, proxy: str | None) -> httpx.HTTPTransport:
    """A blocking one that obeys `until`."""
    import httpx

    transport = httpx.HTTPTransport(verify=verify, proxy=proxy, trust_env=False)
    pool: Any = getattr(transport, "_pool", None)
    if hasattr(pool, "_network_backend"):  # no public way leads there
        pool._network_backend = _backend()
    return transport


def async_transport(verify: ssl.SSLContext, proxy: str | None) -> httpx.AsyncHTTPTransport:
    import httpx

    return httpx.AsyncHTTPTransport(verify=verify, proxy=proxy, trust_env=False)


class _Until(threading.local):
    at: float | None = None


_until = _Until()


@contextlib.contextmanager
def until(moment: float) -> Generator[None]:
    """Let every wait of this thread on a timed transport's sockets end at a moment of `time.monotonic()`."""
    before, _until.at = _until.at, moment
    try:
        yield
    finally:
        _until.at = before


def _left(timeout: float | None) -> float | None:
    if _until.at is None:
        return timeout
    left = max(_SHORTEST_S, _until.at - time.monotonic())
    return left if timeout is None else min(timeout, left)


def _backend() -> httpcore.NetworkBackend:
    import httpcore

    class Stream(httpcore.NetworkStream):
        def __init__(self, inner: httpcore.NetworkStream) -> None:
            self._inner = inner

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            self._check(httpcore.ReadTimeout)
            return self._inner.read(max_bytes, _left(timeout))

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self._check(httpcore.WriteTimeout)
            self._inner.write(buffer, _left(timeout))

        def close(self) -> None:
            self._inner.close()

        def start_tls(
            self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
        ) -> httpcore.NetworkStream:
            return Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

        def get_extra_info(self, info: str) -> Any:
            return self._inner.get_extra_info(info)

        def _check(self, late: type[Exception]) -> None:
            """A server that never pauses is never waited for either."""
            if _until.at is not None and time.monotonic() >= _until.at:
                raise late("timed out")

    class Backend(httpcore.NetworkBackend):
        def __init__(self) -> None:
            self._inner = httpcore.SyncBackend()

        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore.NetworkStream:
            seconds = _left(timeout)
            connect = partial(self._inner.connect_tcp, host, port, seconds, local_address, socket_options)
            return Stream(connect() if seconds is None else _within(seconds, connect, httpcore.ConnectTimeout))

    return Backend()


def _within(seconds: float, connect: Callable[[], httpcore.NetworkStream], late: type[Exception]) -> httpcore.NetworkStream:
    """The connection, or `late`: the system's resolver knows no time limit, so that it is waited for elsewhere."""
    outcome: list[httpcore.NetworkStream | Exception] = []
    lock = threading.RLock()
    abandoned = False

    def run() -> None:
        try:
            found: httpcore.NetworkStream | Exception = connect()
        except Exception as error:  # noqa: BLE001 - raised again on the calling thread
            found = error
        with lock:
            outcome.append(found)
            if abandoned and not isinstance(found, Exception):
                found.close()

    thread = threading.Thread(target=run, name="tensorzero-connecting", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread can be started
        return connect()
    thread.join(seconds)
    with lock:
        abandoned = not outcome
    if abandoned:
        raise late("timed out")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]
