"""Prompt cells and composers in a real JupyterLab when things go wrong: errors, silent models, lost pages, ended kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from notebook_page import CELLS, CellsFailed, NotebookPage
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

OpenNotebook = Callable[..., NotebookPage]
LOAD = """
%load_ext tensorzero_notebook
from tensorzero.gateway.providers.dummy import Scripted, script
from tensorzero_notebook import compose
models = [
    script("silent", Scripted(("late",), pause_s=600)),
    script("steady", Scripted(tuple(f"word{n} " for n in range(60)), pause_s=0.2)),
    script("endless", Scripted(tuple(f"word{n} " for n in range(6000)), pause_s=0.05)),
]
for model in models:
    model.__enter__()
"""
COMPOSE = "compose(model='dummy::steady', prompt='Count.')"
COMPOSE_ENDLESS = COMPOSE.replace("steady", "endless")


def loaded(open_notebook: OpenNotebook, *cells: str) -> NotebookPage:
    notebook = open_notebook([LOAD, *cells])
    notebook.run_cell(0)
    expect(notebook.output(0)).to_contain_text(".tensorzero")
    return notebook


def button(within: Locator, name: str) -> Locator:
    return within.get_by_role("button", name=name, exact=True)


def outputs(saved: dict[str, Any], index: int) -> str:
    return str(saved["cells"][index]["outputs"])


def wait_for_output(notebook: NotebookPage, index: int, text: str) -> None:
    """Until the notebook, and so what will be saved, has this text; the page may show something else in its place."""
    has = "([index, text]) => JSON.stringify(CELLS[index].outputs).includes(text)".replace("CELLS", f"({CELLS})()")
    notebook.page.wait_for_function(has, arg=[index, text])


def test_a_failed_prompt_shows_its_error_once_and_ends_run_all(open_notebook: OpenNotebook) -> None:
    boom, broken = "%%tensorzero --model dummy::error\nhi", "%%tensorzero --model dummy::fatal_stream_error\nhi"
    notebook = open_notebook([LOAD, boom, "print('went', 'on')", broken])
    with pytest.raises(CellsFailed):
        notebook.run_all()
    message = "Error sending request to Dummy provider"
    failed = notebook.output(1)
    expect(failed).to_contain_text(message)
    expect(failed.locator(".tz-root")).to_be_hidden()
    assert failed.inner_text().count(message) == 1
    assert "went on" not in notebook.page.locator(".jp-Notebook").inner_text()
    notebook.screenshot("cell-failed")
    notebook.run_cell(3)
    cut = notebook.output(3)
    expect(cut).to_contain_text("TensorZeroError")
    expect(cut.get_by_role("region", name="Answer")).to_contain_text("Wally")
    expect(cut.locator(".tz-answer")).to_contain_text("failed")
    expect(cut.locator(".tz-error")).to_be_hidden()
    notebook.screenshot("cell-cut")


def test_stop_ends_a_prompt_cell_whose_model_is_silent(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, "%%tensorzero --model dummy::silent\nhi", "print('free', 'again')")
    notebook.run_cell(1)
    stop = button(notebook.output(1), "Stop")
    stop.focus()
    stop.press("Enter")
    expect(notebook.output(1)).to_contain_text("stopped before anything came")
    notebook.run_cell(2)
    expect(notebook.output(2)).to_contain_text("free again")


def test_the_focus_stays_where_it_was_pressed(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, COMPOSE_ENDLESS)
    notebook.run_cell(1)
    root = notebook.page.locator(".tz-composer")
    run, stop = button(root, "Run"), button(root, "Stop")
    run.focus()
    run.press("Enter")
    expect(run).to_be_disabled()
    expect(root.get_by_role("region", name="Answer")).to_contain_text("word1")
    expect(run).to_be_focused()
    run.press("Tab")
    expect(stop).to_be_focused()
    stop.press("Enter")
    expect(root).to_contain_text("stopped")
    expect(stop).to_be_disabled()
    expect(stop).to_be_focused()


def test_an_answer_whose_page_went_and_came_back_is_judged_and_recorded(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, COMPOSE)
    notebook.run_cell(1)
    root = notebook.page.locator(".tz-composer")
    button(root, "Run").click()
    expect(root.get_by_role("region", name="Answer")).to_contain_text("word1")
    notebook.save()
    notebook.reload()
    expect(root.get_by_role("region", name="Answer")).to_contain_text("word59")
    expect(notebook.page.locator("[data-tensorzero-live] .tz-composer")).to_be_visible()
    button(root, "Thumbs up").click()
    expect(button(root, "Thumbs up")).to_have_attribute("aria-pressed", "true")
    wait_for_output(notebook, 1, "thumbs_up: 👍")
    saved = notebook.save()
    assert "widget-view" not in outputs(saved, 1)
    assert "word59" in outputs(saved, 1)
    notebook.restart_kernel()
    notebook.reload()
    expect(notebook.output(1)).to_contain_text("word59")
    expect(notebook.output(1)).to_contain_text("thumbs_up: 👍")
    assert not notebook.errors


def test_a_panel_whose_kernel_is_gone_says_so(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, COMPOSE)
    notebook.run_cell(1)
    root = notebook.page.locator(".tz-composer")
    expect(root).to_be_visible()
    expect(notebook.page.get_by_text("A composer: run this cell to use it.")).to_be_hidden()
    notebook.save()
    notebook.restart_kernel()
    button(root, "Run").click()
    expect(root).to_contain_text("The kernel that made this panel is gone: run the cell again.")
    assert not notebook.errors
    notebook.reload()
    expect(notebook.page.get_by_text("A composer: run this cell to use it.")).to_be_visible()
