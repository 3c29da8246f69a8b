"""What a coroutine of this package may await."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from tensorzero.masking.reprs import discreet
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.sizes import Limits

T = TypeVar("T")


@discreet("headers", "body")
@dataclass(slots=True)
class HttpRequest:
    """One request: absolute URL, header names in lower case, body already encoded. Nobody changes it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    timeout_s: float = 900.0  # for the whole exchange
    redirects: int = 0  # followed before this one
    asked: str = ""  # the URL that led here by redirects


@discreet("headers", "body")
@dataclass(slots=True)
class HttpReply:
    """A whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpError(Exception):
    """No answer: refused, reset, TLS, no such name, too large. `str()` is the short cause, `chain` every one, outermost first.

    `in_body`: the head of an answer had arrived, with `status`, and its body broke off. `timed_out`: nothing is wrong but the
    time it took. `hint`: the next step, where the cause is known to be a setting on this side.
    """

    def __init__(
        self,
        message: str,
        chain: tuple[str, ...] = (),
        *,
        in_body: bool = False,
        timed_out: bool = False,
        status: int | None = None,
        hint: str | None = None,
    ) -> None:
        from tensorzero.masking.chain import worded

        super().__init__(worded(message))
        self.chain = tuple(map(worded, chain)) or self.args
        self.in_body = in_body
        self.timed_out = timed_out
        self.status = status
        self.hint = hint


class HttpStream(Protocol):
    """An answer whose body is still arriving. `limits` are those that the environment sets for answers."""

    @property
    def limits(self) -> Limits: ...

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def read(self, deadline: Deadline | None = None) -> Awaitable[bytes]:
        """What arrived since the last read, at least one byte; b"" at the end.

        Raises `HttpError` when the connection breaks, `DeadlineExceeded` when the deadline passes first.
        """
        ...

    def close(self) -> Awaitable[None]:
        """Drop the connection if the body was not read to its end. Idempotent, never raises."""
        ...


class Http(Protocol):
    """The only outgoing connection pool. Raises `HttpError` or `DeadlineExceeded`."""

    def send(self, request: HttpRequest, deadline: Deadline | None = None) -> Awaitable[HttpReply]: ...

    def open_stream(self, request: HttpRequest, deadline: Deadline | None = None) -> Awaitable[HttpStream]:
        """Returns once the headers are there."""
        ...

    def close(self) -> None:
        """Close idle connections; a later call opens a new pool."""
        ...


class Runtime(Protocol):
    """Blocking or asyncio; see the package docstring."""

    http: Http

    def sleep(self, seconds: float, deadline: Deadline | None = None) -> Awaitable[None]:
        """Wait; raises `DeadlineExceeded` at the deadline if that comes first."""
        ...

    def blocking(self, function: Callable[..., T], *args: Any, deadline: Deadline | None = None) -> Awaitable[T]:
        """Run a blocking function where it holds up no event loop, and where Ctrl-C reaches its caller.

        Raises `DeadlineExceeded` when the deadline passes first; the function is left to end by itself.
        """
        ...

    def gather(self, *coroutines: Coroutine[Any, Any, T]) -> Awaitable[list[T | Exception]]:
        """Run all at the same time; results in order, an exception in its place."""
        ...
