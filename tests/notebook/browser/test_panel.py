"""The composer in a real JupyterLab, over a scripted client: the stream, judgements, the record, hostile text."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from notebook_page import NotebookPage
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

SETUP = """
from doubles import HOSTILE, ScriptedSession, words, DRAFT
from tensorzero_notebook.views.composer import ComposerView
from tensorzero_notebook.widgets.composer import ComposerWidget
session = ScriptedSession({pieces}, {pause})
{more}
widget = ComposerWidget(ComposerView(session, session.client.open_stream))
widget.display()
"""

OpenNotebook = Callable[..., NotebookPage]


def setup(pieces: str, pause: float = 0.0, more: str = "") -> str:
    return SETUP.format(pieces=pieces, pause=pause, more=more)


def composer(notebook: NotebookPage) -> Locator:
    root = notebook.page.locator(".tz-composer")
    expect(root).to_be_visible()
    return root


def ask(root: Locator, prompt: str = "Say hello") -> None:
    root.get_by_label("Prompt").fill(prompt)
    root.get_by_role("button", name="Run").click()


def test_an_answer_streams_is_judged_and_outlives_the_kernel(open_notebook: OpenNotebook) -> None:
    held = setup("words(60)", 0.02, more="session.client.held = True")
    notebook = open_notebook([held, "session.client.feedbacks", "session.client.held = False"])
    notebook.run_cell(0)
    root = composer(notebook)
    notebook.screenshot("composer-empty")
    ask(root)
    answer = root.get_by_role("region", name="Answer")
    expect(answer).to_contain_text("0005")
    expect(root.get_by_role("button", name="Run")).to_be_disabled()
    notebook.screenshot("composer-streaming")
    notebook.run_cell(2)
    expect(answer).to_contain_text("0059")
    up = root.get_by_role("button", name="Thumbs up")
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    down = root.get_by_role("button", name="Thumbs down")
    down.focus()
    down.press("Enter")
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(up).to_have_attribute("aria-pressed", "false")
    expect(down).to_be_focused()
    root.get_by_label("rating", exact=True).last.fill("0.75")
    root.get_by_role("button", name="Set rating").click()
    expect(root.get_by_role("button", name="Set rating")).to_have_attribute("aria-pressed", "true")
    comment = root.get_by_label("Comment")
    comment.fill("fine, mostly")
    comment.press("Enter")
    expect(root.get_by_text("stored: fine, mostly")).to_be_visible()
    notebook.screenshot("composer-judged")
    notebook.run_cell(1)
    expect(notebook.output(1)).to_contain_text("'value': 0.75")
    saved = notebook.save()
    output = saved["cells"][0]["outputs"]
    assert "application/vnd.jupyter.widget-view+json" not in str(output)
    notebook.restart_kernel()
    notebook.reload()
    record = notebook.output(0)
    expect(record).to_contain_text("0059")
    expect(record).to_contain_text("Say hello")
    expect(record).to_contain_text("fine, mostly")
    assert "Error displaying widget" not in notebook.page.locator(".jp-Notebook").inner_text()
    notebook.screenshot("record-after-restart")
    assert not notebook.errors


def test_stop_and_judgements_work_while_another_cell_runs(open_notebook: OpenNotebook) -> None:
    wait = "import threading\nprint('cell begun')\nthreading.Event().wait(600)\nprint('cell done')"
    notebook = open_notebook([setup("words(10_000)", 0.02), wait])
    notebook.run_cell(0)
    root = composer(notebook)
    ask(root)
    answer = root.get_by_role("region", name="Answer")
    expect(answer).to_contain_text("0003")
    notebook.run_cell(1)
    expect(notebook.output(1)).to_contain_text("cell begun")
    expect(answer).to_contain_text("0050")
    root.get_by_role("button", name="Stop").click()
    expect(root).to_contain_text("stopped")
    up = root.get_by_role("button", name="Thumbs up")
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    assert "cell done" not in notebook.output(1).inner_text()
    expect(answer).not_to_contain_text("9999")


def test_a_judgement_that_is_not_stored_says_so(open_notebook: OpenNotebook) -> None:
    more = "session.client.refusal = RuntimeError('the disk is full')"
    notebook = open_notebook([setup("words(3)", more=more)])
    notebook.run_all()
    root = composer(notebook)
    ask(root)
    up = root.get_by_role("button", name="Thumbs up")
    up.click()
    expect(root).to_contain_text("not stored: the disk is full")
    expect(up).to_have_attribute("aria-pressed", "false")
    notebook.screenshot("judgement-failed")


@pytest.mark.parametrize("pause", [0.0, 0.002], ids=["as fast as possible", "500 a second"])
def test_ten_thousand_tokens_all_arrive_within_0_6_mb(open_notebook: OpenNotebook, pause: float) -> None:
    notebook = open_notebook([setup("words(10_000)", pause)])
    notebook.run_all()
    root = composer(notebook)
    before, began = notebook.received_bytes, time.monotonic()
    ask(root)
    expect(root).to_contain_text("10,000 out", timeout=180_000)
    stretched = (time.monotonic() - began) / 30  # more than one only where a busy machine makes twenty seconds longer
    text = "document.querySelector('.tz-text').textContent"
    notebook.page.wait_for_function(f"() => {text}.length >= 50000")
    assert notebook.page.evaluate(text) == "".join(f"{number:04d} " for number in range(10_000))
    notebook.page.wait_for_timeout(1000)
    received = notebook.received_bytes - before
    print(f"{received} bytes in {notebook.received_messages} messages")
    assert received <= 600_000 * max(1.0, stretched)


def test_hostile_text_shows_itself_and_nothing_runs(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([setup("[HOSTILE[i:i+3] for i in range(0, len(HOSTILE), 3)] + ['x' * 1_000_000, '<b>last</b>']")])
    notebook.page.on("dialog", lambda dialog: notebook.errors.append("a dialog opened"))
    notebook.run_all()
    root = composer(notebook)
    ask(root, "<img src=x onerror='window.hacked = 1'>\u202e")
    answer = root.get_by_role("region", name="Answer")
    expect(answer).to_contain_text("<b>last</b>")
    for shown in ("<script>window.hacked", "␛[31mred", "⟦RLO⟧abc", "pair 👍", "END"):
        expect(answer).to_contain_text(shown)
    notebook.screenshot("hostile-text")
    root.get_by_role("button", name="Show Markdown").click()
    links = answer.locator("a").evaluate_all("(links) => links.map((link) => [link.href, link.rel])")
    assert links == [["https://example.com/a", "noopener noreferrer"]]
    answer.evaluate("(node) => { node.scrollTop = 0; }")
    notebook.screenshot("hostile-markdown")
    assert answer.locator("script, img, iframe, svg, b").count() == 0
    saved = notebook.save()
    html = "".join(saved["cells"][0]["outputs"][0]["data"]["text/html"])
    assert "<script" not in html
    assert "<img" not in html
    notebook.restart_kernel()
    notebook.reload()
    expect(notebook.output(0)).to_contain_text("END")
    record = notebook.output(0).locator(".jp-RenderedHTMLCommon")
    assert record.locator("script, img, iframe, svg, b:has-text('last')").count() == 0
    saved["cells"][0]["source"] = "# not the cell that made the output, so the notebook is not trusted"
    untrusted = open_notebook([], name="untrusted.ipynb", saved=saved)
    expect(untrusted.output(0)).to_contain_text("END")
    expect(untrusted.output(0)).to_contain_text("<script>window.hacked = 1</script>")
    untrusted.screenshot("hostile-record-untrusted")
    assert untrusted.page.evaluate("window.hacked") is None
    assert notebook.page.evaluate("window.hacked") is None


LONGER = """
from dataclasses import replace
session.functions = [replace(DRAFT, variants=("short", "long", "longer"))]
session.functions[0].variants
"""


def test_a_form_is_made_from_the_schema_and_keeps_what_is_typed_when_it_changes(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([setup("words(3)", more="session.functions = [DRAFT]"), "session.client.requests[-1]", LONGER])
    notebook.run_cell(0)
    root = composer(notebook)
    expect(root.get_by_label("Function")).to_have_value("draft")
    root.get_by_label("Variant").select_option("long")
    notebook.screenshot("composer-form")
    root.get_by_role("button", name="Run").click()
    expect(root.get_by_role("alert").first).to_contain_text("topic: is required")
    root.get_by_label("words").fill("12")
    root.get_by_label("topic").fill("cats")
    root.get_by_label("rhyme").check()
    root.get_by_label("tone").select_option(label="warm")
    root.get_by_label("facts").fill("not json")
    notebook.run_cell(2)
    expect(notebook.output(2)).to_contain_text("longer")
    root.get_by_role("button", name="Run").click()
    expect(root.get_by_role("alert").first).to_contain_text("facts: must be JSON")
    expect(root.get_by_label("Variant").locator("option")).to_have_text(["chosen by the function", "short", "long", "longer"])
    root.get_by_label("facts").fill('["a"]')
    root.get_by_label("facts").press("Control+Enter")
    expect(root.get_by_role("button", name="Thumbs up")).to_be_visible()
    notebook.screenshot("composer-form-filled")
    notebook.run_cell(1)
    expect(notebook.output(1)).to_contain_text("{'topic': 'cats', 'words': 12, 'tone': 'warm', 'rhyme': True, 'facts': ['a']}")
    expect(notebook.output(1)).to_contain_text("'variant_name': 'long'")


def test_without_metrics_the_panel_shows_what_to_add(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([setup("words(3)", more="session.given_metrics = []")])
    notebook.run_all()
    root = composer(notebook)
    ask(root)
    expect(root).to_contain_text("[metrics.thumbs_up]")
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'}); }")
    expect(notebook.page.locator("body[data-jp-theme-light='false']")).to_be_attached()
    expect(notebook.page.locator("#jupyterlab-splash")).to_have_count(0)
    notebook.screenshot("composer-dark")


ANSWER_CELL = """
import pathlib, time, uuid
from doubles import words
from tensorzero.types import ChatChunk, TextChunk
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.metrics import Metric
from tensorzero_notebook.widgets.answer import AnswerWidget
stored = []
answer = AnswerView(
    send_feedback=lambda **feedback: stored.append(feedback), metrics=[Metric("thumbs_up", "boolean")], source="draft"
)
AnswerWidget(answer).display()
ids = {"inference_id": uuid.uuid4(), "episode_id": uuid.uuid4(), "variant_name": "v"}
for word in words(100):
    while word == "0050 " and not pathlib.Path("go").exists():
        time.sleep(0.02)
    answer.feed_chunk(ChatChunk(content=[TextChunk(id="0", text=word)], **ids))
    time.sleep(0.02)
