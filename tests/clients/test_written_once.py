"""The blocking client's files are written from the asyncio client's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import write_sync_client


def test_the_blocking_client_is_as_it_would_be_written() -> None:
    assert write_sync_client.main(check=True) == 0


def test_a_file_changed_by_hand_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in write_sync_client.CLIENTS.glob("*sync_*.py"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(write_sync_client, "CLIENTS", tmp_path)
    changed = tmp_path / "sync_gateway.py"
    changed.write_text(changed.read_text(encoding="utf-8").replace("One answer", "An answer"), encoding="utf-8")
    assert write_sync_client.main(check=True) == 1
    assert "sync_gateway.py" in capsys.readouterr().out
    assert write_sync_client.main(check=False) == 0
    assert write_sync_client.main(check=True) == 0
