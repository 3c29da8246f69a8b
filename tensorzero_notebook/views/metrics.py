"""What an answer can be judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

METRIC_EXAMPLE = '[metrics.thumbs_up]\ntype = "boolean"\nlevel = "inference"\noptimize = "max"\n'
"""What to add to a configuration that has no metrics."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of the configuration. `level` decides whether the inference or its episode is judged."""

    name: str
    type: Literal["boolean", "float"]
    level: Literal["inference", "episode"] = "inference"
    optimize: Literal["max", "min"] = "max"
    description: str | None = None


COMMENT = "comment"
DEMONSTRATION = "demonstration"


def level_of(name: str, metrics: Sequence[Metric]) -> Literal["inference", "episode"]:
    """Comments and demonstrations are on the inference."""
    for metric in metrics:
        if metric.name == name:
            return metric.level
    return "inference"
