"""Which HTTP library carries the requests: libcurl, or httpx where it is missing or where the user says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorzero.runtime.runtime import Http

if TYPE_CHECKING:
    import httpx

_chosen: dict[str, httpx.Client | httpx.AsyncClient | None] = {"blocking": None, "asyncio": None}


def use_httpx(client: httpx.Client | None = None, async_client: httpx.AsyncClient | None = None) -> None:
    """Send through your own httpx clients: other proxies, recorded tests, custom TLS.

    Holds for gateways built afterwards. None goes back to the default. An async client belongs to one event loop.
    """
    _chosen["blocking"], _chosen["asyncio"] = client, async_client


def blocking_http() -> Http:
    from tensorzero.runtime import httpx_transfer as own

    client = _chosen["blocking"]
    if client is not None:
        return own.BlockingHttpx(client)  # type: ignore[arg-type]
    try:
        from tensorzero.runtime.curl_blocking import BlockingHttp
    except ImportError:
        return own.BlockingHttpx()
    return BlockingHttp()


def asyncio_http() -> Http:
    from tensorzero.runtime import httpx_transfer as own

    client = _chosen["asyncio"]
    if client is not None:
        return own.AsyncHttpx(client)  # type: ignore[arg-type]
    try:
        from tensorzero.runtime.curl_asyncio import AsyncHttp
    except ImportError:
        return own.AsyncHttpx()
    return AsyncHttp(fallback=own.AsyncHttpx)
