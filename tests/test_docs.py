"""Documentation that runs: every block of README and docs, in a folder of its document's own, on dummy or local models.

A `toml` block becomes tensorzero.toml for the blocks after it. A block after `<!-- not run: reason -->` is left alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import run_cells

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run: .+? -->\n+)?^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")


def blocks(document: Path, *languages: str) -> list[tuple[str, str]]:
    """(language, text) of the blocks that run, in order."""
    found = BLOCK.findall(document.read_text(encoding="utf-8"))
    return [(language, text) for not_run, language, text in found if language in languages and not not_run]


def having(*languages: str) -> list[object]:
    return [pytest.param(path, id=path.name) for path in DOCUMENTS if blocks(path, *languages)]


def run(code: str, folder: Path, warnings: str = "ignore") -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": warnings}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_ten_lines_of_the_readme_answer_what_they_ask_and_warn_of_nothing(tmp_path: Path) -> None:
    (toml,), (code,) = ([text for _, text in blocks(ROOT / "README.md", language)] for language in ("toml", "python"))
    (tmp_path / "tensorzero.toml").write_text(toml, encoding="utf-8")
    answer = "Wally, the golden retriever, wagged his tail excitedly as he devoured a slice of cheese pizza."
    assert "What did Wally, the golden retriever, have for dinner?" in code
    assert run(code, tmp_path, "error") == answer


@pytest.mark.parametrize("document", having("python"))
def test_every_python_block_runs(document: Path, tmp_path: Path) -> None:
    warnings = "error" if document.name == "getting-started.md" else "ignore"
    for language, text in blocks(document, "python", "toml"):
        if language == "toml":
            (tmp_path / "tensorzero.toml").write_text(text, encoding="utf-8")
        else:
            run(text, tmp_path, warnings)


@pytest.mark.parametrize("document", having("toml"))
def test_every_toml_block_loads(document: Path, tmp_path: Path) -> None:
    from tensorzero.gateway.config.loading import load_config

    for number, (_, text) in enumerate(blocks(document, "toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(text, encoding="utf-8")
        load_config(str(path))


@pytest.mark.slow
@pytest.mark.parametrize("document", having("ipython"))
def test_every_notebook_block_runs_as_a_cell(document: Path, tmp_path: Path) -> None:
    start = "from tensorzero_notebook import local_model\nlocal_model()"
    run_cells.run_cells([start, *(text for _, text in blocks(document, "ipython"))], tmp_path)


def test_every_command_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        for _, text in blocks(document, "bash"):
            assert set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE)) <= targets, document


def test_every_relative_link_leads_somewhere() -> None:
    for document in DOCUMENTS:
        for target in LINK.findall(document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_setting_of_ours_is_documented() -> None:
    quoted = re.compile(r"""["'](TENSORZERO_[A-Z_]+)["']""")
    sources = [*(ROOT / "tensorzero").rglob("*.py"), *(ROOT / "tensorzero_notebook").rglob("*.py")]
    used = {name for path in sources for name in quoted.findall(path.read_text(encoding="utf-8"))}
    documented = set(re.findall(r"`(TENSORZERO_[A-Z_]+)`", (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")))
    assert used <= documented
