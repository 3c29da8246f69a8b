"""`[models]`, `[embedding_models]` and `[provider_types]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.catalog import EMBEDDING_PREFIXES, LISTED, PREFIXES, ProviderShapes, provider_type, trouble_with
from tensorzero.gateway.config.mistakes import Mistakes, nearest
from tensorzero.gateway.config.sections import CredentialLocation, EmbeddingModelConfig, ModelConfig, ProviderConfig
from tensorzero.gateway.config.shapes import U64, Field, Flag, Record, Table, Tagged, dig
from tensorzero.gateway.config.shared_shapes import (
    EXTRA_BODY,
    EXTRA_HEADERS,
    NAMESPACE,
    TEXTS,
    TIMEOUTS,
    Costs,
    build_extra_body,
    build_extra_headers,
    build_location,
    build_timeouts,
    timeouts_over,
)  # fmt: skip

LOCAL = "local"  # models that this process serves itself: known by name before they run
SHORTHANDS = tuple(f"{prefix}::" for prefix in (*PREFIXES, LOCAL))
EMBEDDING_SHORTHANDS = tuple(f"{prefix}::" for prefix in EMBEDDING_PREFIXES)
_RESERVED = ("tensorzero::", *(f"{name}::" for name in LISTED))

_PROVIDER = Tagged(
    ProviderShapes(),
    listed=LISTED,
    trouble=trouble_with,
    own=Record(
        "UninitializedModelProvider",
        (
            Field("extra_body", EXTRA_BODY),
            Field("extra_headers", EXTRA_HEADERS),
            Field("timeouts", TIMEOUTS, default=dict),
            Field("discard_unknown_chunks", Flag(), default=False),
            Field("cost", Costs(split=True)),
            Field("batch_cost", Costs(split=False)),
        ),
    ),
)
_EMBEDDING_PROVIDER = Tagged(
    ProviderShapes(),
    listed=LISTED,
    trouble=trouble_with,
    own=Record(
        "UninitializedEmbeddingProviderConfig",
        (
            Field("timeout_ms", U64),
            Field("timeouts", TIMEOUTS, default=dict, written=False),
            Field("extra_body", EXTRA_BODY),
            Field("extra_headers", EXTRA_HEADERS),
            Field("cost", Costs(split=False, where="cost")),
        ),
    ),
)

MODELS = Table(
    Record(
        "UninitializedModelConfig",
        (
            Field("routing", TEXTS, required=True),
            Field("providers", Table(_PROVIDER), required=True),
            Field("timeouts", TIMEOUTS, default=dict),
            Field("skip_relay", Flag()),
            Field("namespace", NAMESPACE),
        ),
        needed=2,
    )
)
EMBEDDING_MODELS = Table(
    Record(
        "UninitializedEmbeddingModelConfig",
        (
            Field("routing", TEXTS, required=True),
            Field("providers", Table(_EMBEDDING_PROVIDER), required=True),
            Field("timeout_ms", U64),
            Field("timeouts", TIMEOUTS, default=dict, written=False),
        ),
    )
)


def build_models(
    read: Mapping[str, Any], defaults: Mapping[str, CredentialLocation], limit_ms: int, mistakes: Mistakes
) -> dict[str, ModelConfig]:
    models: dict[str, ModelConfig] = {}
    for name, model in read.items():
        keys = ("models", name)
        if name.startswith(_RESERVED):
            mistakes.say(f"Failed to load models: Model name '{name}' contains a reserved prefix", keys)
        for problem in timeouts_over(limit_ms, build_timeouts(model["timeouts"])):
            mistakes.say(problem, (*keys, "timeouts"))
        providers: dict[str, ProviderConfig] = {}
        for provider_name, provider in model["providers"].items():
            where = (*keys, "providers", provider_name)
            providers[provider_name] = _build_provider(provider_name, provider, where, defaults, mistakes)
            for problem in timeouts_over(limit_ms, build_timeouts(provider["timeouts"])):
                mistakes.say(problem, (*where, "timeouts"))
        models[name] = ModelConfig(
            name,
            tuple(model["routing"]),
            providers,
            build_timeouts(model["timeouts"]),
            model.get("skip_relay", False),
            model.get("namespace"),
        )
    return models


def check_routing(read: Mapping[str, Any], written: Mapping[str, Any], mistakes: Mistakes) -> None:
    """`routing` and `providers` name each other. `written` is the section as the file has it: providers that could
    not be read still count."""
    for name, model in read.items():
        keys, routing = ("models", name), model["routing"]
        providers = dig(written, name, "providers") or model["providers"]
        if not routing:
            mistakes.say(f"`models.{name}`: `routing` must not be empty", keys)
        seen: set[str] = set()
        for entry in routing:
            if entry.startswith("tensorzero::"):
                mistakes.say(f"`models.{name}.routing`: Provider name cannot start with 'tensorzero::': {entry}", keys)
            if entry in seen:
                mistakes.say(f"`models.{name}.routing`: duplicate entry `{entry}`", (*keys, "routing"))
            elif entry not in providers:
                message = f"`models.{name}`: `routing` contains entry `{entry}` that does not exist in `providers`"
                mistakes.say(message, (*keys, "routing"), nearest(entry, providers))
            seen.add(entry)
        for provider in providers:
            if provider not in seen and routing:
                message = f"`models.{name}`: Provider `{provider}` is not listed in `routing`"
                mistakes.say(message, (*keys, "providers", provider), nearest(provider, routing))


def build_embedding_models(
    read: Mapping[str, Any], defaults: Mapping[str, CredentialLocation], mistakes: Mistakes
) -> dict[str, EmbeddingModelConfig]:
    models: dict[str, EmbeddingModelConfig] = {}
    for name, model in read.items():
        keys = ("embedding_models", name)
        if name.startswith(_RESERVED):
            mistakes.say(f"Failed to load embedding models: Embedding model name '{name}' contains a reserved prefix", keys)
        providers: dict[str, ProviderConfig] = {}
        for provider_name, provider in model["providers"].items():
            where = (*keys, "providers", provider_name)
            known = provider_type(provider["type"])
            if known is None or known.embeds is None:
                mistakes.say(f"Unsupported provider config for embedding: {provider['type']}", where)
            providers[provider_name] = _build_provider(provider_name, provider, where, defaults, mistakes)
        limits = {key: item["timeout_ms"] for key, item in model["providers"].items() if "timeout_ms" in item}
        models[name] = EmbeddingModelConfig(name, tuple(model["routing"]), providers, model.get("timeout_ms"), limits)
    return models


_COMMON = frozenset(
    {"type", "extra_body", "extra_headers", "timeouts", "discard_unknown_chunks", "cost", "batch_cost", "timeout_ms"}
)


def _build_provider(
    name: str,
    provider: Mapping[str, Any],
    keys: tuple[str, ...],
    defaults: Mapping[str, CredentialLocation],
    mistakes: Mistakes,
) -> ProviderConfig:
    kind = provider["type"]
    known = provider_type(kind)
    assert known is not None  # the shape of the section was found by it
    located = build_location(provider.get(known.credential_key))
    credential = located or defaults.get(kind) or known.default_location
    problem = known.problem(provider, credential)
    if problem is not None:
        mistakes.say(f"{'.'.join(keys)}: {problem}", keys)
    return ProviderConfig(
        name,
        kind,
        {key: value for key, value in provider.items() if key not in _COMMON},
        credential,
        build_extra_body(provider.get("extra_body")),
        build_extra_headers(provider.get("extra_headers")),
        build_timeouts(provider.get("timeouts")),
        provider.get("discard_unknown_chunks", False),
        tuple(provider.get("cost", ())),
        tuple(provider.get("batch_cost", ())),
    )
