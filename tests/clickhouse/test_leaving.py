"""A process that ends while a thread is inside the engine ends with its own exit status."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.fault

START = """
import asyncio, atexit, os, signal, sys, threading, time, uuid, warnings
sys.path.insert(0, sys.argv[2])
from sample_rows import inference
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.engine import Engine
from tensorzero.clickhouse.query import Query

database = Database.open(sys.argv[1])
ENDLESS = Query("SELECT count() AS n FROM numbers(3000) WHERE sleepEachRow(0.1) = 0 SETTINGS max_block_size = 1")
LARGE = Query("SELECT number, repeat('x', 100) AS text FROM numbers(200000)")

def in_the_background(work, *arguments, times=1):
    def run():
        for _ in range(times):
            work(*arguments)
    threading.Thread(target=run, daemon=True).start()
"""
INSIDE = {
    "an insert": """
rows = inference(tags={f"key {number}": "value" for number in range(2500)})[1]
database.write(rows)
time.sleep(0.5)
""",
    "a long read": """
in_the_background(lambda: database.query(ENDLESS, flush=False))
time.sleep(0.5)
""",
    "reads of frames": """
in_the_background(lambda: database.arrow(LARGE, flush=False), times=1000)
in_the_background(lambda: database.find_episode(uuid.uuid4()), times=100000)
time.sleep(0.8)
""",
    "a call of the blocking runtime": """
from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.drive import drive
def interrupted(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupted)
signal.setitimer(signal.ITIMER_REAL, 0.5)
try:
    drive(BlockingRuntime().blocking(lambda: database.query(ENDLESS, flush=False)))
except KeyboardInterrupt:
    pass
""",
    "a call of the asyncio runtime": """
from tensorzero.runtime.nonblocking import AsyncRuntime
async def give_up():
    try:
        await asyncio.wait_for(AsyncRuntime().blocking(lambda: database.query(ENDLESS, flush=False)), 0.5)
    except (TimeoutError, asyncio.TimeoutError):
        pass
asyncio.run(give_up())
""",
}
ENDS = {
    "sys.exit(3)": 3,
    "raise ValueError('own')": 1,
    "pass": 0,
    "signal.raise_signal(signal.SIGINT)": -signal.SIGINT,
}


def run(program: str, directory: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, f"chdb://{directory}/db", str(Path(__file__).parent)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


CASES = [("an insert", end) for end in ENDS] + [(inside, "sys.exit(3)") for inside in INSIDE if inside != "an insert"]


@pytest.mark.parametrize(("inside", "end"), CASES)
def test_the_exit_status_is_the_programs_own(inside: str, end: str, tmp_path: Path) -> None:
    process = run(f"{START}{INSIDE[inside]}print('leaving', flush=True)\n{end}\n", tmp_path)
    out, err = process.communicate(timeout=200)
    assert out == "leaving\n", err
    assert process.returncode == ENDS[end], err
    assert "cancelled" not in err  # nobody is told of a read that ended with the process


def test_what_an_insert_at_the_end_brought_is_there(tmp_path: Path) -> None:
    process = run(f"{START}{INSIDE['an insert']}sys.exit(3)\n", tmp_path)
    assert process.wait(timeout=200) == 3
    process.communicate()
    count = 'print(database.query(Query("SELECT count() AS n FROM ChatInference")))'
    again = run(f"{START}{count}\n", tmp_path)
    assert again.communicate(timeout=200)[0] == "[{'n': 1}]\n"


def test_ctrl_c_ends_the_wait_at_the_end(tmp_path: Path) -> None:
    """Here for a thread that never comes out."""
    program = f"""{START}
from tensorzero.clickhouse import leaving
def stuck():
    with leaving.inside():
        threading.Event().wait()
in_the_background(stuck)
print("leaving", flush=True)
"""
    process = run(program, tmp_path)
    assert process.stdout
    assert process.stdout.readline() == "leaving\n"
    time.sleep(2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT


def test_an_exit_handler_of_the_users_own_may_still_call(tmp_path: Path) -> None:
    """Even one that was registered before the database room was loaded."""
    program = (
        """
import atexit, sys
import tensorzero
@atexit.register
def last_words():
    database.write(inference()[1])
    print(database.query(Query("SELECT count() AS n FROM ChatInference")), flush=True)
"""
        f"{START}sys.exit(5)\n"
    )
    process = run(program, tmp_path)
    out, err = process.communicate(timeout=200)
    assert (out, process.returncode) == ("[{'n': 1}]\n", 5), err
