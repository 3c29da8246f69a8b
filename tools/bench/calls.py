"""Calls, streams and logging: worker processes that take turns, so that a noisy moment hits every client alike."""

from __future__ import annotations

import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.bench.report import Line

HERE = Path(__file__).resolve().parent
CONFIG = """
[gateway]
observability.enabled = {observability}
"""
FUNCTION = """
[models.{name}]
routing = ["mock"]
[models.{name}.providers.mock]
type = "openai"
model_name = "{model}"
api_base = "{base_url}/v1/"
api_key_location = "none"
[functions.{name}]
type = "chat"
system_schema = "system.json"
user_schema = "user.json"
[functions.{name}.variants.v]
type = "chat_completion"
model = "{name}"
system_template = "system.minijinja"
user_template = "user.minijinja"
"""
SYSTEM = {"tone": {"type": "string"}, "topics": {"type": "array", "items": {"type": "string"}}}
USER = {"question": {"type": "string"}}


def schema(properties: dict[str, Any]) -> str:
    return json.dumps({"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False})


FILES = {
    "system.minijinja": "Answer in a {{ tone }} tone. Topics: "
    "{% for topic in topics %}{{ topic }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "user.minijinja": "Question: {{ question }}",
    "system.json": schema(SYSTEM),
    "user.json": schema(USER),
}


def write_config(folder: Path, base_url: str, *, observability: bool) -> str:
    """The configuration that both packages read: a function with schemas and templates for each model of the mock."""
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    names = {"draft": "tokens-120", "draft_100": "tokens-100", "draft_1000": "tokens-1000"}
    toml = CONFIG.format(observability=str(observability).lower())
    toml += "".join(FUNCTION.format(name=name, model=model, base_url=base_url) for name, model in names.items())
    (folder / "tensorzero.toml").write_text(toml)
    return str(folder / "tensorzero.toml")


def pin(core: int) -> None:
    """Keep a new process on one core, the mock on another, where the machine has two."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[core % len(cores)]})


def environment_of(python: str) -> dict[str, str]:
    """No keys; this checkout on the path of our own interpreter, and of no other."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY") and name != "PYTHONPATH"}
    ours = {"PYTHONPATH": str(HERE.parent.parent)} if python == sys.executable else {}
    return {**kept, **ours, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


class Worker:
    """A `worker.py` process: one order at a time."""

    def __init__(self, python: str, kind: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), kind, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment_of(python),
            cwd=HERE,
            preexec_fn=lambda: pin(0),
        )
        self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended with code {self.process.wait()}")
        return json.loads(line)

    def ask(self, measure: str, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"measure": measure, **order}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def mock() -> Iterator[str]:
    """The mock provider's base URL."""
    command = [sys.executable, str(HERE.parent / "mock_provider.py"), *(["--busy"] if (os.cpu_count() or 1) > 1 else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: pin(1)) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().split()[1]}"
        finally:
            process.terminate()


def start(name: str, command: tuple[str, ...]) -> Worker | None:
    """The worker, ready; None, said aloud, where another package's cannot start."""
    try:
        return Worker(*command)
    except RuntimeError as error:
        if name.startswith("ours"):
            raise
        print(f"SKIPPED: {name}: {error}", flush=True)
        return None


@contextlib.contextmanager
def workers(kinds: dict[str, tuple[str, ...]]) -> Iterator[dict[str, Worker]]:
    """Every worker that starts; stopped at the end."""
    started: dict[str, Worker] = {}
    try:
        for name, command in kinds.items():
            if worker := start(name, command):
                started[name] = worker
        yield started
    finally:
        for worker in started.values():
            worker.stop()


def all_kinds(base_url: str, config: str) -> dict[str, tuple[str, ...]]:
    """Which clients can be measured here: name -> (interpreter, kind, arguments…)."""
    pythons = {
        "ours": (sys.executable, "tensorzero"),
        "original": (os.environ.get("TENSORZERO_ORIGINAL_PYTHON"), "tensorzero"),
        "httpx": (sys.executable, "httpx"),
        "litellm": (os.environ.get("TENSORZERO_LITELLM_PYTHON"), "litellm"),
    }
    return {
        f"{name} {face}": (python, f"{kind}-{face}", base_url, config)
        for name, (python, kind) in pythons.items()
        if python
        for face in ("sync", "async")
    }


