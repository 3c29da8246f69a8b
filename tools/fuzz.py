"""Fuzz the gateway: configurations, inputs, upstream answers.

    python tools/fuzz.py --kind config|input|upstream [--cases 20000] [--seed 0] [--keep] [--engine hypothesis]

Case N is made of seed + N alone, so a finding is repeated by its seed. `--keep` writes findings, and one case of each way
to end, to tests/fuzz/seeds/KIND.json, which the test-suite runs. Exits 1 with findings. With `--engine hypothesis` that
library chooses the cases, and shrinks what it finds.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

FUZZ = Path(__file__).resolve().parent.parent / "tests" / "fuzz"
sys.path[:0] = [str(FUZZ), str(FUZZ.parent.parent)]


def main() -> int:
    from fuzz_kinds import KINDS

    asked = argparse.ArgumentParser()
    asked.add_argument("--kind", choices=sorted(KINDS), required=True)
    asked.add_argument("--cases", type=int, default=20_000)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--keep", action="store_true")
    asked.add_argument("--engine", choices=["seeds", "hypothesis"], default="seeds")
    given = asked.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    case_of, run = KINDS[given.kind]
    if given.engine == "hypothesis":
        return with_hypothesis(given.kind, case_of, run, given.cases, given.seed)
    ends: Counter[str] = Counter()
    kept: list[dict[str, Any]] = []
    findings: Counter[str] = Counter()
    slowest = (0.0, 0)
    started = time.monotonic()
    for seed in range(given.seed, given.seed + given.cases):
        faulthandler.dump_traceback_later(30, exit=True)
        case = case_of(seed)
        before = time.monotonic()
        try:
            end = run(case)
        except Exception as error:
            end = f"FINDING {(str(error).strip().splitlines() or [repr(error)])[-1][:200]}"
            findings[end] += 1
            if findings[end] == 1:
                print(f"seed {seed}: {error}", flush=True)
        slowest = max(slowest, (time.monotonic() - before, seed))
        ends[end] += 1
        if ends[end] <= 2:
            kept.append({"seed": seed, "case": case})
    faulthandler.cancel_dump_traceback_later()
    took = time.monotonic() - started
    print(f"{given.kind}: {given.cases} cases in {took:.1f} s; slowest {slowest[0]:.2f} s (seed {slowest[1]})")
    for end, count in ends.most_common():
        print(f"{count:8} {end}")
    if given.keep:
        (FUZZ / "seeds" / f"{given.kind}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 1 if findings else 0


def with_hypothesis(kind: str, case_of: Any, run: Any, cases: int, seed: int) -> int:
    """Raises what it finds, shrunk."""
    import hypothesis
    from hypothesis import strategies as st

    ends: Counter[str] = Counter()

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(st.randoms(use_true_random=False))
    def one(choose: Any) -> None:
        ends[run(case_of(choose))] += 1

    started = time.monotonic()
    one()
    print(f"{kind}: {sum(ends.values())} cases of hypothesis in {time.monotonic() - started:.1f} s")
    for end, count in ends.most_common():
        print(f"{count:8} {end}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
