"""Processes that write to one database and are killed at random moments: rows = acknowledgements."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent.parent / "tools" / "kills.py"

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("on_server", [False, True], ids=["one directory", "one server"])
def test_kills_of_several_processes_lose_and_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_server: bool
) -> None:
    """A small round of `python tools/kills.py`, which takes a number and a seed."""
    monkeypatch.setenv("TENSORZERO_SPOOL_DIR", str(tmp_path / "spools"))
    specification = importlib.util.spec_from_file_location("kills", TOOL)
    assert specification
    assert specification.loader
    kills = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(kills)
    figures = kills.run(tmp_path, kills=3, seed=1, writers=2, on_server=on_server)
    assert figures["faults"] == []
    assert figures["ChatInference"]["acknowledged"] > 10
