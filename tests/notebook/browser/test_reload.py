"""Panels whose page goes and comes back, whose place changes, and which hear of what happened elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from notebook_page import PANEL, NotebookPage
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

OpenNotebook = Callable[..., NotebookPage]
LOAD = """
%load_ext tensorzero_notebook
from tensorzero.gateway.providers.dummy import Scripted, script
from tensorzero_notebook import client, compose
models = [script("long", Scripted(tuple(f"word{n}\\n\\n" for n in range(200)), pause_s=0.005))]
for model in models:
    model.__enter__()
"""
ASK = "%%tensorzero --model dummy::good\nWho is Wally?"
FEEDBACK = "client().feedback(metric_name='thumbs_up', inference_id=_tz.inference_id, value=False)"
STORED = """
from tensorzero_notebook import feedback
print(feedback(metric=METRIC)["METRIC_VALUE"].tolist())
"""


def stored(metric: str) -> str:
    column = {"comment": "text", "thumbs_up": "boolean_value"}[metric]
    return STORED.replace("METRIC_VALUE", column).replace("METRIC", repr(metric))


def button(within: Locator, name: str) -> Locator:
    return within.get_by_role("button", name=name, exact=True)


def pressed(within: Locator, name: str, on: bool = True) -> None:
    expect(button(within, name)).to_have_attribute("aria-pressed", str(on).lower())


def loaded(open_notebook: OpenNotebook, *cells: str, load: str = LOAD, **files: str) -> NotebookPage:
    notebook = open_notebook([load, *cells], files=files)
    notebook.run_cell(0)
    expect(notebook.output(0)).to_contain_text("tensorzero: embedded")
    return notebook


def wait_for_html(notebook: NotebookPage, index: int, text: str) -> None:
    """Until the notebook's own model has the text in this cell's outputs."""
    has = f"""([index, text]) => JSON.stringify({PANEL}.content.widgets[index].model.outputs.toJSON()).includes(text)"""
    notebook.page.wait_for_function(has, arg=[index, text])


def html(saved: dict[str, Any], index: int) -> str:
    return json.dumps(saved["cells"][index]["outputs"], ensure_ascii=False)


def test_after_a_reload_answers_have_their_buttons_again_and_the_text_once(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, ASK, "compose(model='dummy::good', prompt='Who?')", stored("comment"))
    notebook.run_cell(1)
    pressed(notebook.output(1), "Thumbs up", on=False)
    notebook.run_cell(2)
    button(notebook.output(2), "Run").click()
    pressed(notebook.output(2), "Thumbs up", on=False)
    for index in (1, 2):
        wait_for_html(notebook, index, "data-tensorzero-live")
    notebook.save()
    notebook.reload()
    for index in (1, 2):
        panel = notebook.output(index)
        expect(panel.get_by_role("region", name="Answer")).to_contain_text("golden retriever")
        button(panel, "Thumbs up").click()
        pressed(panel, "Thumbs up")
        panel.get_by_label("Comment").fill(f"seen again in {index}")
        panel.get_by_label("Comment").press("Enter")
        expect(panel).to_contain_text(f"stored: seen again in {index}")
        assert panel.inner_text().count("golden retriever") == 1
        wait_for_html(notebook, index, f"comment: seen again in {index}")
    expect(notebook.page.get_by_text("The kernel that answered is gone")).to_have_count(0)
    notebook.screenshot("reloaded")
    notebook.run_cell(3)
    expect(notebook.output(3)).to_contain_text("['seen again in 2', 'seen again in 1']")
    button(notebook.output(2), "Run").click()
    expect(button(notebook.output(2), "Run")).to_be_enabled()
    pressed(notebook.output(2), "Thumbs up", on=False)
    saved = notebook.save()
    notebook.restart_kernel()
    expect(notebook.output(1)).to_contain_text("The kernel that made this panel is gone: run the cell again.")
    notebook.screenshot("kernel-gone")
    notebook.reload()
    assert "thumbs_up: 👍" in html(saved, 1)
    expect(notebook.output(1)).to_contain_text("golden retriever")
    expect(notebook.output(1)).to_contain_text("The kernel that answered is gone.")
    expect(notebook.output(1)).to_contain_text("comment: seen again in 1")
    assert "Error displaying widget" not in notebook.page.locator(".jp-Notebook").inner_text()
    notebook.screenshot("record-of-a-gone-kernel")
    assert not notebook.errors


def test_a_notebook_closed_and_opened_again_has_its_buttons(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, ASK)
    notebook.run_cell(1)
    pressed(notebook.output(1), "Thumbs up", on=False)
    wait_for_html(notebook, 1, "data-tensorzero-live")
    notebook.save()
    path = f"{notebook.path.parent.name}/{notebook.path.name}"
    for _ in range(2):
        notebook.page.evaluate(f"() => {{ {PANEL}.dispose(); }}")
        expect(notebook.page.locator(".jp-Notebook")).to_have_count(0)
        notebook.page.evaluate("(path) => { window.jupyterapp.commands.execute('docmanager:open', { path }); }", path)
        notebook.wait_ready()
        panel = notebook.output(1)
        button(panel, "Thumbs down").click()
        pressed(panel, "Thumbs down")
        button(panel, "Thumbs up").click()
        pressed(panel, "Thumbs up")
        assert panel.inner_text().count("golden retriever") == 1
        wait_for_html(notebook, 1, "thumbs_up: 👍")
        notebook.save()
    assert not notebook.errors


SCROLLER = """(root) => {
  for (let node = root.parentElement; node; node = node.parentElement)
    if (node.scrollHeight > node.clientHeight + 5 && getComputedStyle(node).overflowY !== "visible") return node.scrollTop;
  return document.scrollingElement.scrollTop;
}"""


def test_neither_a_thumb_nor_the_end_of_a_stream_moves_what_is_being_read(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, "print('filler\\n' * 60)", "compose(model='dummy::long', prompt='Count.')")
    notebook.run_cell(1)
    notebook.run_cell(2)
    root = notebook.output(2).locator(".tz-composer")
    answer = root.get_by_role("region", name="Answer")
    button(root, "Run").click()
    expect(answer).to_contain_text("word60")
    answer.hover()
    notebook.page.mouse.wheel(0, -100000)
    expect(answer).to_have_js_property("scrollTop", 0)  # the wheel turns later than the call returns
    answer.evaluate("(node) => { node.scrollTop = 300; }")
    page_at = root.evaluate(SCROLLER)
    expect(answer).to_contain_text("word199")
    expect(notebook.page.locator("[data-tensorzero-live] .tz-composer")).to_be_visible()
    assert answer.evaluate("(node) => node.scrollTop") == 300
    assert root.evaluate(SCROLLER) == page_at
    up = button(root, "Thumbs up")
    up.scroll_into_view_if_needed()
    page_at = root.evaluate(SCROLLER)
    up.click()
    wait_for_html(notebook, 2, "thumbs_up: 👍")
    pressed(root, "Thumbs up")
    expect(notebook.page.locator("[data-tensorzero-live] .tz-composer")).to_be_visible()
    assert answer.evaluate("(node) => node.scrollTop") == 300
    assert root.evaluate(SCROLLER) == page_at
    notebook.screenshot("scrolled")


def test_a_stored_comment_is_shown_in_full_words(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, ASK)
    notebook.page.set_viewport_size({"width": 700, "height": 900})
    notebook.run_cell(1)
    panel = notebook.output(1)
    comment = panel.get_by_label("Comment")
    for text in ("not bad", "not bad at all, but " + "somewhat longwinded " * 30):
        comment.fill(text)
        comment.press("Enter")
        note = panel.locator(".tz-comment .tz-note")
        expect(note).to_contain_text(f"stored: {text[:18]}")
        shown = note.inner_text().removeprefix("stored: ").partition(" …")[0]
        assert text.startswith(shown)
        assert text[len(shown) : len(shown) + 1] in ("", " ")
        clipped = note.evaluate("(node) => node.scrollWidth > node.clientWidth + 1")
        assert not clipped
    expect(note).to_contain_text("characters in all")
    notebook.screenshot("comment-stored")


CONFIG = """
[functions.draft]
type = "chat"
[functions.draft.variants.short]
type = "chat_completion"
model = "dummy::good"
[functions.draft.variants.long]
type = "chat_completion"
model = "dummy::good"
[metrics.thumbs_up]
type = "boolean"
level = "inference"
optimize = "max"
"""


def test_an_open_composer_learns_of_variants_that_come_and_go(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, "compose(function='draft')", "1 + 1", **{"tensorzero.toml": CONFIG})
    notebook.run_cell(1)
    root = notebook.output(1).locator(".tz-composer")
    variant = root.get_by_label("Variant")
    variant.select_option("long")
    toml = notebook.path.parent / "tensorzero.toml"
    toml.write_text(CONFIG.replace("variants.long", "variants.longer"))
    notebook.run_cell(2)
    expect(variant.locator("option")).to_have_text(["chosen by the function", "longer", "short"])
    expect(variant).to_have_value("")
    expect(root).to_contain_text("The variant long is gone from the configuration")
    notebook.screenshot("variant-gone")
    toml.write_text(CONFIG.replace("variants.long", "variants.longest"))
    root.get_by_label("Prompt").focus()  # nothing runs: coming to the panel is enough
    expect(variant.locator("option")).to_have_text(["chosen by the function", "longest", "short"])
    variant.select_option("longest")
    expect(root).not_to_contain_text("is gone from the configuration")


def test_feedback_of_a_program_lights_the_thumb(open_notebook: OpenNotebook) -> None:
    notebook = loaded(open_notebook, ASK, FEEDBACK, FEEDBACK.replace("False", "True"))
    notebook.run_cell(1)
    pressed(notebook.output(1), "Thumbs up", on=False)
    notebook.run_cell(2)
    pressed(notebook.output(1), "Thumbs down")
    wait_for_html(notebook, 1, "thumbs_up: 👎")
    notebook.run_cell(3)
    pressed(notebook.output(1), "Thumbs up")
    pressed(notebook.output(1), "Thumbs down", on=False)


def test_without_the_extension_one_sentence_says_what_to_do(open_notebook: OpenNotebook) -> None:
    calls = ("compose()", "client()", "inferences()", "current_session()")
    notebook = open_notebook(["from tensorzero_notebook import *", *calls])
    notebook.run_cell(0)
    for index, _ in enumerate(calls, 1):
        notebook.run_cell(index)
        expect(notebook.output(index)).to_contain_text("%load_ext tensorzero_notebook")
        assert len(notebook.output(index).inner_text().strip().splitlines()) <= 2
    notebook.screenshot("without-extension")
