"""Frames beside the raw Arrow query, on a chdb directory made for it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools.bench.calls import HERE, environment_of
from tools.bench.report import Line

ROOT = HERE.parent.parent
LIGHT_ROWS, FULL_ROWS = 1_000_000, 100_000


def run(module: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "ignore", "-m", f"tools.bench.{module}", *map(str, arguments)]
    environment = environment_of(sys.executable)
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    return done.stdout


def read(folder: Path, what: str, argument: object = "") -> Any:
    """What the worker measured. chdb's engine hangs now and then in a new process: said aloud, and tried once more."""
    try:
        return json.loads(run("frame_worker", folder, what, argument))
    except subprocess.TimeoutExpired:
        print(f"chdb hung for 60 s while measuring {what}; trying again", flush=True)
        return json.loads(run("frame_worker", folder, what, argument))


def measure(count: int, folder: Path) -> list[Line]:
    """Every way in processes of its own, in turn."""
    rows = folder / "rows"
    run("frame_rows", rows, LIGHT_ROWS, FULL_ROWS)
    turns = [read(rows, "raw-times", LIGHT_ROWS) | read(rows, "times", LIGHT_ROWS) for _ in range(min(count, 3))]
    times = {name: statistics.median(turn[name] for turn in turns) for name in ("raw", "light", "feedback")}
    stored, every = read(rows, "stored"), read(rows, "all")
    raw_stored = read(rows, "raw-stored")
    raw_every = read(rows, "raw-all", json.dumps({"sql": every["sql"], "parameters": every["parameters"]}))
    assert {each["rows"] for each in (stored, every, raw_stored, raw_every)} == {FULL_ROWS}
    return [
        Line("frame, 1,000,000 rows of ids, names, numbers", "ms", times["light"], times["raw"], "raw Arrow query", 1.5),
        Line("the same with two metrics and a tag", "ms", times["feedback"], times["raw"], "raw Arrow query", 3),
        memory("stored columns", stored, raw_stored),
        memory("every column of ours", every, raw_every),
    ]


def memory(what: str, ours: dict[str, Any], other: dict[str, Any]) -> Line:
    name = f"peak memory of 100,000 full rows, {what}"
    return Line(name, "MB", ours["peak"] / 1e6, other["peak"] / 1e6, "query_df_arrow", 1.25)
