"""A signal handler, an exit handler, a finalizer and the garbage collector may call the client wherever it is just then."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_server import ClickHouseServer
from stored_rows import OpenDatabase, ids

from tensorzero.clickhouse.database import Database

PROGRAMS = Path(__file__).parent / "calling_from_within.py"

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="chdb and interval timers do not exist for Windows"),
    pytest.mark.fault,
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tensorzero.toml"
    path.write_text("")
    return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouseServer]:
    running = ClickHouseServer(tmp_path / "server")
    running.start()
    yield running
    running.kill()


def start(program: str, url: str, config: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-X", "faulthandler", str(PROGRAMS), program, url, str(config)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end_of(process: subprocess.Popen[str]) -> tuple[set[str], set[str]]:
    """The acknowledged inferences and feedbacks of a program that ended well."""
    try:
        out, errors = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.send_signal(6)
        pytest.fail(f"it hangs: {process.communicate()[1][-6000:]}")
    assert process.returncode == 0, errors[-4000:]
    lines = [line.split() for line in out.splitlines()]
    assert lines[-1] == ["end"]
    return {line[1] for line in lines if line[0] == "i"}, {line[1] for line in lines if line[0] == "f"}


def assert_once(database: Database, inferences: set[str], feedbacks: set[str], *, kills: int = 0) -> None:
    kept, comments = ids(database, "ChatInference"), ids(database, "CommentFeedback")
    assert set(kept.values()) | set(comments.values()) == {1}
    assert inferences <= set(kept)
    assert feedbacks <= set(comments)
    assert len(kept) - len(inferences) <= kills
    assert len(comments) - len(feedbacks) <= kills


@pytest.mark.parametrize(
    ("program", "at_least"),
    [("signals", 10), ("signals_that_close", 10), ("finalizers", 10), ("collector", 10), ("at_exit", 4)],
)
def test_calls_from_within_neither_hang_nor_lose_nor_double_rows(
    tmp_path: Path, config: Path, open_database: OpenDatabase, program: str, at_least: int
) -> None:
    url = f"chdb://{tmp_path}/db"
    inferences, feedbacks = end_of(start(program, url, config))
    assert len(inferences) >= at_least
    assert_once(open_database(url), inferences, feedbacks)


def test_a_signal_handler_may_call_while_a_server_is_asked(
    config: Path, server: ClickHouseServer, open_database: OpenDatabase
) -> None:
    inferences, feedbacks = end_of(start("signals", server.url, config))
    assert len(inferences) >= 10
    assert_once(open_database(server.url), inferences, feedbacks)


def test_a_handler_of_sigterm_may_note_it_close_and_end(tmp_path: Path, config: Path, open_database: OpenDatabase) -> None:
    url, times = f"chdb://{tmp_path}/db", 3
    inferences: set[str] = set()
    feedbacks: set[str] = set()
    random.seed(3)
    for _ in range(times):
        process = start("terminate", url, config)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0, 0.3))
        process.terminate()
        found = end_of(process)
        inferences |= found[0]
        feedbacks |= found[1]
    # The call that the handler ended was never acknowledged, and may be stored.
    assert_once(open_database(url), inferences, feedbacks, kills=times)