Results = dict[str, dict[str, float]]


def rounds(started: dict[str, Worker], count: int, measure: str, **order: Any) -> Results:
    """Ask every worker once a round, in shuffled order; the median over rounds of each figure."""
    collected: dict[str, list[dict[str, float]]] = {name: [] for name in started}
    names = list(started)
    for _ in range(count):
        random.shuffle(names)
        for name in names:
            collected[name].append(started[name].ask(measure, **order))
    return {name: medians(results) for name, results in collected.items()}


def medians(results: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(result[key] for result in results) for key in results[0]}


def beside(label: str, unit: str, results: Results, key: str, face: str, limit: float, *, at_least: bool = False) -> list[Line]:
    """Ours against the original with the limit, then against the others without one."""
    ours = results[f"ours {face}"][key]
    lines = []
    for name in ("original", "httpx", "litellm"):
        other = results.get(f"{name} {face}", {}).get(key)
        if other is None and name != "original":
            continue
        lines.append(Line(f"{label}, {face}", unit, ours, other, name, limit if name == "original" else None, at_least))
    return lines


def faces(started: dict[str, Worker], face: str) -> dict[str, Worker]:
    return {name: worker for name, worker in started.items() if name.endswith(" " + face)}


def calls(count: int, folder: Path) -> list[Line]:
    """Latency, CPU and throughput of plain inferences by function with template, observability off."""
    with mock() as base_url:
        config = write_config(folder / "config", base_url, observability=False)
        with workers(all_kinds(base_url, config)) as started:
            latency = rounds(started, count, "latency", calls=200)
            rate = rounds(faces(started, "async"), min(count, 3), "throughput", calls=640, in_flight=64)
    return [
        *beside("inference p50", "us", latency, "p50", "sync", 0.5),
        *beside("inference p50", "us", latency, "p50", "async", 0.6),
        *beside("CPU per inference", "us", latency, "cpu", "sync", 0.5),
        *beside("CPU per inference", "us", latency, "cpu", "async", 0.5),
        *beside("inferences a second, 64 in flight", "/s", rate, "rate", "async", 2.5, at_least=True),
    ]


def streams(count: int, folder: Path) -> list[Line]:
    """Time to the first chunk, and chunks a second, observability off."""
    with mock() as base_url:
        config = write_config(folder / "config", base_url, observability=False)
        with workers(all_kinds(base_url, config)) as started:
            first = rounds(started, count, "first_chunk", streams=20)
            rate = rounds(started, count, "chunks", streams=3)
    return [
        *beside("time to first chunk p50", "us", first, "p50", "sync", 0.4),
        *beside("time to first chunk p50", "us", first, "p50", "async", 0.4),
        *beside("stream chunks a second", "/s", rate, "rate", "sync", 1.2, at_least=True),
        *beside("stream chunks a second", "/s", rate, "rate", "async", 5, at_least=True),
    ]


def logging(count: int, folder: Path) -> list[Line]:
    """Ours with rows going to chdb, against ours without, 500 calls a second."""
    with mock() as base_url:
        off = write_config(folder / "off", base_url, observability=False)
        on = write_config(folder / "on", base_url, observability=True)
        kinds = {
            "ours on": (sys.executable, "tensorzero-sync", base_url, on, f"chdb://{folder}/data"),
            "ours off": (sys.executable, "tensorzero-sync", base_url, off),
        }
        with workers(kinds) as started:
            results = rounds(started, min(count, 4), "paced", seconds=4, calls_per_second=500)
    on_p50, off_p50 = results["ours on"]["p50"], results["ours off"]["p50"]
    return [Line("inference p50 at 500 a second, logging on", "us", on_p50, off_p50, "logging off", 1.5)]
