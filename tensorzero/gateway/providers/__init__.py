"""Model providers. `gateway/config/catalog.py` says which type is served by what; nothing is imported before it is used."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from tensorzero.gateway.config.catalog import CATALOG, ProviderType, provider_type
from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import NotYet
from tensorzero.gateway.providers.protocol import EmbeddingProvider, Provider


def make_provider(config: ProviderConfig) -> Provider:
    """The provider that serves `config`. Raises `NotYet` for a type that this version does not serve."""
    known = provider_type(config.type)
    path = None if known is None else known.served_by(config.settings)
    if path is None:
        raise _not_served(config.type, "is not served", [one for one in CATALOG if one.serves])
    return _load(path)(config)  # type: ignore[no-any-return]


def make_embedding_provider(config: ProviderConfig) -> EmbeddingProvider:
    """The provider of vectors. Raises `NotYet` for a type that this version does not serve."""
    known = provider_type(config.type)
    if known is None or not known.embeds:
        raise _not_served(config.type, "is not served for embeddings", [one for one in CATALOG if one.embeds])
    return _load(known.embeds)(config)  # type: ignore[no-any-return]


def load_ahead(configs: Iterable[ProviderConfig]) -> None:
    """Import what serves these, so that no call has to: a signal handler or a finalizer that calls meanwhile would find modules
    that are half there. What cannot be imported is told by the call that needs it."""
    for config in configs:
        known = provider_type(config.type)
        path = None if known is None else known.served_by(config.settings)
        if path is not None:
            with contextlib.suppress(Exception):
                _load(path)


def _not_served(name: str, what: str, served: list[ProviderType]) -> NotYet:
    names = ", ".join(sorted(f"`{one.name}`" for one in served))
    return NotYet(
        f"Provider type `{name}` {what} by this version.",
        hint=f"Served: {names}. Any OpenAI-compatible endpoint works as `openai` with its `api_base`.",
    )


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
