"""Run every measure; print the table; write bench.json; exit 1 where a limit is broken.

    python -m tools.bench [--rounds 5] [--only calls,streams,logging,import,frames] [--out bench.json]

`TENSORZERO_ORIGINAL_PYTHON` and `TENSORZERO_LITELLM_PYTHON` name interpreters that have the original package and litellm;
without them their rows are skipped, and a line says so. Ratios repeat between runs, absolute times do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tools.bench import calls, frames, imports
from tools.bench.report import Line, table

PARTS = {
    "calls": calls.calls,
    "streams": calls.streams,
    "logging": calls.logging,
    "import": imports.measure,
    "frames": frames.measure,
}


def measured(part: str, rounds: int) -> list[Line]:
    """The part's lines; one line that fails where it could not be measured, so that the others are not lost."""
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            return PARTS[part](rounds, Path(folder))
    except Exception as error:
        traceback.print_exc()
        return [Line(part, "", None, None, "", None, note=f"FAIL: {error}")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    arguments = parser.parse_args()

    for variable, rows in (("TENSORZERO_ORIGINAL_PYTHON", "the original's"), ("TENSORZERO_LITELLM_PYTHON", "litellm's")):
        if not os.environ.get(variable):
            print(f"SKIPPED: {rows} rows, because {variable} is not set", flush=True)

    lines: list[Line] = []
    start = time.monotonic()
    for part in arguments.only.split(","):
        print(f"[{time.monotonic() - start:4.0f} s] {part}", file=sys.stderr, flush=True)
        lines += measured(part, arguments.rounds)
    print(table(lines))
    machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    arguments.out.write_text(json.dumps({"machine": machine, "lines": [line.as_json() for line in lines]}, indent=1) + "\n")
    failed = [line for line in lines if line.verdict == "FAIL" or line.note.startswith("FAIL")]
    seconds = time.monotonic() - start
    print(f"\n{len(lines)} measures in {seconds:.0f} s, {len(failed)} beyond their limit; written to {arguments.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
