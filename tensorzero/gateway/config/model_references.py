"""Models that variants name: they exist, and their namespaces fit the choice of variants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tensorzero.gateway.config.experimentation_section import reachable
from tensorzero.gateway.config.mistakes import Mistakes, nearest
from tensorzero.gateway.config.models_section import EMBEDDING_SHORTHANDS, SHORTHANDS
from tensorzero.gateway.config.sections import FunctionConfig, ModelConfig, VariantConfig
from tensorzero.gateway.config.variants_section import models_of

_Keys = tuple[str, ...]


def check_models_used(
    functions: Mapping[str, FunctionConfig], read: Mapping[str, Any], document: Mapping[str, Any], mistakes: Mistakes
) -> None:
    """`document` is the configuration as written: a model that could not be read still counts as there."""
    models, embedding_models = (
        list(table) if isinstance(table := document.get(section, {}), Mapping) else []
        for section in ("models", "embedding_models")
    )
    for keys, variant in _variants(read):
        where = ".".join(keys)
        for part, config in (((), variant), (("evaluator",), variant.get("evaluator")), (("fuser",), variant.get("fuser"))):
            model = config.get("model") if config else None
            if model is not None and model not in models and not model.startswith(SHORTHANDS):
                near = nearest(model, models)
                hint = f'`[models."{model}"]` describes a model; `openai::{model}` and the like need no table.'
                mistakes.say(f"Model name '{model}' not found in model table", (*keys, *part, "model"), near, hint=hint)
        name = variant.get("embedding_model")
        if name is not None and name not in embedding_models and not name.startswith(EMBEDDING_SHORTHANDS):
            message = f"`{where}`: `embedding_model` must be a valid embedding model name"
            mistakes.say(message, (*keys, "embedding_model"), nearest(name, embedding_models))


def _variants(read: Mapping[str, Any]) -> Iterator[tuple[_Keys, Mapping[str, Any]]]:
    """Every variant of every function and judge, as read."""
    for name, function in read.get("functions", {}).items():
        keys = ("functions", name)
        for variant, config in function["variants"].items():
            yield (*keys, "variants", variant), config
        yield from _judges(function["evaluators"], (*keys, "evaluators"))
    for name, evaluation in read.get("evaluations", {}).items():
        yield from _judges(evaluation["evaluators"], ("evaluations", name, "evaluators"))


def _judges(evaluators: Mapping[str, Any], keys: _Keys) -> Iterator[tuple[_Keys, Mapping[str, Any]]]:
    for name, evaluator in evaluators.items():
        for variant, config in evaluator.get("variants", {}).items():
            yield (*keys, name, "variants", variant), config


def check_namespaces(functions: Mapping[str, FunctionConfig], models: Mapping[str, ModelConfig], mistakes: Mistakes) -> None:
    """A variant with a namespace, of its own or of its model, is reached only from that namespace's choice."""
    for function in functions.values():
        choice = function.experimentation
        ways = [(None, choice), *choice.namespaces.items()]
        for variant in function.variants.values():
            for what, rule, namespace in _restrictions(variant, function.variants, models):
                for name, experimentation in ways:
                    if name == namespace or variant.name not in reachable(experimentation, function.variants):
                        continue
                    source = "the base" if name is None else f"namespace `{name}`"
                    about = f"Variant `{variant.name}` of function `{function.name}` {what} has namespace `{namespace}`"
                    mistakes.say(
                        f"{about.replace('  ', ' ')}, but {'the variant ' if rule else ''}is reachable from {source} "
                        f"experimentation config. Namespaced {rule}variants must only be reachable from a matching namespace "
                        "experimentation config.",
                        ("functions", function.name, "variants", variant.name),
                    )


def _restrictions(
    variant: VariantConfig, variants: Mapping[str, VariantConfig], models: Mapping[str, ModelConfig]
) -> Iterator[tuple[str, str, str]]:
    if variant.namespace is not None:
        yield "", "", variant.namespace
    for name in dict.fromkeys(models_of(variant, variants)):
        model = models.get(name)
        if model is not None and model.namespace is not None:
            yield f"uses model `{name}` which", "model ", model.namespace
