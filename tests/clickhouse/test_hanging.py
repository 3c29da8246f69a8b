"""A database that accepts and says nothing, or stops in the middle: everybody is done in the time that they gave."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from clickhouse_server import PASSWORD, USER, ClickHouseServer
from other_process import OtherProcess
from relay import Relay
from sample_rows import inference
from uuid_utils import uuid7

from tensorzero import AsyncTensorZeroGateway, TensorZeroGateway, TensorZeroInternalError
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.errors import DatabaseUnavailable
from tensorzero.clickhouse.query import Query

pytestmark = pytest.mark.fault

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
CONFIG = """
[functions.f]
type = "chat"
[functions.f.variants.v]
type = "chat_completion"
model = "dummy::good"
[functions.g]
type = "chat"
[functions.g.variants.v]
type = "experimental_dynamic_in_context_learning"
model = "dummy::good"
embedding_model = "e"
k = 3
[embedding_models.e]
routing = ["d"]
[embedding_models.e.providers.d]
type = "dummy"
model_name = "good"
[metrics.thumbs_up]
type = "boolean"
optimize = "max"
level = "inference"
"""
LIMIT = 1.5
SLACK = 8.0
"""For a machine that is busy; what hangs would take 30 s at least."""
TIMED_OUT = "HTTP Error: request timed out"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    server = ClickHouseServer(tmp_path_factory.mktemp("server") / "db")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def relay(server: ClickHouseServer) -> Iterator[Relay]:
    relay = Relay(server.port)
    yield relay
    relay.close()


@pytest.fixture
def url(relay: Relay) -> str:
    return f"http://{USER}:{PASSWORD}@127.0.0.1:{relay.port}/tz"


@pytest.fixture
def client(config_dir: Callable[..., Path], url: str, relay: Relay) -> Iterator[TensorZeroGateway]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        made = TensorZeroGateway.build_embedded(config_file=str(config_dir(CONFIG)), clickhouse_url=url, timeout=LIMIT)
    made.inference(function_name="f", input=ASK)
    yield made
    relay.thaw()
    made.close()


def seconds_of(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_feedback_ends_in_the_time_that_was_given(client: TensorZeroGateway, relay: Relay) -> None:
    relay.freeze()

    def give() -> None:
        with pytest.raises(TensorZeroInternalError, match=TIMED_OUT):
            client.feedback(metric_name="thumbs_up", value=True, inference_id=str(uuid7()))

    assert LIMIT <= seconds_of(give) < LIMIT + SLACK


def test_calls_behind_a_hanging_one_end_in_their_time_too(client: TensorZeroGateway, relay: Relay) -> None:
    relay.freeze()
    took: list[float] = []

    def give() -> None:
        with pytest.raises(TensorZeroInternalError, match=TIMED_OUT):
            client.feedback(metric_name="thumbs_up", value=True, inference_id=str(uuid7()))

    threads = [threading.Thread(target=lambda: took.append(seconds_of(give))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == 12
    assert max(took) < LIMIT + SLACK
    assert threads_gone("tensorzero-blocking", SLACK)


def threads_gone(name: str, seconds: float) -> bool:
    """Whether what was given up ends soon, instead of waiting for minutes."""
    until = time.monotonic() + seconds
    while any(thread.name == name for thread in threading.enumerate()):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_a_cache_that_hangs_is_a_miss(client: TensorZeroGateway, relay: Relay) -> None:
    relay.freeze()
    answers: list[Any] = []

    def ask() -> None:
        answers.append(client.inference(function_name="f", input=ASK, cache_options={"enabled": "on"}))

    assert seconds_of(ask) < LIMIT + SLACK
    assert answers[0].content
    assert seconds_of(ask) < LIMIT / 2  # it is left alone for a while
    assert len(answers) == 2


def test_examples_that_cannot_be_had_in_time_end_the_call(client: TensorZeroGateway, relay: Relay) -> None:
    relay.freeze()

    def ask() -> None:
        with pytest.raises(TensorZeroInternalError, match=TIMED_OUT):
            client.inference(function_name="g", input=ASK)

    assert seconds_of(ask) < LIMIT + SLACK


def test_a_hundred_hanging_calls_starve_no_other(config_dir: Callable[..., Path], url: str, relay: Relay) -> None:
    async def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            client: Any = AsyncTensorZeroGateway.build_embedded(
                config_file=str(config_dir(CONFIG)), clickhouse_url=url, timeout=LIMIT, async_setup=False
            )
        relay.freeze()
        calls = [client.feedback(metric_name="thumbs_up", value=True, inference_id=str(uuid7())) for _ in range(100)]
        hanging = asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(0.2)
        began = time.monotonic()
        answer = await client.inference(function_name="f", input=ASK)
        assert time.monotonic() - began < LIMIT
        assert not hanging.done()
        assert answer.content
        failures = await hanging
        assert {str(failure) for failure in failures} == {TIMED_OUT}
        assert time.monotonic() - began < LIMIT + SLACK
        relay.thaw()
        await client.close()

    asyncio.run(run())


def test_rows_are_kept_without_asking_a_database_that_hangs(url: str, relay: Relay) -> None:
    """Also by a client that was closed, which opens everything again."""
    database = Database.open(url)
    database.close()
    relay.freeze()
    inference_id, rows = inference()
    assert seconds_of(lambda: database.write(rows)) < LIMIT
    target = database.find_inference(UUID(inference_id), time.monotonic() + LIMIT)
    assert target is not None

    def look() -> None:
        with pytest.raises(DatabaseUnavailable):
            database.find_episode(UUID(str(uuid7())), time.monotonic() + LIMIT)
        with pytest.raises(DatabaseUnavailable):
            database.query(Query("SELECT 1"), until=time.monotonic() + LIMIT)

    assert seconds_of(look) < 2 * LIMIT + SLACK
    relay.thaw()
    database.close()
    with Opened(url) as again:
        found = again.query(Query("SELECT count() AS n FROM ChatInference WHERE id = {id:UUID}", {"id": inference_id}))
        assert found == [{"n": 1}]


class Opened:
    def __init__(self, url: str) -> None:
        self._database = Database.open(url)

    def __enter__(self) -> Database:
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def test_a_server_that_never_answers_ends_the_start(url: str, relay: Relay) -> None:
    relay.freeze()

    def start() -> None:
        with pytest.raises(DatabaseUnavailable, match="ClickHouse is not healthy"):
            Database.open(url)

    assert seconds_of(start) < 3 + SLACK


HOLDS = """
import sys
from tensorzero.clickhouse.database import Database
database = Database.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
"""


def test_a_stopped_holder_is_given_up_in_time(tmp_path: Path) -> None:
    url = f"chdb://{tmp_path}/db"
    other = OtherProcess(HOLDS, url)
    database = Database.open(url)
    other.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(0.3)  # long enough for the next call to ask whether it is still there

        def look() -> None:
            with pytest.raises(DatabaseUnavailable):
                database.find_inference(UUID(str(uuid7())), time.monotonic() + 1)

        assert seconds_of(look) < 1 + SLACK / 2
    finally:
        other.process.send_signal(signal.SIGCONT)
    assert database.find_inference(UUID(str(uuid7()))) is None
    database.close()
    other.kill()
