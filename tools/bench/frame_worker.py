"""One reading of the rows in a process of its own: `python -m tools.bench.frame_worker DIRECTORY WHAT ARGUMENT`; prints JSON.

The two that measure `times` read the light rows and give seconds; the others read the full rows once. `peak` is the process's
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


REPEATS = 9


def median_seconds(read: Callable[[], Any], rows: int) -> float:
    """Of `REPEATS` readings after one that warms the caches."""
    found: list[float] = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        table = read()
        found.append(time.perf_counter() - start)
        assert len(table) == rows, (len(table), rows)
    return statistics.median(found[1:])


def raw_times(directory: str, rows: int) -> dict[str, Any]:
    """Seconds of the plain Arrow query."""
    import clickhouse_connect

    client = clickhouse_connect.get_client(dsn=f"chdb://{directory}", database="tensorzero")
    return {"raw": median_seconds(lambda: client.query_arrow(RAW), rows)}


def our_times(directory: str, rows: int) -> dict[str, Any]:
    """Seconds of our frames, without and with feedback and a tag."""
    from tensorzero.clickhouse.database import Database
    from tensorzero_notebook import frames

    database = Database.open(f"chdb://{directory}")

    def read_frame(metrics: list[str], tags: list[str]) -> Any:
        return frames.inferences("light", full=False, limit=None, metrics=metrics, tags=tags, database=database)

    light = median_seconds(lambda: read_frame([], []), rows)
    feedback = median_seconds(lambda: read_frame(["thumbs_up", "rating"], ["season"]), rows)
    database.close()
    return {"light": light, "feedback": feedback}


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
    """`times`, `stored` and `all` (ours); `raw-times`, `raw-stored` and `raw-all` (the latter our own statement)."""
    if what == "times":
        return our_times(directory, int(argument))
    if what == "raw-times":
        return raw_times(directory, int(argument))
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
