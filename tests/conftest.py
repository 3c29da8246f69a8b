"""For every test: a clean environment, no network but loopback, and the real parts that tests share."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tensorzero.masking import known, mask
from tensorzero.masking.index import Index

try:
    import resource
except ImportError:  # Windows
    pass
else:  # the engine keeps some files of every directory that it has ever opened
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 8192:
        resource.setrlimit(resource.RLIMIT_NOFILE, (8192 if hard == resource.RLIM_INFINITY else min(hard, 8192), hard))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a shell's background jobs, whose programs would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("VIRTUAL_ENV", None)  # of whoever started the tests: IPython warns where it names another environment

# The same cases each time, however slow the machine; `tools/fuzz.py` looks for new ones.
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parent.parent
KEPT = {"TENSORZERO_ORIGINAL_PYTHON", "TENSORZERO_LITELLM_PYTHON", "TENSORZERO_TEST_BROWSER"}
PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file"}


def leaks(name: str) -> bool:
    """Whether a variable of the developer's shell could change what a test sees."""
    lowered = name.lower()
    return name not in KEPT and (
        name.startswith("TENSORZERO_") or lowered.endswith(("_api_key", "_token")) or lowered in PROXIES
    )


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys, proxies or settings of ours from outside; spools of servers in the test's own folder."""
    for name in filter(leaks, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of another test is hidden from this one's texts."""
    for name in ("_pieces", "_whole", "_logins"):
        monkeypatch.setattr(known, name, known._Known())
    monkeypatch.setattr(known, "_variables", {})
    monkeypatch.setattr(mask, "_index", Index())


def is_loopback(host: str) -> bool:
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: sockets of this process reach loopback only, and no name is looked up outside."""
    if event == "socket.connect":
        connection, address = arguments
        if connection.family in {socket.AF_INET, socket.AF_INET6} and not is_loopback(str(address[0])):
            raise RuntimeError(f"a test tried to connect to {address}")
    elif event == "socket.getaddrinfo":
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0] or "")
        if not is_loopback(host):
            raise socket.gaierror(socket.EAI_NONAME, f"a test tried to look up {host}")


sys.addaudithook(refuse_network)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: a browser that is open keeps an event loop running in this thread."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


class MockProvider:
    """`tools/mock_provider.py` in a process of its own. `url` ends in `/v1`, as an `api_base` does."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/v1"

    def requests(self) -> list[dict[str, Any]]:
        """What was asked since the test began: method, path, headers (lower case), body."""
        return self._ask("GET")

    def clear(self) -> None:
        self._ask("DELETE")

    def _ask(self, method: str) -> list[dict[str, Any]]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/requests", method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as reply:
            return json.load(reply)


@pytest.fixture(scope="session")
def mock_provider_process() -> Iterator[MockProvider]:
    command = [sys.executable, str(ROOT / "tools" / "mock_provider.py"), "--log"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            word, port = process.stdout.readline().split()
            assert word == "ready"
            yield MockProvider(int(port))
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def mock_provider(mock_provider_process: MockProvider) -> MockProvider:
    """The OpenAI-compatible mock, with an empty log; its docstring lists the models and what each does."""
    mock_provider_process.clear()
    return mock_provider_process


@pytest.fixture
def config_dir(tmp_path: Path) -> Callable[..., Path]:
    """`config_dir(toml, {"relative/path.minijinja": text})` writes the files and returns the path of tensorzero.toml."""

    def write(toml: str, files: dict[str, str] | None = None) -> Path:
        folder = tmp_path / "config"
        for name, text in {"tensorzero.toml": toml, **(files or {})}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder / "tensorzero.toml"

    return write


@pytest.fixture(scope="session")
def prepared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chdb directory that holds the schema and no rows: to be copied, as making one takes longer than most tests."""
    from tensorzero.clickhouse.database import Database
    from tensorzero.clickhouse.query import Query

    directory = tmp_path_factory.mktemp("prepared") / "db"
    database = Database.open(f"chdb://{directory}")
    database.query(Query("SELECT count() AS n FROM ChatInference"))
    database.close()
    return directory


@pytest.fixture
def prepared_database(prepared_directory: Path, tmp_path: Path) -> Callable[..., str]:
    """`prepared_database("name")`: the URL of a chdb directory of this test's own, in `tmp_path`, that was used before."""

    def place(name: str = "db") -> str:
        directory = tmp_path / name
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copytree(prepared_directory, directory, symlinks=True)
        return f"chdb://{directory}"

    return place
