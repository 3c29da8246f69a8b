"""Where the notebook's things are."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.settings import find_settings, make_folder


def test_the_configuration_is_looked_for_in_order(tmp_path: Path) -> None:
    assert find_settings(tmp_path, {}).config_file is None
    (tmp_path / "config").mkdir()
    (tmp_path / "config/tensorzero.toml").write_text("")
    assert find_settings(tmp_path, {}).config_file == tmp_path / "config/tensorzero.toml"
    (tmp_path / "tensorzero.toml").write_text("")
    assert find_settings(tmp_path, {}).config_file == tmp_path / "tensorzero.toml"
    (tmp_path / "mine.toml").write_text("")
    assert find_settings(tmp_path, {"TENSORZERO_CONFIG": "mine.toml"}).config_file == tmp_path / "mine.toml"


def test_a_named_configuration_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No configuration at"):
        find_settings(tmp_path, {"TENSORZERO_CONFIG": "gone.toml"})


def test_variables_come_before_the_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / ".tensorzero").mkdir()
    (tmp_path / ".tensorzero/notebook.toml").write_text('model = "dummy::good"\nclickhouse_url = "http://u:secret@h:8123/a"\n')
    settings = find_settings(tmp_path, {"TENSORZERO_MODEL": "dummy::json"})
    assert (settings.model, settings.clickhouse_url) == ("dummy::json", "http://u:secret@h:8123/a")
    assert not settings.own_database
    assert "secret" not in repr(settings)
    assert find_settings(tmp_path, {"TENSORZERO_CLICKHOUSE_URL": "http://h:8123/b"}).clickhouse_url == "http://h:8123/b"


@pytest.mark.parametrize("text", ["colour = 'red'", "model = 1", "model = "])
def test_a_mistake_in_the_settings_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / ".tensorzero").mkdir()
    (tmp_path / ".tensorzero/notebook.toml").write_text(text)
    with pytest.raises(UserError, match=r"notebook\.toml"):
        find_settings(tmp_path, {})


def test_the_folder_is_the_owners_and_never_committed(tmp_path: Path) -> None:
    folder = tmp_path / ".tensorzero"
    make_folder(folder)
    make_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
