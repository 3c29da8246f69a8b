"""The record where no page is: an executed notebook and its HTML."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor

CELL = """
from doubles import HOSTILE
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.widgets.answer import AnswerWidget
answer = AnswerView(source="draft", prompt="why?")
widget = AnswerWidget(answer)
widget.display()
answer.feed("because " + HOSTILE)
answer.finish()
widget.wait_sent()
"""


@pytest.mark.filterwarnings("default")
def test_an_executed_notebook_holds_the_record_and_its_html_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", f"{here}:{here.parents[1]}")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    executing = ExecutePreprocessor(timeout=240, startup_timeout=180, kernel_name="python3")
    executing.preprocess(notebook, {"metadata": {"path": str(tmp_path)}})
    records = [output.data for output in notebook.cells[0].outputs if "tensorzero-record" in output.data.get("text/html", "")]
    assert len(records) == 1
    assert "because" in records[0]["text/plain"]
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "because &lt;script&gt;window.hacked" in html
    assert "<img src=x" not in html
