"""The tutorials run from the first cell to the last, offline, and are what their scripts say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import run_cells

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def test_every_notebook_is_its_scripts_twin() -> None:
    done = subprocess.run(
        [sys.executable, "tools/pair_notebooks.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_quick_start_runs_offline_and_ends_with_the_judged_row(tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    finished = run_cells.execute(notebook, tmp_path)
    code = [cell for cell in finished.cells if cell.cell_type == "code"]
    assert "local::smollm2" in run_cells.printed(code[1])
    assert "True" in run_cells.printed(code[-1])
    assert (tmp_path / ".tensorzero").is_dir()


def test_functions_and_tools_runs_offline_and_shows_the_judges_choice(tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / "functions_and_tools.ipynb", as_version=4)
    finished = run_cells.execute(notebook, tmp_path)
    shown = [run_cells.printed(cell) for cell in finished.cells if cell.cell_type == "code"]
    functions, _, fact, call, best, rows, judged = shown[2:9]
    assert "animal" in functions
    assert "'legs':" in fact
    assert rows.count("local::smollm2") == 4  # three drafts and their judge
    assert call.startswith("('weather', {'place':")
    assert best in judged
    assert not (tmp_path / "tensorzero.toml").exists()  # which the other notebooks of the folder would load


def test_a_finished_notebook_converts_to_a_page_that_shows_the_answer(tmp_path: Path) -> None:
    from nbconvert import HTMLExporter

    cells = ["%load_ext tensorzero_notebook", "%%tensorzero --model dummy::good\nTell me about explosions."]
    finished = run_cells.run_cells(cells, tmp_path)
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(finished)
    assert "Wally, the golden retriever, wagged his tail" in page
    records = [output["data"]["text/html"] for output in finished.cells[1].outputs if "text/html" in output.get("data", {})]
    assert records
    assert not any("<script" in record or "<style" in record for record in records)
