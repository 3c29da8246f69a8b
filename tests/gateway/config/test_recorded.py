"""Recorded from the original: what it says about a configuration, and the snapshot it stores."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tensorzero.gateway.config.loading import load_config
from tensorzero.gateway.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA = Path(__file__).parent / "data"


def recorded(name: str) -> list[Any]:
    cases = json.loads((DATA / name).read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=case["name"]) for case in cases]


def write_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("case", recorded("messages.json"))
def test_the_first_mistake_is_in_the_originals_words(case: dict[str, Any], tmp_path: Path) -> None:
    folder = Path(os.path.realpath(tmp_path))
    write_files(folder, case["files"])
    try:
        load_config(str(folder / case.get("config_file", "tensorzero.toml")))
    except ConfigError as error:
        said = error.mistakes[0].message.replace(str(folder), "<DIR>")
    else:
        said = "OK"
    assert said == case["message"]


@pytest.mark.parametrize("case", recorded("snapshots.json"))
def test_the_snapshot_has_the_originals_hash(case: dict[str, Any], tmp_path: Path) -> None:
    write_files(tmp_path, case["files"])
    snapshot = load_config(str(tmp_path / case.get("config_file", "tensorzero.toml"))).snapshot
    assert str(snapshot.hash) == case["hash"]
    if "config" in case:
        # The original writes its tables in any order, so the texts are compared by what they hold, and by length.
        assert tomllib.loads(snapshot.config) == tomllib.loads(case["config"])
        assert sorted(snapshot.config.splitlines()) == sorted(case["config"].splitlines())
