"""Load a configuration: files, then sections, then checks across them; every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tensorzero.gateway.config.evaluator_shapes import EVALUATIONS, check_evaluations, evaluator_metrics
from tensorzero.gateway.config.files import Sources, dates_as_text, read_and_merge
from tensorzero.gateway.config.functions_section import FUNCTIONS, build_function
from tensorzero.gateway.config.gateway_section import (
    AUTOPILOT,
    CLICKHOUSE,
    GATEWAY,
    POSTGRES,
    build_gateway,
    check_embedded,
    check_gateway,
    meaningless,
)  # fmt: skip
from tensorzero.gateway.config.judges import judge_functions, judge_templates
from tensorzero.gateway.config.mistakes import Mistakes, Place, nearest
from tensorzero.gateway.config.model_references import check_models_used, check_namespaces
from tensorzero.gateway.config.models_section import (
    EMBEDDING_MODELS,
    MODELS,
    build_embedding_models,
    build_models,
    check_routing,
)  # fmt: skip
from tensorzero.gateway.config.optimizers_section import OPTIMIZERS, check_optimizers
from tensorzero.gateway.config.paths import NAME, resolve_paths
from tensorzero.gateway.config.rate_limiting_section import RateLimiting, check_rate_limiting
from tensorzero.gateway.config.sections import Config, FunctionConfig, MetricConfig
from tensorzero.gateway.config.shapes import INVALID, Shape, dig
from tensorzero.gateway.config.shared_shapes import timeouts_over
from tensorzero.gateway.config.small_sections import (
    METRICS,
    OBJECT_STORAGE,
    PROVIDER_TYPES,
    TOOLS,
    build_metrics,
    build_provider_defaults,
    build_tools,
    check_object_storage,
)  # fmt: skip
from tensorzero.gateway.config.snapshot import take_snapshot
from tensorzero.gateway.config.template_files import build_templates, template_sources
from tensorzero.gateway.config.variants_section import check_candidates, check_templates
from tensorzero.gateway.errors import ConfigError, ConfigMistake
from tensorzero.parsing.words import unknown_field

SECTIONS: dict[str, Shape] = {
    "gateway": GATEWAY,
    "clickhouse": CLICKHOUSE,
    "postgres": POSTGRES,
    "rate_limiting": RateLimiting(),
    "object_storage": OBJECT_STORAGE,
    "models": MODELS,
    "embedding_models": EMBEDDING_MODELS,
    "functions": FUNCTIONS,
    "metrics": METRICS,
    "tools": TOOLS,
    "evaluations": EVALUATIONS,
    "provider_types": PROVIDER_TYPES,
    "optimizers": OPTIMIZERS,
    "autopilot": AUTOPILOT,
}
_OTHER = ("clickhouse", "postgres", "rate_limiting", "object_storage", "optimizers", "autopilot")


def load_config(config_file: str | None) -> Config:
    """The configuration of a path or glob; None for no file: built-ins and shorthand models only.

    Raises ConfigError with every mistake found. Reads no credential: a missing key is the calls' business.
    """
    try:
        return _load(config_file)
    except RecursionError:
        raise ConfigError([ConfigMistake("The configuration is nested too deeply.", file=config_file)]) from None


def _load(config_file: str | None) -> Config:
    mistakes = Mistakes()
    document, sources = read_and_merge(config_file, mistakes) if config_file is not None else (dict[str, Any](), Sources())
    if mistakes.found:  # what else is wrong cannot be told before the files can be read
        raise ConfigError(mistakes.as_config_mistakes(sources), sources.files)
    resolve_paths(document, sources, mistakes)
    dates_as_text(document)
    read = _read_sections(document, mistakes)
    config = _build(read, document, sources, mistakes)
    files = (*sources.files, *sources.named, *config.files)
    if mistakes.found:
        raise ConfigError(mistakes.as_config_mistakes(sources), files)
    return replace(config, files=files)


def _read_sections(document: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Any]:
    """Each section with its defaults; one that cannot be read counts as empty."""
    read: dict[str, Any] = {}
    for name, value in document.items():
        place = Place().key(name)
        if name not in SECTIONS:
            mistakes.at(place, unknown_field(name, list(SECTIONS)), nearest(name, SECTIONS))
        elif (section := SECTIONS[name].read(value, place, mistakes)) is not INVALID:
            read[name] = section
    if "gateway" not in read:
        read["gateway"] = GATEWAY.read({}, Place(), mistakes)
    if "postgres" not in read:
        read["postgres"] = {"connection_pool_size": 20}
    return read


def _table(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """A table as written; empty where there is none."""
    found = dig(document, *keys)
    return found if isinstance(found, Mapping) else {}


def _build(read: Mapping[str, Any], document: Mapping[str, Any], sources: Sources, mistakes: Mistakes) -> Config:
    gateway = build_gateway(read["gateway"])
    limit_ms = gateway.global_outbound_http_timeout_ms
    check_gateway(read["gateway"], document, mistakes)
    check_object_storage(read.get("object_storage", {}), mistakes)
    check_rate_limiting(read.get("rate_limiting", {}), mistakes)
    defaults = build_provider_defaults(read.get("provider_types", {}))
    models = build_models(read.get("models", {}), defaults, limit_ms, mistakes)
    embedding_models = build_embedding_models(read.get("embedding_models", {}), defaults, mistakes)
    written_metrics = list(_table(document, "metrics"))
    functions = {
        name: build_function(name, function, _table(document, "functions", name, "variants"), written_metrics, mistakes)
        for name, function in read.get("functions", {}).items()
    }
    evaluations = read.get("evaluations", {})
    base_path = _base_path(read["gateway"])
    judged = {} if mistakes.found else judge_templates(read.get("functions", {}), evaluations)
    sources_by_name = {**template_sources(read.get("functions", {})), **judged}
    templates, extra, included = build_templates(sources_by_name, base_path, mistakes)
    for function in functions.values():
        variants = _table(document, "functions", function.name, "variants")
        check_templates(function, templates, mistakes)
        check_candidates(function, list(variants), mistakes)
        _check_variant_timeouts(function, limit_ms, mistakes)
    check_models_used(functions, read, document, mistakes)
    check_namespaces(functions, models, mistakes)
    _check_tools_used(functions, _table(document, "tools"), mistakes)
    metrics = build_metrics(read.get("metrics", {}), mistakes)
    tools = build_tools(read.get("tools", {}), mistakes)
    check_routing(read.get("models", {}), _table(document, "models"), mistakes)
    check_evaluations(evaluations, _table(document, "functions"), mistakes)
    check_optimizers(read.get("optimizers", {}), mistakes)
    check_embedded(read["gateway"], mistakes)
    return Config(
        gateway,
        models,
        embedding_models,
        functions,
        {**metrics, **_generated_metrics(functions, evaluations)},
        tools,
        templates,
        take_snapshot(read, extra),
        defaults,
        evaluations,
        {name: read[name] for name in _OTHER if name in read},
        tuple(included),
        tuple(meaningless(document)) if not mistakes.found else (),
        judges={} if mistakes.found else judge_functions(functions, evaluations, Mistakes()),
    )


def _base_path(gateway: Mapping[str, Any]) -> str | None:
    """The folder that templates may include from, or None. `enabled` alone allows nothing (observed 2026.6.0)."""
    access = gateway.get("template_filesystem_access", {})
    return access["base_path"][NAME] if "base_path" in access else None


def _check_variant_timeouts(function: FunctionConfig, limit_ms: int, mistakes: Mistakes) -> None:
    for variant in function.variants.values():
        for problem in timeouts_over(limit_ms, variant.timeouts):
            mistakes.say(problem, ("functions", function.name, "variants", variant.name, "timeouts"))


def _check_tools_used(functions: Mapping[str, FunctionConfig], tools: Mapping[str, Any], mistakes: Mistakes) -> None:
    for function in functions.values():
        for tool in function.tools:
            if tool not in tools:
                message = f"`functions.{function.name}.tools`: tool `{tool}` is not present in the config"
                mistakes.say(message, ("functions", function.name, "tools"), nearest(tool, tools))


def _generated_metrics(
    functions: Mapping[str, FunctionConfig], evaluations: Mapping[str, Mapping[str, Any]]
) -> dict[str, MetricConfig]:
    """The metric of every evaluator, of functions and of named evaluations."""
    metrics: dict[str, MetricConfig] = {}
    for function in functions.values():
        metrics.update(evaluator_metrics(f"tensorzero::function_name::{function.name}", function.evaluators))
    for name, evaluation in evaluations.items():
        metrics.update(evaluator_metrics(f"tensorzero::evaluation_name::{name}", evaluation["evaluators"]))
    return metrics
