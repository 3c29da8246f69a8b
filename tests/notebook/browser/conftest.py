"""One JupyterLab and one Chromium for all browser tests; a page and a folder for each."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebook_page import NotebookPage
from playwright.sync_api import Browser, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[3]
NAMED_BROWSER = os.environ.get("TENSORZERO_TEST_BROWSER")
TOKEN = "browser-tests"
PORTS = range(20_000, 30_000)
"""Below those that the system gives to whoever asks for any: what is free now is free when Lab has started."""
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
NO_BROWSER = (
    "The browser tests need Chromium: on Debian `apt-get install -y chromium fonts-noto-cjk fonts-noto-color-emoji`; "
    "elsewhere set TENSORZERO_TEST_BROWSER to a Chromium or Chrome. To leave them out: pytest -m 'not browser'."
)


expect.set_options(timeout=60_000)  # a busy machine is slow, and a test that passes waits no longer than it must

STACKS = """
import faulthandler, os, pathlib, signal
_file = (pathlib.Path(os.environ["TENSORZERO_TEST_STACKS"]) / f"{os.getpid()}.txt").open("w")
print(os.environ.get("JPY_SESSION_NAME"), file=_file, flush=True)
if hasattr(signal, "SIGUSR1"):
    faulthandler.register(signal.SIGUSR1, file=_file, all_threads=True)
"""
"""Runs in every kernel: where its threads are can be asked from outside (`NotebookPage.report`)."""


@dataclass(frozen=True)
class Lab:
    """`stacks`: a file for each kernel, named after its process, with the notebook's path and then the dumps."""

    url: str
    folder: Path
    stacks: Path


def free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


def find_chromium() -> str:
    named = NAMED_BROWSER
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        pytest.fail(NO_BROWSER, pytrace=False)
    return found


def prepare_application(folder: Path) -> None:
    """Lab's own files with settings of ours: no news, no autosave, no windowing."""
    (folder / "settings").mkdir(parents=True)
    (folder / "settings" / "overrides.json").write_text(json.dumps(SETTINGS))
    installed = Path(sys.prefix) / "share" / "jupyter" / "lab"
    for part in ("static", "schemas", "themes"):
        (folder / part).symlink_to(installed / part)


def lab_environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    folders = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    return kept | {
        **{f"JUPYTER_{name}": str(home / name.lower()) for name in folders},
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "lab-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "lab-workspaces"),
        "TENSORZERO_TEST_STACKS": str(home / "stacks"),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "notebook")]),
        "NO_PROXY": "127.0.0.1,localhost",
    }


def ask(url: str, path: str, method: str = "GET") -> Any:
    """One request to Lab's REST API."""
    request = urllib.request.Request(f"{url}{path}", method=method, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
        return json.loads(reply.read() or "null")


def end_kernels(url: str, folder: str) -> None:
    """Those of the notebooks in a folder: the next test is to have the machine for itself."""
    for session in ask(url, "/api/sessions"):
        if session["path"].startswith(f"{folder}/"):
            with contextlib.suppress(urllib.error.HTTPError):  # it has gone meanwhile
                ask(url, f"/api/sessions/{session['id']}", "DELETE")


def wait_for_server(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            ask(url, "/api/status")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    (home / "stacks").mkdir()
    startup = home / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "stacks.py").write_text(STACKS)
    prepare_application(home / "application")
    port = free_port()
    options = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.app_dir={home / 'application'}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--allow-root",
    ]
    log = home / "lab.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], stdout=output, stderr=output, cwd=folder, env=lab_environment(home)
        )
        try:
            wait_for_server(url, process, log)
            yield Lab(url, folder, home / "stacks")
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=executable, args=arguments, timeout=180_000)
        yield browser
        browser.close()


@pytest.fixture
def open_notebook(lab: Lab, browser: Browser, tmp_path: Path) -> Iterator[Callable[..., NotebookPage]]:
    """`open_notebook(cells, name="notebook.ipynb", files={...})`: a notebook with these cells, open in a page of its own.

    With `saved`, the notebook that is to be opened instead; Lab does not trust it.

    All notebooks of one test share a folder. Screenshots go to `TENSORZERO_SCREENSHOTS` when that is set.
    """
    folder = lab.folder / tmp_path.name
    folder.mkdir()
    pages: list[NotebookPage] = []

    def open_it(
        cells: list[str], name: str = "notebook.ipynb", files: dict[str, str] | None = None, saved: Any = None
    ) -> NotebookPage:
        for file, text in (files or {}).items():
            (folder / file).write_text(text)
        notebook: Any = (
            nbformat.from_dict(saved)
            if saved
            else nbformat.v4.new_notebook(
                cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
                metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            )
        )
        nbformat.write(notebook, folder / name)
        page = browser.new_page(viewport={"width": 1100, "height": 1000})
        url = f"{lab.url}/lab/tree/{folder.name}/{name}?reset&token={TOKEN}"
        opened = NotebookPage(page, url, folder / name, lab.stacks)
        pages.append(opened)
        opened.open()
        return opened

    yield open_it
    for page in pages:
        page.page.close()
    end_kernels(lab.url, folder.name)
