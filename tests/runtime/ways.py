"""Every way to send a request: both libraries under both runtimes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from tensorzero.runtime.curl_asyncio import AsyncHttp
from tensorzero.runtime.curl_blocking import BlockingHttp
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.drive import drive
from tensorzero.runtime.httpx_transfer import AsyncHttpx, BlockingHttpx
from tensorzero.runtime.runtime import Http, HttpReply, HttpRequest

WAYS: dict[str, tuple[Callable[[], Http], Callable[[Coroutine[Any, Any, Any]], Any]]] = {
    "libcurl, blocking": (BlockingHttp, drive),
    "libcurl, asyncio": (AsyncHttp, asyncio.run),
    "httpx, blocking": (BlockingHttpx, drive),
    "httpx, asyncio": (AsyncHttpx, asyncio.run),
}


class TooLateError(Exception):
    pass


def within(seconds: float) -> Deadline:
    return Deadline.after(seconds, TooLateError)


def get(url: str, headers: Mapping[str, str] | None = None) -> HttpRequest:
    return HttpRequest("GET", url, headers or {})


def post(url: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> HttpRequest:
    return HttpRequest("POST", url, headers or {"content-type": "application/json"}, body)


class Way:
    """One of them. `run` carries a coroutine function out from blocking code, each time on a loop of its own."""

    def __init__(self, name: str) -> None:
        make, self._run = WAYS[name]
        self.http = make()
        self.asyncio = self._run is asyncio.run
        self.libcurl = name.startswith("libcurl")

    def run(self, exchange: Callable[[Http], Coroutine[Any, Any, Any]]) -> Any:
        async def closing() -> Any:
            try:
                return await exchange(self.http)
            finally:
                await release(self.http)

        return self._run(closing() if self.asyncio else exchange(self.http))

    def __enter__(self) -> Way:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(self, request: HttpRequest, deadline: Deadline | None = None) -> HttpReply:
        async def exchange(http: Http) -> HttpReply:
            return await http.send(request, deadline)

        return self.run(exchange)


async def release(http: Http) -> None:
    """httpx's pool warns where its loop ends before it."""
    if isinstance(http, AsyncHttpx):
        for transports in list(http._made.values()):
            for transport in transports.all():
                await transport.aclose()
    http.close()
