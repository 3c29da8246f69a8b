"""The whole gateway under faults: rows afterwards are what callers were told, each once, in base and id tables alike."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_server import ClickHouseServer
from stored_rows import assert_inferences_once, assert_thumbs_once, ids

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.query import Query
from tensorzero.clients.embedded_transport import database_of
from tensorzero.runtime.blocking import BlockingRuntime

pytestmark = pytest.mark.fault

CONFIG = """
[models.fast]
routing = ["p"]
providers.p = { type = "openai", model_name = "tokens-3", api_base = "UPSTREAM", api_key_location = "none" }
[functions.f]
type = "chat"
variants.v = { type = "chat_completion", model = "fast" }
[metrics.thumbs_up]
type = "boolean"
optimize = "max"
level = "inference"
"""
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}

# Says `i ID` when an answer has been handed out, `f ID` when a feedback has been acknowledged.
PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
from tensorzero import TensorZeroGateway
config, url, what, count = sys.argv[1:]
ask = {"messages": [{"role": "user", "content": "x"}]}
with TensorZeroGateway.build_embedded(config_file=config, clickhouse_url=url) as client:
    print("ready", flush=True)
    for number in range(int(count)):
        tags = {"n": str(number)}
        if what == "streams":
            for chunk in client.inference(function_name="f", input=ask, stream=True, tags=tags):
                inference_id = chunk.inference_id
        else:
            inference_id = client.inference(function_name="f", input=ask, tags=tags).inference_id
        print("i", inference_id, flush=True)
        if what == "feedback":
            given = client.feedback(metric_name="thumbs_up", value=True, inference_id=inference_id, tags=tags)
            print("f", given.feedback_id, flush=True)
print("done", flush=True)
"""


@pytest.fixture
def config(tmp_path: Path, mock_provider_process: Any) -> Path:
    path = tmp_path / "tensorzero.toml"
    path.write_text(CONFIG.replace("UPSTREAM", mock_provider_process.url))
    return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClickHouseServer]:
    running = ClickHouseServer(tmp_path / "server")
    running.start()
    yield running
    running.kill()


def open_client(config: Path, url: str) -> TensorZeroGateway:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TensorZeroGateway.build_embedded(config_file=str(config), clickhouse_url=url)


def database(client: TensorZeroGateway) -> Database:
    found = database_of(client)
    assert found is not None
    return found


