"""Who asks: the headers of a key, or a signature over the finished request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

from tensorzero.gateway.config.sections import CredentialLocation
from tensorzero.gateway.providers.credentials import resolve
from tensorzero.runtime.runtime import HttpRequest, Runtime

NO_HEADERS: Mapping[str, str] = {}


class Asking(Protocol):
    """What of a call an authorizer needs."""

    @property
    def runtime(self) -> Runtime: ...
    @property
    def credentials(self) -> Mapping[str, str]: ...


class Authorization(NamedTuple):
    """`headers` join the request before `extra_headers` change it. `sign`, where there is one, gets the finished request, with
    its method, URL, headers and body, and returns the one to send."""

    headers: Mapping[str, str]
    sign: Callable[[HttpRequest], Awaitable[HttpRequest]] | None = None


class Authorizer(Protocol):
    """Made once for a provider and asked by every call, in any thread: what it keeps for all of them, such as a token that runs
    out, it refreshes once for all that wait."""

    async def authorize(self, call: Asking) -> Authorization:
        """Raises `MissingKey` and other `GatewayError`s, before anything else of the request is looked at."""
        ...


class KeyInHeader:
    """A key in one header: `authorization: Bearer …`, or `x-api-key: …` with another `header` and no `scheme`.

    `shown`: the provider's name in errors. `login`: what stands in the header where no key is sent.
    """

    def __init__(
        self,
        location: CredentialLocation,
        shown: str,
        *,
        header: str = "authorization",
        scheme: str = "Bearer ",
        login: str | None = None,
    ) -> None:
        self._location = location
        self._shown = shown
        self._header = header
        self._scheme = scheme
        self._without_key = Authorization(NO_HEADERS if login is None else {header: login})

    async def authorize(self, call: Asking) -> Authorization:
        key = resolve(self._location, call.credentials, self._shown)
        return self._without_key if key is None else Authorization({self._header: f"{self._scheme}{key}"})
