"""A provider over HTTP: what it says is its dialect's, who asks its authorizer's, and the exchange is the same for all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import ProviderError
from tensorzero.gateway.json_text import json_bytes
from tensorzero.gateway.providers import exchange
from tensorzero.gateway.providers.authorizers import Authorizer
from tensorzero.gateway.providers.exchange import Answer, Events, EventStream
from tensorzero.gateway.providers.extra import apply_body, apply_headers, for_provider
from tensorzero.gateway.values import ProviderCall, ProviderResponse
from tensorzero.runtime.runtime import HttpRequest
from tensorzero.version import USER_AGENT

_HEADERS: Mapping[str, str] = {"content-type": "application/json", "user-agent": USER_AGENT}
_STREAM_HEADERS: Mapping[str, str] = {**_HEADERS, "accept": "text/event-stream"}


class Dialect(Protocol):
    """An API in its own words. Made once for a provider; keeps nothing of a call.

    `type`: the provider type, as errors name it. `api_type`: as rows and raw responses name the API.
    """

    type: str
    api_type: str

    def check(self, call: ProviderCall) -> None:
        """Of a call with tools: refuse what this API has no word for, before a key is looked for. Raises `GatewayError`."""
        ...

    def url(self, call: ProviderCall) -> str: ...

    def body(self, call: ProviderCall) -> dict[str, Any]:
        """The request as JSON, before `extra_body`. Raises `GatewayError` for what cannot be said."""
        ...

    def read(self, call: ProviderCall, answer: Answer) -> ProviderResponse:
        """A whole answer with a good status. Raises `ProviderError`; any other error is put into words."""
        ...

    def events(self, call: ProviderCall, raw_request: str) -> Events:
        """What reads the events of one stream."""
        ...


class HttpProvider:
    """See `Provider`."""

    def __init__(self, config: ProviderConfig, dialect: Dialect, authorizer: Authorizer) -> None:
        self.type = dialect.type
        self.api_type = dialect.api_type
        self._config = config
        self._dialect = dialect
        self._authorizer = authorizer

    async def infer(self, call: ProviderCall) -> ProviderResponse:
        try:
            answer = await exchange.answer(await self._request(call), call, self.type)
            response = exchange.understood(partial(self._dialect.read, call), answer, self.type)
        except ProviderError as error:
            error.api_type = self.api_type
            raise
        response.raw_response = answer.masked
        return response

    async def stream(self, call: ProviderCall) -> EventStream:
        try:
            request = await self._request(call)
            stream = await exchange.open_events(request, call, self.type)
        except ProviderError as error:
            error.api_type = self.api_type
            raise
        return EventStream(stream, request, self.type, call, self._dialect.events(call, request.body.decode()))

    async def _request(self, call: ProviderCall) -> HttpRequest:
        """Raises `GatewayError` for what the API cannot say, a missing key or a bad `extra_body` pointer."""
        asked = call.request
        if asked.tools is not None:
            self._dialect.check(call)
        authorization = await self._authorizer.authorize(call)
        body = self._dialect.body(call)
        headers = _STREAM_HEADERS if asked.stream else _HEADERS
        if authorization.headers:
            headers = {**headers, **authorization.headers}
        headers = self._injected(call, body, headers)
        request = HttpRequest("POST", self._dialect.url(call), headers, json_bytes(body), call.timeout_s)
        return request if authorization.sign is None else await authorization.sign(request)

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
