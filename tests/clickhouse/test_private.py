"""Token files and spool directories that are not ours alone: mended where that is safe, refused in words where it is not."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_rows import inference
from stored_rows import OpenDatabase

from tensorzero.clickhouse import holder, private
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.errors import NotPrivate
from tensorzero.clickhouse.query import Query

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes what is there another user's: by giving it away where the tests may, else by being another user to our code."""

    def give_away(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        else:
            real = os.geteuid()
            monkeypatch.setattr(private.os, "geteuid", lambda: real + 1)

    return give_away


def url_in(tmp_path: Path) -> str:
    return f"chdb://{tmp_path}/db"


@pytest.mark.parametrize("wide", [0o644, 0o666, 0o640, 0o604])
def test_a_token_file_that_others_could_open_is_made_afresh(wide: int, tmp_path: Path, open_database: OpenDatabase) -> None:
    lock = tmp_path / "db.lock"
    lock.write_text("old")
    lock.chmod(wide)
    with lock.open() as opened_before:  # as somebody who waits for the token
        open_database(url_in(tmp_path))
        assert mode(lock) == 0o600
        assert holder.read_holder(lock)
        opened_before.seek(0)
        assert opened_before.read() == "old"


def test_a_token_file_of_another_user_is_refused(
    tmp_path: Path, open_database: OpenDatabase, foreign: Callable[[Path], None]
) -> None:
    lock = tmp_path / "db.lock"
    lock.write_text('{"pid": 1, "port": 1, "token": "forged"}')
    lock.chmod(0o666)
    foreign(lock)
    with pytest.raises(NotPrivate, match=r"db\.lock` belongs to another user") as raised:
        open_database(url_in(tmp_path))
    assert "Remove it" in (raised.value.hint or "")
    assert "forged" in lock.read_text()


FORGES = """
import os, sys
os.umask(0)
os.setgid(65534); os.setuid(65534)
with open(sys.argv[1], "w") as file:
    file.write('{"pid": 1, "port": 1, "token": "forged"}')
os.mkdir(sys.argv[2], 0o777)
"""


def test_what_a_real_other_user_left_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a directory that everybody may write to, as /tmp. A user who cannot become another one finds something of root's."""
    if os.geteuid() == 0:
        for parent in (tmp_path, *tmp_path.parents):
            if parent.stat().st_uid == 0 and parent.is_relative_to("/tmp"):
                parent.chmod(parent.stat().st_mode | 0o011)
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        command = [sys.executable, "-I", "-S", "-c", FORGES, str(shared / "db.lock"), str(shared / "spool")]
        subprocess.run(command, check=True, timeout=60, cwd="/")
        with pytest.raises(NotPrivate, match="belongs to another user"):
            Database.open(f"chdb://{shared}/db")
        with pytest.raises(NotPrivate, match="belongs to another user"):
            private.private_directory(shared / "spool")
    else:
        with pytest.raises(NotPrivate, match="belongs to another user"):
            private.private_directory(Path("/"))
        with pytest.raises(NotPrivate, match="belongs to another user"):
            private.open_private(Path("/etc/passwd"), create=False)


def test_a_link_in_the_place_of_the_token_file_is_refused(tmp_path: Path, open_database: OpenDatabase) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    target.chmod(0o600)
    (tmp_path / "db.lock").symlink_to(target)
    with pytest.raises(NotPrivate, match=r"db\.lock` is a link"):
        open_database(url_in(tmp_path))
    assert target.read_text() == "mine"


def test_a_second_name_of_the_token_file_is_cut_off(tmp_path: Path, open_database: OpenDatabase) -> None:
    lock, second = tmp_path / "db.lock", tmp_path / "second"
    lock.write_text("old")
    lock.chmod(0o600)
    os.link(lock, second)
    open_database(url_in(tmp_path))
    assert second.read_text() == "old"


def test_a_waiting_file_is_not_opened_as_a_pipe(tmp_path: Path, open_database: OpenDatabase) -> None:
    os.mkfifo(tmp_path / "db.lock", 0o600)
    with pytest.raises(NotPrivate):
        open_database(url_in(tmp_path))


def test_a_new_chdb_directory_is_private(tmp_path: Path, open_database: OpenDatabase) -> None:
    open_database(url_in(tmp_path))
    assert mode(tmp_path / "db") == 0o700


def test_an_old_chdb_directory_is_closed_to_others_with_one_line(
    tmp_path: Path, open_database: OpenDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(url_in(tmp_path))
    database.write(inference()[1])
    database.close()
    (tmp_path / "db").chmod(0o755)
    with caplog.at_level(logging.WARNING, "tensorzero"):
        again = open_database(url_in(tmp_path))
    assert mode(tmp_path / "db") == 0o700
    assert [record.message for record in caplog.records] == [
        f"{tmp_path}/db could be entered by other users; it is private now"
    ]
    assert again.query(Query("SELECT count() AS n FROM ChatInference")) == [{"n": 1}]


def test_a_chdb_directory_of_another_user_is_refused(
    tmp_path: Path, open_database: OpenDatabase, foreign: Callable[[Path], None]
) -> None:
    (tmp_path / "db").mkdir(mode=0o700)
    foreign(tmp_path / "db")
    with pytest.raises(NotPrivate, match="belongs to another user"):
        open_database(url_in(tmp_path))


def spool_of(tmp_path: Path) -> Path:
    return tmp_path / "db.spool" / "tensorzero"


def test_a_spool_that_others_could_enter_is_closed_to_them(tmp_path: Path, open_database: OpenDatabase) -> None:
    spool_of(tmp_path).mkdir(parents=True)
    spool_of(tmp_path).chmod(0o777)
    open_database(url_in(tmp_path)).write(inference()[1])
    assert mode(spool_of(tmp_path)) == 0o700


def test_a_spool_of_another_user_is_refused(
    tmp_path: Path, open_database: OpenDatabase, foreign: Callable[[Path], None]
) -> None:
    database = open_database(url_in(tmp_path))
    spool_of(tmp_path).mkdir(mode=0o700, parents=True)
    foreign(spool_of(tmp_path))
    with pytest.raises(NotPrivate, match="belongs to another user"):
        database.write(inference()[1])


def test_a_link_in_the_place_of_the_spool_is_refused(tmp_path: Path, open_database: OpenDatabase) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    spool_of(tmp_path).parent.mkdir()
    spool_of(tmp_path).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotPrivate, match="is a link"):
        open_database(url_in(tmp_path))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_others_put_into_an_open_spool_is_not_delivered(
    tmp_path: Path, open_database: OpenDatabase, foreign: Callable[[Path], None]
) -> None:
    """Rows in there would count as ours."""
    spool_of(tmp_path).mkdir(parents=True)
    forged = spool_of(tmp_path) / "1-forged-000001.tzspool"
    forged.write_text("rows")
    spool_of(tmp_path).chmod(0o777)
    foreign(forged)
    with pytest.raises(NotPrivate):
        open_database(url_in(tmp_path))
    assert forged.exists()


def test_a_directory_in_a_place_of_many_users_is_made_all_the_same(tmp_path: Path, open_database: OpenDatabase) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    database = open_database(f"chdb://{shared}/db")
    database.write(inference()[1])
    assert database.query(Query("SELECT count() AS n FROM ChatInference")) == [{"n": 1}]
    shutil.rmtree(shared, ignore_errors=True)
