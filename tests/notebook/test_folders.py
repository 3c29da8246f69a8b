"""Notebook folders as they are: names full of signs, no permission, full disks, files where folders belong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tensorzero_notebook.errors import UserError, message_of
from tensorzero_notebook.prompt_cell import PromptOptions
from tensorzero_notebook.replaced_files import Replaced
from tensorzero_notebook.session import Session, current_session, set_session, start_session
from tensorzero_notebook.settings import ELSEWHERE
from tensorzero_notebook.variant_cell import make_variant, parse_variant_line
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

CONFIG = """
[functions.haiku]
type = "chat"

[functions.haiku.variants.plain]
type = "chat_completion"
model = "dummy::good"
"""
ODD_NAMES = ["[x]", "{y}", "a, b", "{a,b}", "[!x", "]", "*", "**", "100%41 #é", "{[,]}", "it's", "日本"]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    try:
        session = current_session()
    except UserError:
        return
    session.close()
    set_session(None)


def ask(session: Session, function: str, variant: str) -> str:
    request = session.request(PromptOptions(function=function, variant=variant), "hello")
    return session.client.inference(**request).variant_name


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    (tmp_path / "x").mkdir()  # what `[x]` would fit as a pattern
    (tmp_path / "x" / "tensorzero.toml").write_text("wrong = 1")
    folder.mkdir()
    file = folder / "tensorzero.toml"
    file.write_text(CONFIG)
    session = start_session(folder)
    make_variant(session, parse_variant_line("haiku made --model dummy::good", None), "Be brief.")
    make_variant(session, parse_variant_line("new made --model dummy::good", None), "Be brief.")
    assert [ask(session, "haiku", "plain"), ask(session, "haiku", "made"), ask(session, "new", "made")] == [
        "plain",
        "made",
        "made",
    ]
    file.write_text(CONFIG.replace("plain", "changed"))
    assert session.variants("haiku") == ["made", "plain"]
    session.refresh()
    assert session.variants("haiku") == ["changed", "made"]
    assert start_session(folder).variants("haiku") == ["changed", "made"]


def test_without_a_configuration_too(tmp_path: Path) -> None:
    (tmp_path / "[x]").mkdir()
    session = start_session(tmp_path / "[x]")
    make_variant(session, parse_variant_line("new made --model dummy::good", None), "Be brief.")
    assert [metric.name for metric in session.metrics()] == ["thumbs_up", "rating"]
    assert ask(session, "new", "made") == "made"


@pytest.mark.parametrize("pattern", ["conf/*.toml", "{conf/a,conf/b}.toml", "conf/{a,b}.toml", "**/[ab].toml"])
def test_a_pattern_fits_in_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    folder = tmp_path / "{y}[x]"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf/a.toml").write_text(CONFIG)
    (folder / "conf/b.toml").write_text(CONFIG.replace("haiku", "limerick"))
    monkeypatch.setenv("TENSORZERO_CONFIG", pattern)
    session = start_session(folder)
    assert session.functions() == ["haiku", "limerick"]
    make_variant(session, parse_variant_line("haiku made --model dummy::good", None), "Be brief.")
    assert session.variants("haiku") == ["made", "plain"]


def test_nothing_is_made_beside_the_notebook_when_its_database_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.setenv("TENSORZERO_CLICKHOUSE_URL", f"chdb://{tmp_path}/else/db")
    session = start_session(here)
    session.client.inference(**session.request(PromptOptions(model="dummy::good"), "hello"))
    assert [metric.name for metric in session.metrics()] == ["thumbs_up", "rating"]
    assert not list(here.iterdir())
    make_variant(session, parse_variant_line("new made --model dummy::good", None), "Be brief.")
    assert (here / ".tensorzero/.gitignore").is_file()


def test_a_file_where_the_folder_belongs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".tensorzero").write_text("")
    with pytest.raises(UserError, match="is a file, where a folder is wanted") as caught:
        start_session(tmp_path)
    assert message_of(caught.value).endswith(f"Move the file away. {ELSEWHERE}")
    monkeypatch.setenv("TENSORZERO_CLICKHOUSE_URL", f"chdb://{tmp_path}/else/db")
    session = start_session(tmp_path)
    with pytest.raises(UserError, match="is a file, where a folder is wanted"):
        make_variant(session, parse_variant_line("new made --model dummy::good", None), "Be brief.")


# A program without root's right to write everywhere, where root runs the tests.
UNPRIVILEGED = """
import os, sys
if hasattr(os, "geteuid") and os.geteuid() == 0 and "again" not in sys.argv:
    import ctypes
    for capability in (1, 2, 3):  # DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0
    os.execv(sys.executable, [sys.executable, "-c", sys.orig_argv[2], *sys.argv[1:], "again"])
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="nocolor")
shell.history_manager.enabled = False
shell.run_cell("%load_ext tensorzero_notebook")
print("--", flush=True)
if sys.argv[1]:
    os.chmod(sys.argv[1], 0o700)
