"""A user without a home directory: no `HOME`, no entry among the system's users."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tensorzero.clickhouse.errors import StorageError
from tensorzero.clickhouse.home import expanded
from tensorzero.clickhouse.places import spool_directory, state_directory
from tensorzero.clickhouse.url import parse_url


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(path: str) -> str:
        return path

    for name in ("HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "XDG_STATE_HOME", "TENSORZERO_SPOOL_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", none)  # what `pathlib` asks


def test_rows_wait_among_the_temporary_files_of_this_user(homeless: None) -> None:
    found = state_directory()
    assert found.parent == Path(tempfile.gettempdir())
    assert found.name.startswith("tensorzero-")
    assert found in (spool_directory(parse_url("http://127.0.0.1:8123/tensorzero")) or Path()).parents


def test_a_path_below_a_home_that_is_not_there_says_so(homeless: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORZERO_SPOOL_DIR", "~/spool")
    for use in (lambda: expanded("~/x"), lambda: parse_url("chdb://~/db"), lambda: spool_directory(parse_url("http://h/d"))):
        with pytest.raises(StorageError, match="names a home directory, and there is none") as caught:
            use()
        assert "`HOME`" in (caught.value.hint or "")
