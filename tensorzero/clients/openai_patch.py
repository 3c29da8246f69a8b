"""Point an OpenAI client at a gateway in this process."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable
from functools import lru_cache
from typing import Any, TypeVar

from tensorzero.clients.failures import with_hint
from tensorzero.clients.native import Received
from tensorzero.types import TensorZeroError

T = TypeVar("T")

ATTENTION = "ATTENTION_TENSORZERO_PLEASE_AWAIT_RESULT_OF_PATCH_OPENAI_CLIENT"
_GATEWAY = "__tensorzero_gateway"
_DEPRECATED = (
    "`patch_openai_client` will be removed in a future release (2026.6+). Please deploy a standalone TensorZero Gateway and "
    "point to it using `base_url`. See https://www.tensorzero.com/docs/deployment/tensorzero-gateway for more information."
)


class LocalHttpGateway(Received):
    """An HTTP gateway of this process on loopback."""

    __slots__ = ("base_url",)
    base_url: str

    def close(self) -> None:
        """Stop serving. Idempotent."""


def _start_http_gateway(
    *,
    config_file: str | None,
    clickhouse_url: str | None,
    postgres_url: str | None,
    valkey_url: str | None,
    async_setup: bool,
) -> Any:
    """The gateway, or with `async_setup` an awaitable of it. This version serves no HTTP: `TensorZeroError` with status 501."""
    raise with_hint(
        TensorZeroError(501, '{"error":"This version has no HTTP server for OpenAI clients."}'),
        "Call `TensorZeroGateway.build_embedded(...).inference(...)`, or point `base_url` at a standalone gateway.",
    )


def patch_openai_client(
    client: T, *, config_file: str | None = None, clickhouse_url: str | None = None, async_setup: bool = True
) -> T | Awaitable[T]:
    """Deprecated: start a gateway and point the OpenAI client at it; awaitable unless `async_setup=False`.

    Until the result is awaited, using the client raises RuntimeError. RuntimeError for a client that is patched already.
    """
    warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=2)
    patched: Any = client
    before = patched.base_url
    if hasattr(patched, _GATEWAY):
        raise RuntimeError("TensorZero: Already called 'tensorzero.patch_openai_client' on this OpenAI client.")
    patched.base_url = attention_class()("http://ATTENTION_TENSORZERO_PLEASE_AWAIT_RESULT_OF_PATCH_OPENAI_CLIENT.invalid/")
    try:
        started = _start_http_gateway(
            config_file=config_file,
            clickhouse_url=clickhouse_url,
            postgres_url=None,
            valkey_url=None,
            async_setup=async_setup,
        )
    except BaseException:
        patched.base_url = before
        raise
    return _attach_later(client, started) if async_setup else _attach(client, started)


async def _attach_later(client: T, started: Awaitable[LocalHttpGateway]) -> T:
    return _attach(client, await started)


def _attach(client: T, gateway: LocalHttpGateway) -> T:
    setattr(client, _GATEWAY, gateway)
    client.base_url = gateway.base_url  # type: ignore[attr-defined]
    return client


def close_patched_openai_client_gateway(client: Any) -> None:
    """Stop the gateway of a patched client. ValueError for any other."""
    if not hasattr(client, _GATEWAY):
        raise ValueError(
            "TensorZero: Called 'close_patched_client_gateway' on an OpenAI client that was not patched with "
            "'tensorzero.patch_openai_client'."
        )
    getattr(client, _GATEWAY).close()


@lru_cache(maxsize=1)
def attention_class() -> type:
    """A URL that cannot be used. Made on demand: its parent comes from httpx, which is slow to import."""
    import httpx

    def copy_with(self: httpx.URL, *args: Any, **kwargs: Any) -> httpx.URL:
        raise RuntimeError("TensorZero: Please await the result of `tensorzero.patch_openai_client` before using the client.")

    return type(ATTENTION, (httpx.URL,), {"copy_with": copy_with, "__module__": "tensorzero"})