shell.run_cell("%%tensorzero --model dummy::good\\nhello")
"""
GOOD = "Wally, the golden retriever, wagged his tail excitedly as he devoured a slice of cheese pizza."


def run_unprivileged(folder: Path, mend: str = "", **environment: str) -> list[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder.parent / "ipython"), **environment}
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, mend], cwd=folder, env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout.split("--\n")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of Windows are others")
def test_a_folder_without_permission_to_write_is_said_and_works_once_there_is(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir(mode=0o500)
    loaded, asked = run_unprivileged(here, str(here))
    assert loaded.splitlines() == [
        f"Error: {here}/.tensorzero cannot be written: Permission denied.",
        ELSEWHERE,
        "Once that is mended, %tensorzero and %%tensorzero work.",
    ]
    assert asked.splitlines()[-1] == GOOD


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of Windows are others")
def test_it_needs_none_when_the_database_is_elsewhere(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir(mode=0o500)
    loaded, asked = run_unprivileged(here, TENSORZERO_CLICKHOUSE_URL=f"chdb://{tmp_path}/else/db")
    assert loaded.endswith("database: the database of TENSORZERO_CLICKHOUSE_URL\n")
    assert asked.splitlines()[-1] == GOOD
    assert not list(here.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of Windows are others")
def test_a_database_that_cannot_be_written_says_where_another_could_be(tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / ".tensorzero/db").mkdir(parents=True)
    (here / ".tensorzero/db").chmod(0o500)
    loaded, asked = run_unprivileged(here, str(here / ".tensorzero/db"))
    assert "it is read-only" in loaded
    assert ELSEWHERE in loaded
    assert asked.splitlines()[-1] == GOOD


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is Linux's")
def test_a_full_disk_is_said_and_the_variant_from_before_stays(tmp_path: Path) -> None:
    session = start_session(tmp_path)
    line = parse_variant_line("haiku made --model dummy::good", None)
    toml = make_variant(session, line, "Be brief.")
    template = toml.with_suffix(".minijinja")
    for file in (toml, template):
        file.with_name(f".{file.name}.new").symlink_to("/dev/full")
        with pytest.raises(UserError, match="cannot be written: the disk is full") as caught:
            make_variant(session, line, "Be long.")
        assert str(caught.value.hint).startswith("Make room.")
        assert sorted(path.name for path in toml.parent.iterdir()) == ["haiku.function.toml", template.name, toml.name]
        assert template.read_text() == "Be brief."
    assert ask(session, "haiku", "made") == "made"
    make_variant(session, line, "Be long.")
    assert template.read_text() == "Be long."


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UserError, match="The working directory cannot be read"):
        start_session()


def test_settings_that_are_no_text_are_said(tmp_path: Path) -> None:
    (tmp_path / ".tensorzero").mkdir()
    (tmp_path / ".tensorzero/notebook.toml").write_bytes(b"model = '\xff'")
    with pytest.raises(UserError, match=r"notebook\.toml cannot be read"):
        start_session(tmp_path)


@pytest.mark.parametrize("begun", [("a",), ("a", "b"), ()])
def test_files_are_replaced_together_whatever_line_an_interrupt_comes_at(tmp_path: Path, begun: tuple[str, ...]) -> None:
    """Every line of it, in turn: afterwards the files are what they were, or what they were to be."""
    old = {name: f"old {name}" for name in begun}
    new = {name: f"new {name}" for name in ("a", "b", "c")}
    for line in range(1, 200):
        folder = tmp_path / str(line)
        folder.mkdir()
        for name, text in old.items():
            (folder / name).write_text(text)
        seen = 0

        def interrupt(frame: object, event: str, _: object, stop_at: int = line) -> object:
            nonlocal seen
            code = frame.f_code  # type: ignore[attr-defined]
            if code.co_filename.endswith("replaced_files.py") and code.co_name == "__init__" and event == "line":
                seen += 1
                if seen == stop_at:
                    raise KeyboardInterrupt
            return interrupt

        before = sys.gettrace()
        sys.settrace(interrupt)
        try:
            Replaced({folder / name: text for name, text in new.items()}).__exit__(None, None, None)
            interrupted = False
        except KeyboardInterrupt:
            interrupted = True
        finally:
            sys.settrace(before)
        there = {path.name: path.read_text() for path in folder.iterdir()}
        if not interrupted:
            assert there == new
            break
        assert there == old
    assert line > 20
