"""`provider::model` names, and models that this process made itself (a local model)."""

from __future__ import annotations

from tensorzero.gateway.config.sections import Config, CredentialLocation, ModelConfig, ProviderConfig

DEFAULT_KEYS = {
    "anthropic": "ANTHROPIC_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "fireworks": "FIREWORKS_API_KEY",
    "google_ai_studio_gemini": "GOOGLE_AI_STUDIO_API_KEY",
    "groq": "GROQ_API_KEY",
    "hyperbolic": "HYPERBOLIC_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "together": "TOGETHER_API_KEY",
    "xai": "XAI_API_KEY",
}
PREFIXES = (*DEFAULT_KEYS, "gcp_vertex_gemini", "gcp_vertex_anthropic", "dummy")

LOCAL = "local"  # models that this process serves itself: known by name before they run

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
    return config.shorthands.keep(name, ModelConfig(name, (provider.name,), {provider.name: provider}))


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
    if prefix in config.provider_defaults:
        return config.provider_defaults[prefix]
    if prefix == "dummy":
        return CredentialLocation("none")
    if prefix.startswith("gcp_"):
        return CredentialLocation("path_from_env", "GCP_VERTEX_CREDENTIALS_PATH")
    return CredentialLocation("env", DEFAULT_KEYS[prefix])
