"""Model providers: one file each, found through the one table here."""

from __future__ import annotations

from importlib import import_module

from tensorzero.gateway.config.sections import ProviderConfig
from tensorzero.gateway.errors import NotYet
from tensorzero.gateway.providers.protocol import EmbeddingProvider, Provider

PROVIDERS = {
    "dummy": "tensorzero.gateway.providers.dummy:DummyProvider",
    "openai": "tensorzero.gateway.providers.openai:OpenAIProvider",
}
_RESPONSES = "tensorzero.gateway.providers.openai_responses:OpenAIResponsesProvider"  # `openai` with that `api_type`
EMBEDDING_PROVIDERS = {
    "dummy": "tensorzero.gateway.providers.dummy_embeddings:DummyEmbeddings",
    "openai": "tensorzero.gateway.providers.openai_embeddings:OpenAIEmbeddings",
    "openrouter": "tensorzero.gateway.providers.openai_embeddings:OpenRouterEmbeddings",
}


def make_provider(config: ProviderConfig) -> Provider:
    """The provider that serves `config`. Raises `NotYet` for a type that this version does not serve."""
    if config.type not in PROVIDERS:
        served = ", ".join(f"`{name}`" for name in sorted(PROVIDERS))
        raise NotYet(
            f"Provider type `{config.type}` is not served by this version.",
            hint=f"Served: {served}. Any OpenAI-compatible endpoint works as `openai` with its `api_base`.",
        )
    listed = _RESPONSES if config.settings.get("api_type") == "responses" else PROVIDERS[config.type]
    module, _, name = listed.partition(":")
    return getattr(import_module(module), name)(config)  # type: ignore[no-any-return]


def make_embedding_provider(config: ProviderConfig) -> EmbeddingProvider:
    """The provider of vectors. Raises `NotYet` for a type that this version does not serve."""
    if config.type not in EMBEDDING_PROVIDERS:
        served = ", ".join(f"`{name}`" for name in sorted(EMBEDDING_PROVIDERS))
        raise NotYet(
            f"Provider type `{config.type}` is not served for embeddings by this version.",
            hint=f"Served: {served}. Any OpenAI-compatible endpoint works as `openai` with its `api_base`.",
        )
    module, _, name = EMBEDDING_PROVIDERS[config.type].partition(":")
    return getattr(import_module(module), name)(config)  # type: ignore[no-any-return]
