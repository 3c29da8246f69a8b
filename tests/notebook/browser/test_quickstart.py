"""The notebook as a user meets it: `%load_ext`, a real gateway and database, the composer, 👍, the frame."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from notebook_page import NotebookPage
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

OpenNotebook = Callable[..., NotebookPage]
QUICKSTART = Path(__file__).resolve().parents[3] / "notebooks" / "quickstart.ipynb"
LOAD = "%load_ext tensorzero_notebook"
COMPOSE = "from tensorzero_notebook import compose\ncompose(model='dummy::good')"
FRAME = (
    "from tensorzero_notebook import inferences\n"
    "frame = inferences()\n"
    "print(len(frame), 'rows', sorted(frame['feedback.thumbs_up'].dropna().tolist()))"
)


def judge(root: Locator, prompt: str) -> None:
    """Ask `prompt` in the composer, wait for the end, click 👍 and wait until it is stored."""
    root.get_by_label("Prompt").fill(prompt)
    root.get_by_role("button", name="Run").click()
    up = root.get_by_role("button", name="Thumbs up")
    expect(up).to_be_visible(timeout=90_000)
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")


def test_a_prompt_is_composed_judged_framed_and_still_there_after_a_restart(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([LOAD, COMPOSE, FRAME])
    notebook.run_cell(0)
    expect(notebook.output(0)).to_contain_text(".tensorzero")
    notebook.run_cell(1)
    root = notebook.page.locator(".tz-composer")
    judge(root, "Who is Wally?")
    expect(root.get_by_role("region", name="Answer")).to_contain_text("golden retriever")
    notebook.screenshot("session-composer")
    notebook.run_cell(2)
    expect(notebook.output(2)).to_contain_text("1 rows [True]")
    notebook.save()
    notebook.restart_kernel()
    notebook.reload()
    expect(notebook.output(1)).to_contain_text("golden retriever")
    expect(notebook.output(1)).to_contain_text("thumbs_up: 👍")
    assert "Error displaying widget" not in notebook.page.locator(".jp-Notebook").inner_text()
    notebook.run_cell(0)
    notebook.run_cell(2)
    expect(notebook.output(2)).to_contain_text("1 rows [True]")
    assert ".tensorzero" in {path.name for path in notebook.path.parent.iterdir()}


def test_two_notebooks_work_in_one_folder(open_notebook: OpenNotebook) -> None:
    first = open_notebook([LOAD, COMPOSE, FRAME], name="first.ipynb")
    second = open_notebook([LOAD, COMPOSE, FRAME], name="second.ipynb")
    for notebook in (first, second):
        notebook.run_cell(0)
        expect(notebook.output(0)).to_contain_text(".tensorzero")
        notebook.run_cell(1)
        judge(notebook.page.locator(".tz-composer"), "hello")
    for notebook in (first, second):
        notebook.run_cell(2)
        expect(notebook.output(2)).to_contain_text("2 rows [True, True]")


def test_the_quick_start_streams_a_real_model_and_its_thumb_is_in_the_frame(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([], saved=nbformat.read(QUICKSTART, as_version=4))
    notebook.run_all(timeout=240)
    root = notebook.page.locator(".tz-composer")
    root.scroll_into_view_if_needed()
    root.get_by_text("Parameters").click()
    root.get_by_label("Max tokens").fill("40")
    judge(root, "Name three colours.")
    notebook.screenshot("quickstart-composer")
    notebook.run_all(timeout=240)
    judged = notebook.page.locator(".jp-OutputArea td").filter(has_text=re.compile(r"^\s*True\s*$"))
    expect(judged).to_have_count(3)  # the composer's answer, and the prompt cell's of both runs
    notebook.screenshot("quickstart-frame")
