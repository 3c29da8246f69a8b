"""A mutated configuration loads, or is a ConfigError that names a mistake; never anything else."""

from __future__ import annotations

import contextlib
import copy
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tensorzero.gateway.config.loading import load_config
from tensorzero.gateway.config.toml_text import write_toml
from tensorzero.gateway.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "snapshots.json").read_text("utf-8"))["cases"]
WITH_FILES = [case for case in CASES if any(not name.endswith(".toml") for name in case["files"])]
VALUES: list[Any] = [
    "", 0, -1, 2**63 - 1, 1.5, float("nan"), float("inf"), True, [], [1], ["x", "x"], {}, {"type": "static"}, [{}],
    "env::X", "é\n",
]  # fmt: skip


def load(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with contextlib.suppress(ConfigError):
            load_config(str(Path(folder, "tensorzero.toml")))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(CASES), st.integers(0, 2**32), st.integers(1, 4))
def test_mutated_values_and_keys(case: dict[str, Any], seed: int, changes: int) -> None:
    choose = random.Random(seed)
    document = tomllib.loads(case["files"].get("tensorzero.toml", ""))
    for _ in range(changes):
        mutate(document, choose)
    load({**case["files"], "tensorzero.toml": write_toml(document)})


def mutate(document: dict[str, Any], choose: random.Random) -> None:
    table: Any = document
    while True:
        keys = list(table)
        if not keys:
            table["new"] = copy.deepcopy(choose.choice(VALUES))
            return
        key = choose.choice(keys)
        if isinstance(table[key], dict) and choose.random() < 0.8:
            table = table[key]
            continue
        match choose.randrange(4):
            case 0:
                table[key] = copy.deepcopy(choose.choice(VALUES))
            case 1:
                del table[key]
            case 2:
                table[choose.choice(["zz", "type", "", "a.b", "tensorzero::x", key + "s"])] = table.pop(key)
            case _:
                table[choose.choice(["type", "path", "model", "weight", "providers", "zz"])] = copy.deepcopy(
                    choose.choice(VALUES)
                )
        return


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(CASES), st.data())
def test_mutated_text(case: dict[str, Any], data: st.DataObject) -> None:
    text = case["files"].get("tensorzero.toml", "")
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 6))
        text = text[:at] + data.draw(st.text(max_size=4)) + text[at + cut :]
    load({**case["files"], "tensorzero.toml": text})


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(WITH_FILES), st.data())
def test_mutated_schemas_and_templates(case: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in case["files"] if not name.endswith(".toml")]))
    text = case["files"][name]
    at = data.draw(st.integers(0, len(text)))
    files = {**case["files"], name: text[:at] + data.draw(st.text(max_size=6)) + text[at + data.draw(st.integers(0, 6)) :]}
    load(files)
