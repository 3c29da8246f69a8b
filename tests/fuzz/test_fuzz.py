"""Mutated configurations, inputs and upstream answers end in an answer or a documented error, with rows to match.

The kept seeds run as they are, then some hundreds of cases, the same each time: `python tools/fuzz.py` looks for new ones.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from fuzz_kinds import KINDS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SEEDS = Path(__file__).parent / "seeds"
CASES = 300

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.parametrize("kind", sorted(KINDS)),
]


def test_kept_seeds(kind: str) -> None:
    kept = json.loads((SEEDS / f"{kind}.json").read_text("utf-8"))
    assert len(kept) >= 3
    for entry in kept:
        run_one(kind, entry["case"], f"kept seed {entry['seed']}")


def test_cases_of_many_seeds(kind: str) -> None:
    ends = {run_one(kind, KINDS[kind].case(seed), f"seed {seed}") for seed in range(CASES)}
    assert ends & {"answered", "loaded"}
    assert len(ends) > 1


def test_cases_that_hypothesis_chooses(kind: str) -> None:
    @settings(max_examples=CASES, suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def run(choose: random.Random) -> None:
        KINDS[kind].run(KINDS[kind].case(choose))

    run()


def run_one(kind: str, case: Any, name: str) -> str:
    try:
        return KINDS[kind].run(case)
    except Exception as error:
        error.args = (f"{name}: {error}",)
        raise
