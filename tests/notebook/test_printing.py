"""Answers, errors and listings in terminals that have no sign for some characters."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tensorzero.printing import printable, say
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

ANSWER = "naïve 猫 👍 – end"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", r"na\xefve \u732b \U0001f44d \u2013 end"),
        ("latin-1", r"naïve \u732b \U0001f44d \u2013 end"),
        ("cp1252", r"naïve \u732b \U0001f44d – end"),
        ("cp437", r"naïve \u732b \U0001f44d \u2013 end"),
        ("shift_jis", r"na\xefve 猫 \U0001f44d \u2013 end"),
        ("utf-8", ANSWER),
        ("utf-16", ANSWER),
    ],
)
def test_what_cannot_be_encoded_is_shown_as_its_number(encoding: str, shown: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    say(ANSWER, file=stream, flush=True)
    assert stream.buffer.getvalue().decode(encoding).rstrip() == shown  # type: ignore[attr-defined]


def test_a_lone_surrogate_is_a_number_everywhere() -> None:
    assert printable("a\ud800b", io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) == r"a\ud800b"
    assert printable("é\ud800", io.StringIO()) == r"é\ud800"


CELLS = """
from IPython.core.interactiveshell import InteractiveShell
from tensorzero.gateway.providers.dummy import Scripted, script
shell = InteractiveShell.instance(colors="nocolor")
shell.history_manager.enabled = False
shell.run_cell("%load_ext tensorzero_notebook")
with script("speaker", Scripted(("naïve ", "猫 ", "👍 – ", "end", chr(27) + "[31m"))):
    shell.run_cell("%%tensorzero --model dummy::speaker --raw\\nhello")
    shell.run_cell("猫 = 'a cat'")
    shell.run_cell("%%tensorzero --model dummy::speaker\\n{猫}")
shell.run_cell("_tz")
shell.run_cell("%%tensorzero --function 猫\\nhello")
shell.run_cell("%%tensorzero_variant 猫 é --model dummy::good\\nhello")
shell.run_cell("%tensorzero functions")
shell.run_cell("%tensorzero status")
print("the end")
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_notebook_in_a_terminal_prints_everything_to_the_end(tmp_path: Path, encoding: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "IPYTHONDIR": str(tmp_path / "i")}
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", CELLS], cwd=tmp_path, env=environment, capture_output=True, timeout=300
    )
    told = done.stdout.decode(encoding)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in told
    assert "UnicodeEncodeError" not in told + done.stderr.decode(encoding)
    shown = ANSWER.encode(encoding, "backslashreplace").decode(encoding)
    assert told.count(shown) == 3
    assert told.endswith("the end\n")


def test_the_command_prints_everything_to_the_end(tmp_path: Path) -> None:
    (tmp_path / "tensorzero.toml").write_text("", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", "from tensorzero.command import main; raise SystemExit(main())"]
    line = ["function", "add", "猫", "--model", "dummy::good", "--yes"]
    done = subprocess.run([*command, *line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u732b" in done.stdout
    assert "猫" in (tmp_path / "tensorzero.toml").read_text(encoding="utf-8")
    refused = subprocess.run(
        [*command, "variant", "add", "犬", "a", "--model", "m"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert r"\u72ac" in refused.stderr
