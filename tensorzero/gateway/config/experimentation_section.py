"""`[functions.F.experimentation]`: how a variant is chosen."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from tensorzero.gateway.config.mistakes import Mistakes, Place, nearest
from tensorzero.gateway.config.sections import ExperimentationConfig
from tensorzero.gateway.config.shapes import INVALID, U64, Choice, Field, Real, Record, Shape, Table, Tagged, Text, wrong_type
from tensorzero.gateway.config.shared_shapes import TEXTS


class _Candidates:
    """A list of names (weight 1 each) or a table of weights."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if isinstance(value, Mapping):
            return _WEIGHTS.read(value, place, mistakes)
        if not isinstance(value, list):
            expected = "a list of variant names or a map of variant names to weights"
            wrong_type(value, expected, place, mistakes)
            return INVALID
        names = _names(value, place, mistakes)
        return INVALID if names is INVALID else dict.fromkeys(names, 1.0)


def _names(value: Any, place: Place, mistakes: Mistakes) -> Any:
    names = TEXTS.read(value, place, mistakes)
    if names is INVALID:
        return INVALID
    for number, name in enumerate(names):
        if name in names[:number]:
            mistakes.at(place, f"duplicate variant name in `candidate_variants`: `{name}`")
            return INVALID
    return names


_WEIGHTS = Table(Real())
_FALLBACKS = Field("fallback_variants", TEXTS, default=list)
_ADAPTIVE = (
    Field("algorithm", Choice(("track_and_stop",)), default="track_and_stop"),
    Field("metric", Text(), required=True),
    Field("candidate_variants", TEXTS, required=True),
    _FALLBACKS,
    Field("min_samples_per_variant", U64, default=10),
    Field("delta", Real(), default=0.05),
    Field("epsilon", Real(), default=0.0),
    Field("update_period_s", U64, default=300),
    Field("min_prob", Real()),
    Field("max_samples_per_variant", U64),
)
_KINDS: dict[str, Shape] = {
    "static": Record(
        "StaticExperimentationConfig",
        (Field("candidate_variants", _Candidates(), required=True), Field("fallback_variants", TEXTS)),
        open=True,
    ),
    "adaptive": Record("AdaptiveExperimentationConfig", _ADAPTIVE, open=True),
    "static_weights": Record(
        "StaticWeightsConfig", (Field("candidate_variants", _WEIGHTS, required=True), _FALLBACKS), open=True
    ),
    "uniform": Record("UniformConfig", (Field("candidate_variants", TEXTS), Field("fallback_variants", TEXTS)), open=True),
    "track_and_stop": Record("TrackAndStopConfig", _ADAPTIVE[1:], open=True),
}

EXPERIMENTATION = Tagged(
    _KINDS,
    own=Record(
        "UninitializedExperimentationConfigWithNamespaces",
        (Field("namespaces", Table(Tagged(_KINDS, expected="object")), default=dict),),
    ),
)


def from_weights(weights: Mapping[str, float | None]) -> ExperimentationConfig:
    """Without the section: by the variants' own weights, else uniform, also where all are 0 (observed 2026.6.0)."""
    candidates = {name: weight for name, weight in weights.items() if weight is not None and weight > 0}
    fallbacks = tuple(name for name, weight in weights.items() if weight is None)
    if not candidates and len(fallbacks) in (0, len(weights)):
        return ExperimentationConfig()
    return ExperimentationConfig("static", candidates, fallbacks)


def build_experimentation(
    function: str, read: Mapping[str, Any], variants: Collection[str], metrics: Collection[str], mistakes: Mistakes
) -> ExperimentationConfig:
    """`variants` and `metrics` are the names that exist; each mistake is reported."""
    keys = ("functions", function, "experimentation")
    base = _build_one(function, read, variants, metrics, mistakes, keys)
    names = {
        name: _build_one(function, inner, variants, metrics, mistakes, (*keys, "namespaces", name))
        for name, inner in read.get("namespaces", {}).items()
    }
    return ExperimentationConfig(base.type, base.weights, base.fallbacks, base.settings, names)


def _build_one(
    function: str,
    read: Mapping[str, Any],
    variants: Collection[str],
    metrics: Collection[str],
    mistakes: Mistakes,
    keys: tuple[str, ...],
) -> ExperimentationConfig:
    kind = read["type"]
    written = read.get("candidate_variants", [])
    weights = (
        {name: float(weight) for name, weight in written.items()}
        if isinstance(written, Mapping)
        else dict.fromkeys(written, 1.0)
    )
    fallbacks = list(read.get("fallback_variants", []))
    if kind == "uniform" and read.get("candidate_variants") is None and read.get("fallback_variants") is None:
        return ExperimentationConfig()
    if kind in ("adaptive", "track_and_stop"):
        return _build_adaptive(function, read, weights, fallbacks, metrics, mistakes, keys)
    for problem, near in _static_problems(weights, fallbacks, variants):
        mistakes.say(problem, keys, near)
    return ExperimentationConfig("static", weights, tuple(fallbacks))


def _static_problems(
    weights: Mapping[str, float], fallbacks: list[str], variants: Collection[str]
) -> list[tuple[str, str | None]]:
    out: list[tuple[str, str | None]] = []
    for word, names in (("candidate", sorted(weights)), ("fallback", fallbacks)):
        out += [
            (f"static experimentation: {word} variant `{name}` does not exist in function variants", nearest(name, variants))
            for name in names
            if name not in variants
        ]
    for name, weight in sorted(weights.items()):
        if weight < 0 or not math.isfinite(weight):
            shown = f"{weight:.0f}" if weight == int(weight) else repr(weight)
            out.append((f"Invalid weight for variant `{name}` in static experimentation config: {shown}", None))
    twice = sorted({name for name in fallbacks if fallbacks.count(name) > 1})
    if twice:
        out.append((f"`fallback_variants` contains duplicate entries: {', '.join(twice)}", None))
    both = sorted(set(weights) & set(fallbacks))
    if both:
        out.append((f"variants cannot appear in both `candidate_variants` and `fallback_variants`: {', '.join(both)}", None))
    if not any(weight > 0 for weight in weights.values()) and not fallbacks and not out:
        message = "Experimentation config has no active candidate variants and no fallback variants. At least one is required."
        out.append((message, None))
    return out


def _build_adaptive(
    function: str,
    read: Mapping[str, Any],
    weights: Mapping[str, float],
    fallbacks: list[str],
    metrics: Collection[str],
    mistakes: Mistakes,
    keys: tuple[str, ...],
) -> ExperimentationConfig:
    metric = read["metric"]
    if metric not in metrics:
        listed = ", ".join(f'"{name}"' for name in sorted(metrics))
        message = f"Track-and-Stop experiment references unknown metric '{metric}'. Available metrics: [{listed}]"
        mistakes.say(message, (*keys, "metric"), nearest(metric, metrics))
    else:
        needs = "Track-and-Stop requires Postgres for episode-to-variant consistency."
        mistakes.say(
            f"Track-and-Stop experimentation is configured for function `{function}` but Postgres is not available. {needs} "
            "Please set the `TENSORZERO_POSTGRES_URL` environment variable.",
            keys,
        )
    return ExperimentationConfig("adaptive", weights, tuple(fallbacks), dict(read))


def reachable(experimentation: ExperimentationConfig, variants: Collection[str]) -> set[str]:
    """The variants that this choice may use."""
    if experimentation.type == "uniform":
        return set(variants)
    return set(experimentation.weights) | set(experimentation.fallbacks)
