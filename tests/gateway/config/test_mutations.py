"""A mutated configuration loads, or is a ConfigError that names a mistake; never anything else."""

from __future__ import annotations

import contextlib
import copy
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
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


@contextlib.contextmanager
def written(files: dict[str, str]) -> Iterator[Path]:
    """The path of `tensorzero.toml` among these files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        yield Path(folder, "tensorzero.toml")


def ending(files: dict[str, str]) -> str:
    """`loaded`, or `refused` with mistakes of which each has words and, where it names a line, one that is there."""
    with written(files) as path:
        try:
            load_config(str(path))
            return "loaded"
        except ConfigError as error:
            mistakes = error.mistakes
        assert mistakes
        for mistake in mistakes:
            assert mistake.message.strip()
            assert not any(word in mistake.message for word in ("NoneType", "object at 0x", "Traceback"))
            if mistake.line is not None:
                assert mistake.file is not None
                assert 1 <= mistake.line <= Path(mistake.file).read_bytes().count(b"\n") + 1
        return "refused"


def assert_both_ends(seen: Counter[str]) -> None:
    """Of many mutations some do no harm and some do; else either the mutations or the reader show nothing."""
    assert min(seen["loaded"], seen["refused"]) >= 3, seen


def test_mutated_values_and_keys() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(CASES), st.integers(0, 2**32), st.integers(1, 4))
    def run(case: dict[str, Any], seed: int, changes: int) -> None:
        choose = random.Random(seed)
        document = tomllib.loads(case["files"].get("tensorzero.toml", ""))
        for _ in range(changes):
            mutate(document, choose)
        seen[ending({**case["files"], "tensorzero.toml": write_toml(document)})] += 1

    run()
    assert_both_ends(seen)


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


def test_mutated_text() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(CASES), st.data())
    def run(case: dict[str, Any], data: st.DataObject) -> None:
        text = case["files"].get("tensorzero.toml", "")
        for _ in range(data.draw(st.integers(1, 5))):
            at = data.draw(st.integers(0, len(text)))
            cut = data.draw(st.integers(0, 6))
            text = text[:at] + data.draw(st.text(max_size=4)) + text[at + cut :]
        seen[ending({**case["files"], "tensorzero.toml": text})] += 1

    run()
    assert_both_ends(seen)


def test_mutated_schemas_and_templates() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(WITH_FILES), st.data())
    def run(case: dict[str, Any], data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name in case["files"] if not name.endswith(".toml")]))
        text = case["files"][name]
        at = data.draw(st.integers(0, len(text)))
        mutated = text[:at] + data.draw(st.text(max_size=6)) + text[at + data.draw(st.integers(0, 6)) :]
        seen[ending({**case["files"], name: mutated})] += 1

    run()
    assert_both_ends(seen)


@pytest.mark.parametrize("case", [case for case in CASES if "tensorzero.toml" in case["files"]], ids=lambda case: case["name"])
def test_a_key_that_nothing_reads_is_named_with_its_line(case: dict[str, Any]) -> None:
    """At the top of any configuration that loads."""
    files = {**case["files"], "tensorzero.toml": "no_such_key = 1\n" + case["files"]["tensorzero.toml"]}
    with pytest.raises(ConfigError, match="no_such_key") as caught, written(files) as path:
        load_config(str(path))
    assert [(mistake.key_path, mistake.line) for mistake in caught.value.mistakes] == [("no_such_key", 1)]
