"""Locks where the file system knows no `flock`."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sample_rows import inference

from tensorzero.clickhouse import file_lock
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.errors import SpoolError, StorageError

WITHOUT = [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK]
TRIES = """
import errno, os, sys
from tensorzero.clickhouse import file_lock
def unknown(*_):
    raise OSError(errno.ENOSYS, "unknown")
file_lock.fcntl.flock = unknown
print(file_lock.try_lock(os.open(sys.argv[1], os.O_RDWR)))
"""


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    def unknown(*_: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_lock.fcntl, name, unknown)


@pytest.mark.parametrize("number", WITHOUT)
def test_record_locks_take_the_place_of_flock(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between processes, and freed with the file."""
    refuse(monkeypatch, "flock", number)
    file = tmp_path / "file"
    file.touch()
    descriptor, other = os.open(file, os.O_RDWR), os.open(file, os.O_RDWR)
    assert file_lock.try_lock(descriptor)
    assert not file_lock.try_lock(other)
    command = [sys.executable, "-c", TRIES, str(file)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
    os.close(descriptor)
    assert file_lock.try_lock(other)
    os.close(other)


@pytest.mark.parametrize("number", WITHOUT)
def test_a_directory_without_locks_is_refused_at_once_and_in_words(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "flock", number)
    refuse(monkeypatch, "fcntl", number)
    began = time.monotonic()
    with pytest.raises(StorageError, match="is on a file system that has no file locks") as raised:
        Database.open(f"chdb://{tmp_path}/db")
    assert time.monotonic() - began < 10
    assert "local disk" in (raised.value.hint or "")
    assert "held by" not in raised.value.message


def test_a_spool_without_locks_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database.open(f"chdb://{tmp_path}/db")
    with monkeypatch.context() as without:
        refuse(without, "flock", errno.ENOLCK)
        refuse(without, "fcntl", errno.ENOLCK)
        with pytest.raises(SpoolError, match="No locks available") as raised:
            database.write(inference()[1])
    assert "TENSORZERO_SPOOL_DIR" in (raised.value.hint or "")
    database.close()