def killed(config: Path, url: str, what: str, acknowledgements: int, seconds: float) -> tuple[set[str], set[str]]:
    """Run the program, `kill -9` it after that many acknowledgements and seconds; every id that it acknowledged."""
    command = [sys.executable, "-c", PROGRAM, str(config), url, what, "500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        ready = process.stdout.readline()
        assert ready == "ready\n", process.stderr.read()
        lines = [process.stdout.readline() for _ in range(acknowledgements)]
        time.sleep(seconds)
        process.kill()
        lines += process.stdout.read().splitlines()
    pairs = [line.split() for line in lines if len(line.split()) == 2 and len(line.split()[1]) == 36]
    return {found for kind, found in pairs if kind == "i"}, {found for kind, found in pairs if kind == "f"}


def assert_acknowledged_once(client: TensorZeroGateway, inferences: set[str], thumbs: set[str], kills: int) -> None:
    """All of them once, everywhere; and nothing else but the one call of each kill whose answer was cut off."""
    inside = database(client)
    kept = set(ids(inside, "ChatInference")), set(ids(inside, "BooleanMetricFeedback"))
    assert inferences <= kept[0]
    assert thumbs <= kept[1]
    assert len(kept[0] - inferences) + len(kept[1] - thumbs) <= kills
    assert_inferences_once(inside, kept[0], tagged=True)
    assert_thumbs_once(inside, kept[1], tagged=True)


@pytest.mark.parametrize("what", ["inferences", "streams", "feedback"])
@pytest.mark.parametrize("where", ["chdb", "server"])
def test_a_killed_gateway_has_stored_all_that_it_acknowledged(
    where: str, what: str, config: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"chdb://{tmp_path}/db" if where == "chdb" else request.getfixturevalue("server").url
    inferences: set[str] = set()
    thumbs: set[str] = set()
    rounds = [(1, 0.0), (150, 0.0), (300, 0.25)]
    for acknowledgements, seconds in rounds:
        found = killed(config, url, what, acknowledgements, seconds)
        inferences |= found[0]
        thumbs |= found[1]
    assert len(inferences) + len(thumbs) >= 451
    client = open_client(config, url)
    try:
        assert_acknowledged_once(client, inferences, thumbs, len(rounds))
    finally:
        client.close()


def test_an_outage_during_five_hundred_inferences_and_thumbs_loses_nothing(config: Path, server: ClickHouseServer) -> None:
    client = open_client(config, server.url)
    inferences: set[str] = set()
    thumbs: set[str] = set()
    try:
        for number in range(500):
            if number == 100:
                server.kill()
            if number == 400:
                server.start()
            answer = client.inference(function_name="f", input=ASK, tags={"n": str(number)})
            given = client.feedback(metric_name="thumbs_up", value=True, inference_id=answer.inference_id, tags={"n": "1"})
            inferences.add(str(answer.inference_id))
            thumbs.add(str(given.feedback_id))
        inside = database(client)
        until = time.monotonic() + 60
        while inside.status()["pending_rows"]:
            assert time.monotonic() < until, inside.status()
            time.sleep(0.05)
        assert_inferences_once(inside, inferences, tagged=True)
        assert_thumbs_once(inside, thumbs, tagged=True)
        counts = inside.query(Query("SELECT variant_name, count() AS n FROM BooleanMetricFeedbackByVariant GROUP BY 1"))
        assert counts == [{"variant_name": "v", "n": 500}]
    finally:
        client.close()


def test_feedback_on_an_unknown_id_fails_at_once_while_the_database_is_down(
    config: Path, server: ClickHouseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_client(config, server.url)
    known = client.inference(function_name="f", input=ASK)
    database(client).flush()
    server.kill()
    waiting = client.inference(function_name="f", input=ASK)
    with monkeypatch.context() as hasty:
        hasty.setattr(BlockingRuntime, "sleep", lambda *_: pytest.fail("it waited"))
        with pytest.raises(TensorZeroError) as caught:
            client.feedback(metric_name="thumbs_up", value=True, inference_id="01980000-0000-7000-8000-000000000001")
    assert caught.value.status_code == 503
    given = client.feedback(metric_name="thumbs_up", value=True, inference_id=waiting.inference_id)
    server.start()
    inside = database(client)
    inside.flush(60)
    assert set(ids(inside, "ChatInference")) == {str(known.inference_id), str(waiting.inference_id)}
    assert_thumbs_once(inside, {str(given.feedback_id)})
    client.close()


REFUSED = """
import resource, sys, warnings
warnings.simplefilter("ignore")
from tensorzero import TensorZeroError, TensorZeroGateway
client = TensorZeroGateway.build_embedded(config_file=sys.argv[1], clickhouse_url=sys.argv[2])
ask = {"messages": [{"role": "user", "content": "x" * 5000}]}
print("ready", flush=True)
sys.stdin.readline()
for number in range(200):
    try:
        answer = client.inference(function_name="f", input=ask, tags={"n": "1"})
    except TensorZeroError as error:
        print("error", error.status_code, error.text, "| hint:", error.hint, flush=True)
        break
    print("i", answer.inference_id, flush=True)
"""


def test_a_disk_that_refuses_is_a_clear_error_and_no_acknowledgement(config: Path, server: ClickHouseServer) -> None:
    """The database is down, so the spool fills up."""
    command = [sys.executable, "-c", REFUSED, str(config), server.url]

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=small_files, **pipes) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        server.kill()
        output, errors = process.communicate("go\n", timeout=100)
    lines = output.splitlines()
    acknowledged = {line.split()[1] for line in lines if line.startswith("i ")}
    refusals = [line for line in lines if line.startswith("error")]
    assert refusals, (output[-500:], errors[-2000:])
    assert refusals[0].startswith("error 503"), refusals
    assert "hint: None" not in refusals[0]
    server.start()
    client = open_client(config, server.url)
    try:
        assert set(ids(database(client), "ChatInference")) == acknowledged
        assert_inferences_once(database(client), acknowledged, tagged=True)
    finally:
        client.close()
