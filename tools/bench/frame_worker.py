"""One reading of the rows in a process of its own: `python -m tools.bench.frame_worker DIRECTORY WHAT ARGUMENT`; prints JSON.

`times` reads raw Arrow and our frames in turn and gives seconds; the others read the full rows once. `peak` is the process's
largest memory in bytes.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

RAW = (
    "SELECT id, function_name, variant_name, episode_id, processing_time_ms, ttft_ms, timestamp "
    "FROM tensorzero.ChatInference WHERE function_name = 'light'"
)
STORED = ["inference_id", "function_name", "variant_name", "episode_id", "timestamp", "processing_time_ms", "ttft_ms"]
STORED += ["input", "output", "tags"]
RAW_STORED = (
    "SELECT toString(id), function_name, variant_name, toString(episode_id), timestamp, processing_time_ms, ttft_ms, "
    "input, output, tags FROM tensorzero.ChatInference WHERE function_name = 'full'"
)


def seconds(read: Callable[[], Any], rows: int) -> float:
    start = time.perf_counter()
    table = read()
    taken = time.perf_counter() - start
    assert len(table) == rows, (len(table), rows)
    return taken


def times(directory: str, repeats: int) -> dict[str, float]:
    """The median seconds of each way, in turn, after one reading that warms the caches."""
    from chdb.session import Session

    from tensorzero.clickhouse.database import Database
    from tensorzero_notebook import frames

    database = Database.open(f"chdb://{directory}")
    session = Session(directory)

    def ours(metrics: list[str], tags: list[str]) -> Any:
        return frames.inferences("light", full=False, limit=None, metrics=metrics, tags=tags, database=database)

    ways: dict[str, Callable[[], Any]] = {
        "raw": lambda: session.query(RAW, "ArrowTable"),
        "light": lambda: ours([], []),
        "feedback": lambda: ours(["thumbs_up", "rating"], ["season"]),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    rows = len(ways["raw"]())
    for number in range(repeats + 1):
        for name, read in ways.items():
            taken = seconds(read, rows)
            if number:
                found[name].append(taken)
    session.close()
    database.close()
    return {name: statistics.median(each) for name, each in found.items()}


def ours_full(directory: str, columns: list[str] | None) -> dict[str, Any]:
    """Our frame of the full rows; its statement, for the other process."""
    from tensorzero.clickhouse.database import Database
    from tensorzero_notebook import frames

    database = Database.open(f"chdb://{directory}")
    frame = frames.inferences("full", limit=None, columns=columns, database=database)
    database.close()
    return {"rows": len(frame), "sql": frame.attrs["query"], "parameters": frame.attrs["parameters"]}


def raw_full(directory: str, sql: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """clickhouse-connect's frame of a statement."""
    import clickhouse_connect

    client = clickhouse_connect.get_client(dsn=f"chdb://{directory}", database="tensorzero")
    return {"rows": len(client.query_df_arrow(sql, parameters=parameters))}


def read(directory: str, what: str, argument: str) -> dict[str, Any]:
    """`times`, `stored` and `all` (ours), `raw-stored` and `raw-all` (clickhouse-connect, the latter our own statement)."""
    if what == "times":
        return times(directory, int(argument))
    if what == "stored":
        return ours_full(directory, STORED)
    if what == "all":
        return ours_full(directory, None)
    if what == "raw-stored":
        return raw_full(directory, RAW_STORED, {})
    return raw_full(directory, **json.loads(argument))


def main() -> None:
    found = read(*sys.argv[1:4])
    found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps(found), flush=True)
    os._exit(0)  # chdb's own threads may hold up an ordinary exit


if __name__ == "__main__":
    main()