answer.finish()
"""


def test_an_answer_of_a_blocking_cell_streams_and_is_judged_after_it(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([ANSWER_CELL, "stored"])
    notebook.run_cell(0)
    answer = notebook.page.get_by_role("region", name="Answer")
    expect(answer).to_contain_text("0049")
    assert "0050" not in answer.inner_text()
    (notebook.path.parent / "go").touch()
    expect(answer).to_contain_text("0099")
    up = notebook.page.get_by_role("button", name="Thumbs up")
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    notebook.screenshot("answer-judged")
    assert "widget-view" not in str(notebook.save()["cells"][0]["outputs"])
    notebook.run_cell(1)
    expect(notebook.output(1)).to_contain_text("'value': True")


def test_keys_typed_in_the_panel_are_no_commands(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([setup("words(3)"), "1", "2"])
    notebook.run_all()
    root = composer(notebook)
    root.get_by_role("button", name="Run").focus()
    for key in ("d", "d", "b", "x"):
        notebook.page.keyboard.press(key)
    root.get_by_label("Prompt").fill("hi")
    root.get_by_label("Prompt").press("Control+Enter")
    expect(root.get_by_role("region", name="Answer")).to_contain_text("0002")
    expect(root.get_by_role("button", name="Thumbs up")).to_be_visible()
    root.get_by_role("button", name="Thumbs up").focus()
    notebook.page.keyboard.press("d")
    notebook.page.keyboard.press("d")
    expect(notebook.page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(3)
