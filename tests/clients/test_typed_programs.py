"""What a type checker says of programs that use this package from outside."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

TYPED = Path(__file__).parent / "typed"
README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int, str]]:
    """File, line from 1, rule: of all programs, and of the Python blocks of the README as one."""
    folder = tmp_path_factory.mktemp("programs")
    for program in TYPED.glob("*.py"):
        (folder / program.name).write_text(program.read_text(encoding="utf-8"), encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert blocks
    (folder / "readme.py").write_text("\n".join(block for block in blocks if "%" not in block), encoding="utf-8")
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard", "reportMissingModuleSource": false}')
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    found: list[dict[str, Any]] = json.loads(done.stdout)["generalDiagnostics"]
    return [
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1, one.get("rule", one["message"]))
        for one in found
        if one["severity"] == "error"
    ]


@pytest.mark.parametrize("program", ["blocking.py", "in_a_loop.py", "frames_read.py", "readme.py"])
def test_a_correct_program_type_checks(said: list[tuple[str, int, str]], program: str) -> None:
    assert [one for one in said if one[0] == program] == []


def test_each_mistake_is_found_on_its_line(said: list[tuple[str, int, str]]) -> None:
    lines = (TYPED / "mistaken.py").read_text(encoding="utf-8").splitlines()
    expected = {at: line.partition("  # ")[2].split(", ") for at, line in enumerate(lines, 1) if "  # report" in line}
    found = {line: rule for name, line, rule in said if name == "mistaken.py"}
    assert found.keys() == expected.keys()
    assert all(found[line] in expected[line] for line in expected)
