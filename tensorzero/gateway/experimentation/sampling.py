"""Which variant answers: the original's deterministic draw (SHA-256 of function name and episode id)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from tensorzero.gateway.config.sections import ExperimentationConfig
from tensorzero.gateway.errors import GatewayError

V = TypeVar("V")


class NoFallbackLeft(GatewayError):
    status = 502


def draw(function_name: str, episode_id: str) -> float:
    """A number in [0, 1) that is the same for every call of a function in an episode."""
    digest = hashlib.sha256(function_name.encode() + UUID(episode_id).bytes).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def choose_variant(
    config: ExperimentationConfig, function_name: str, episode_id: str, active: Mapping[str, V], namespace: str | None = None
) -> str:
    """The name of one of `active`, which must not be empty.

    After a failure the caller leaves the failed variant out and asks again: the same draw on the smaller set, so the order
    of fallbacks is fixed for an episode. Raises `NoFallbackLeft`.
    """
    if namespace is not None:
        config = config.namespaces.get(namespace, config)
    if config.type == "uniform":
        if len(active) == 1:
            return next(iter(active))
        return _uniform(sorted(active), draw(function_name, episode_id))
    weighted = sorted((name, weight) for name, weight in config.weights.items() if weight > 0 and name in active)
    if weighted:
        return weighted[0][0] if len(weighted) == 1 else _weighted(weighted, draw(function_name, episode_id))
    for name in config.fallbacks:
        if name in active:
            return name
    unweighted = sorted(name for name in config.weights if name in active)
    if unweighted:  # candidates of weight 0 come last of all (observed 2026.6.0)
        return _uniform(unweighted, draw(function_name, episode_id))
    raise NoFallbackLeft("No fallback variants remaining.")


def _uniform(names: list[str], u: float) -> str:
    return names[int(u * len(names))]


def _weighted(weighted: list[tuple[str, float]], u: float) -> str:
    threshold = u * sum(weight for _, weight in weighted)
    total = 0.0
    for name, weight in weighted:
        total += weight
        if total > threshold:
            return name
    return weighted[-1][0]
