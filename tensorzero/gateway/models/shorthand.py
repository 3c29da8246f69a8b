"""`provider::model` names, and models that this process made itself (a local model)."""

from __future__ import annotations

from tensorzero.gateway.config.catalog import PREFIXES, provider_type
from tensorzero.gateway.config.models_section import LOCAL
from tensorzero.gateway.config.sections import Config, CredentialLocation, ModelConfig, ProviderConfig

_registered: dict[str, ModelConfig] = {}


def register_model(name: str, provider: ProviderConfig) -> None:
    """Make `name` usable in every embedded gateway of this process. A later call replaces it."""
    _registered[name] = ModelConfig(name, (provider.name,), {provider.name: provider})


def registered_models() -> tuple[str, ...]:
    return tuple(_registered)


def find_model(config: Config, name: str) -> ModelConfig | None:
    """A configured model, one of this process, or what a shorthand name means; None for anything else."""
    return config.models.get(name) or _registered.get(name) or config.shorthands.get(name) or _shorthand(config, name)


def missing_hint(name: str) -> str | None:
    """What makes an unknown model of this process known."""
    if name.startswith(f"{LOCAL}::"):
        return "`tensorzero_notebook.local_model()` starts the local model and returns its name."
    return None


def _shorthand(config: Config, name: str) -> ModelConfig | None:
    """Made once, as what is kept for a provider is kept for its configuration."""
    provider = shorthand_provider(config, name)
    if provider is None:
        return None
    return config.shorthands.add(name, ModelConfig(name, (provider.name,), {provider.name: provider}))


def shorthand_provider(config: Config, name: str, prefixes: tuple[str, ...] = PREFIXES) -> ProviderConfig | None:
    """The provider that `prefix::model` means; None where the prefix is not one of `prefixes`."""
    prefix, separator, model_name = name.partition("::")
    if not separator or prefix not in prefixes:
        return None
    settings: dict[str, object] = {"model_name": model_name}
    if prefix == "openai" and model_name.startswith("responses::"):
        settings = {"model_name": model_name.removeprefix("responses::"), "api_type": "responses"}
    return ProviderConfig(prefix, prefix, settings, _credential(config, prefix))


def _credential(config: Config, prefix: str) -> CredentialLocation:
    known = provider_type(prefix)
    assert known is not None  # it is one of the prefixes
    return config.provider_defaults.get(prefix) or known.default_location
