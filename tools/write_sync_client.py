"""Writes the blocking client's files from the asyncio client's; with `--check`, says which are not as they would be written.

    python tools/write_sync_client.py [--check]

Each rule is a plain replacement: what it makes is formatted and sorted by ruff, and is committed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent.parent / "tensorzero" / "clients"
NAMES = ("gateway", "optimization", "evaluations")
"""`async_NAME.py` becomes `sync_NAME.py`."""

TASK = "asyncio.Task["
RULES = (
    (r"^import asyncio\n", ""),
    (r"\basync (?=(def|for|with)\b)", ""),
    (r"\bawait ", ""),
    (r"\b__a(?=(iter|next|enter|exit)__)", "__"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\bAsyncCalling\b", "SyncCalling"),
    (r"\bAsyncIterator\b", "ASYNC_ITERATOR"),  # a stream's batches are one in both
    (r"\bAsync(?=[A-Z])", ""),
    (r"\bASYNC_ITERATOR\b", "AsyncIterator"),
    (r"\basync_streams\b", "streams"),
    (r"\basync_(?=(calling|evaluations|gateway|optimization)\b)", "sync_"),
    (
        r"The asyncio client: spelled-out signatures over `calls`, each call a task\.",
        "The blocking client: spelled-out signatures over `calls`.",
    ),
    (r"an async iterator of its chunks", "an iterator of its chunks"),
    (
        r"Every method returns a task that already runs; .*?\n\s*from several event loops, one after another\.",
        "Any number of threads may share one.",
    ),
    (r"asyncio client", "blocking client"),
    (r"resolves to", "returns"),
)


def without_tasks(text: str) -> str:
    """`asyncio.Task[X]` is X, whatever brackets X has."""
    while TASK in text:
        begin = text.index(TASK)
        at, depth = begin + len(TASK), 1
        while depth:
            depth += {"[": 1, "]": -1}.get(text[at], 0)
            at += 1
        text = text[:begin] + text[begin + len(TASK) : at - 1] + text[at:]
    return text


def formatted(text: str, name: str) -> str:
    for command in (("check", "--select", "I", "--fix", "-q"), ("format",)):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", name, "-"],
            input=text, capture_output=True, text=True, check=True,
        )  # fmt: skip
        text = done.stdout
    return text


def blocking(name: str) -> str:
    """The text of `sync_NAME.py`."""
    text = without_tasks((CLIENTS / f"async_{name}.py").read_text(encoding="utf-8"))
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text, flags=re.M | re.S)
    first = f"# Written by tools/write_sync_client.py from async_{name}.py, which is the one to change.\n"
    return formatted(first + text, str(CLIENTS / f"sync_{name}.py"))


def main(check: bool) -> int:
    stale: list[str] = []
    for name in NAMES:
        path, text = CLIENTS / f"sync_{name}.py", blocking(name)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.name)
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
    if stale:
        print(f"{'Not as they would be written' if check else 'Written'}: {', '.join(stale)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
