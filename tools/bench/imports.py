"""`import tensorzero` in a fresh process, ours and the original in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from tools.bench.calls import environment_of
from tools.bench.report import Line

PROGRAM = "import time; start = time.perf_counter(); import tensorzero; print(time.perf_counter() - start)"


def seconds(python: str, folder: Path) -> float:
    command, environment = [python, "-c", PROGRAM], environment_of(python)
    return float(subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout)


def measure(count: int, folder: Path) -> list[Line]:
    """The median of three times as many fresh processes as there are rounds, after one that warms the disk cache."""
    pythons = {"ours": sys.executable, "original": os.environ.get("TENSORZERO_ORIGINAL_PYTHON")}
    found: dict[str, list[float]] = {name: [] for name in pythons}
    for number in range(3 * count + 1):
        for name, python in pythons.items():
            if python and (taken := seconds(python, folder)) and number:
                found[name].append(taken)
    other = statistics.median(found["original"]) if found["original"] else None
    return [Line("import tensorzero", "ms", statistics.median(found["ours"]), other, "original", 0.6)]
