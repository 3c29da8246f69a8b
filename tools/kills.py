"""Kill processes that write to one database at random moments, again and again; then count: rows = acknowledgements.

    python tools/kills.py --kills 200 --seed 1 --writers 3            # on one chdb directory
    python tools/kills.py --kills 200 --seed 1 --writers 3 --server   # on one server, which is killed now and then too

Several processes write inferences and feedback and say each one that was acknowledged; one after another is ended by `kill -9`
at a random moment and another takes its place. In the end every acknowledged row must be in the database, once and in every
table that is derived from it, and nothing else but the one record of each kill that was kept while its process died.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "clickhouse"))

from clickhouse_server import ClickHouseServer  # noqa: E402 - lies beside the tests
from stored_rows import ids  # noqa: E402

from tensorzero.clickhouse.database import Database  # noqa: E402
from tensorzero.clickhouse.errors import StorageError  # noqa: E402
from tensorzero.clickhouse.query import Query  # noqa: E402

WRITING = """
import sys, time
sys.path.insert(0, sys.argv[2])
from sample_rows import inference, thumbs_up
from tensorzero.clickhouse.database import Database
database = Database(sys.argv[1])
pause = float(sys.argv[3])
while True:
    inference_id, rows = inference(tags={"a": "b"})
    database.write(rows)
    print("i", inference_id, flush=True)
    feedback_id, rows = thumbs_up(inference_id, tags={"a": "b"})
    database.write(rows)
    print("f", feedback_id, flush=True)
    time.sleep(pause)
"""
BASES = {"i": ("ChatInference", "id"), "f": ("BooleanMetricFeedback", "id")}
DERIVED = {
    "i": [
        ("ModelInference", "inference_id"),
        ("InferenceById", "id_uint"),
        ("InferenceByEpisodeId", "id_uint"),
        ("InferenceTag", "inference_id"),
        ("TagInference", "inference_id"),
    ],
    "f": [
        ("BooleanMetricFeedbackByTargetId", "id"),
        ("BooleanMetricFeedbackByVariant", "id_uint"),
        ("FeedbackTag", "feedback_id"),
    ],
}


class WritingProcess:
    """Its acknowledgements go to a file, which survives it."""

    def __init__(self, url: str, log: Path, pause: float) -> None:
        self._log = log
        self._file = log.open("wb")
        command = [sys.executable, "-c", WRITING, url, str(ROOT / "tests" / "clickhouse"), str(pause)]
        self.process = subprocess.Popen(command, stdout=self._file, stderr=subprocess.DEVNULL)

    def wait_until_it_writes(self, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not self._log.stat().st_size and self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)

    def kill(self) -> list[tuple[str, str]]:
        """End it; what it said was acknowledged."""
        self.process.kill()
        self.process.wait()
        self._file.close()
        lines = [line.split() for line in self._log.read_text().splitlines()]
        return [(line[0], line[1]) for line in lines if len(line) == 2 and len(line[1]) == 36]


def run(directory: Path, *, kills: int, seed: int, writers: int, on_server: bool) -> dict[str, Any]:
    """The figures; `faults` is empty when rows = acknowledgements."""
    chance = random.Random(seed)
    server = ClickHouseServer(directory / "server") if on_server else None
    if server is not None:
        server.start()
    url = server.url if server is not None else f"chdb://{directory}/db"
    acknowledged: dict[str, set[str]] = {"i": set(), "f": set()}
    begun = 0

    def begin() -> WritingProcess:
        nonlocal begun
        begun += 1
        return WritingProcess(url, directory / f"writer-{begun}.log", chance.choice([0.0, 0.001, 0.01]))

    running = [begin() for _ in range(writers)]
    outages = 0
    for number in range(kills):
        victim = running.pop(chance.randrange(len(running)))
        if chance.random() < 0.8:  # the others die while they open the database
            victim.wait_until_it_writes()
        time.sleep(chance.choice([0.0, chance.uniform(0.0, 0.4), chance.uniform(0.2, 1.0)]))
        if server is not None and number % 10 == 9:
            server.kill()
            outages += 1
            time.sleep(chance.uniform(0.0, 0.3))
            server.start()
        for kind, found in victim.kill():
            acknowledged[kind].add(found)
        running.append(begin())
    for one in running:
        for kind, found in one.kill():
            acknowledged[kind].add(found)
    database = Database(url)
    until = time.monotonic() + 120
    while list((directory / "spools").rglob("*.spool")) and time.monotonic() < until:
        with contextlib.suppress(StorageError):
            database.query(Query("SELECT 1 AS one"))  # opens it, and waits for what the dead left
    found = count(database, acknowledged, kills + writers)
    database.close()
    if server is not None:
        server.kill()
    return {"kills": kills + writers, "outages": outages, "processes": begun, **found}


def count(database: Database, acknowledged: dict[str, set[str]], kills: int) -> dict[str, Any]:
    faults: list[str] = []
    figures: dict[str, Any] = {}
    unacknowledged = 0
    for kind, (table, column) in BASES.items():
        stored: Counter[str] = ids(database, table, column)
        figures[table] = {"acknowledged": len(acknowledged[kind]), "stored": len(stored)}
        lost = acknowledged[kind] - set(stored)
        unacknowledged += len(set(stored) - acknowledged[kind])
        faults += [f"{len(lost)} rows of {table} are lost"] if lost else []
        faults += [f"{table} has rows twice"] if set(stored.values()) - {1} else []
        for derived, derived_column in DERIVED[kind]:
            if ids(database, derived, derived_column) != Counter(dict.fromkeys(stored, 1)):
                faults.append(f"{derived} does not fit {table}")
    figures["kept and not acknowledged"] = unacknowledged
    if unacknowledged > kills:
        faults.append("more rows were kept than processes died")
    return {**figures, "faults": faults}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--server", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.environ["TENSORZERO_SPOOL_DIR"] = f"{directory}/spools"
        figures = run(Path(directory), kills=given.kills, seed=given.seed, writers=given.writers, on_server=given.server)
    print(json.dumps(figures, indent=1))
    return 1 if figures["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
