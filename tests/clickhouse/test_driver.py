"""clickhouse-connect is loaded whole, whoever asks for it at the same time."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import threading
from tensorzero.clickhouse.connection import bound, driver_errors
failures = []
together = threading.Barrier(8)

def use(number):
    together.wait()
    try:
        bound({"ids": ["a", "b"]}) if number % 2 else driver_errors().__enter__()
    except BaseException as error:
        failures.append(error)

threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(failures)
"""


def test_threads_that_load_the_driver_together_all_get_it_whole() -> None:
    for _ in range(3):
        found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
        assert found.stdout.strip() == "[]", found.stderr
