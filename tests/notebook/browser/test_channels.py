"""The page's end of the stream: any number of answers, whatever is lost, drawn as they come."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.stream import StreamFeed
from tensorzero_notebook.widgets.panel import CODE
from tests.notebook.doubles import HOSTILE, words

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

OPEN = """async (module) => {
  const panels = await import(module);
  window.asked = [];
  window.channels = new panels.Channels((...asked) => window.asked.push(asked));
  window.panels = panels;
}"""
DRAWN = """(number) => {
  const blocks = document.createElement("div");
  document.body.append(blocks);
  const drawing = new window.panels.Drawing(blocks);
  drawing.attach(window.channels.of(number));
  drawing.paint();
  const kind = (block) => block.className.split("-").at(-1);
  return [...blocks.querySelectorAll(".tz-block")].map((block) => [kind(block), block.querySelector("pre").textContent]);
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_content("<body></body>")
    page.evaluate(OPEN, "data:text/javascript;base64," + base64.b64encode(CODE.encode()).decode())
    yield page
    page.close()


def receive(page: Page, *deltas: dict[str, Any]) -> list[list[Any]]:
    """What the page asks for when these arrive."""
    return page.evaluate(
        "(deltas) => { window.asked.length = 0; window.channels.receive(deltas); return [...window.asked]; }", list(deltas)
    )


def texts(page: Page) -> dict[int, str]:
    return dict(page.evaluate("() => [...window.channels.byNumber.values()].map(({ number, text }) => [number, text])"))


def test_two_hundred_answers_arrive_whole_through_losses(page: Page) -> None:
    answers = {number: AnswerView() for number in range(1, 201)}
    sent: list[dict[str, Any]] = []
    feed = StreamFeed(sent.append)
    for number, answer in answers.items():
        feed.follow(number, answer)
    for step, word in enumerate([*words(20), *HOSTILE]):
        for number, answer in answers.items():
            answer.feed(f"{number} 👩‍🚀 {word}", "thought" if (number + step) % 7 == 0 else "text", str((number + step) // 7))
        feed.flush()
        if step % 3 == 1:
            sent.pop()  # it was lost
    for answer in answers.values():
        answer.finish()
    feed.flush()
    while sent:
        for kind, number, length in receive(page, *sent.pop(0)["deltas"]):
            if kind == "have":
                feed.resend_one(number, length)
            else:
                feed.acknowledge(number, length)
    assert texts(page) == {number: answer.text for number, answer in answers.items()}
    assert page.evaluate("() => window.channels.ended()")
    feed.flush()
    assert sent == []  # every end was acknowledged


def test_a_gap_is_asked_for_once_and_what_is_known_already_changes_nothing(page: Page) -> None:
    assert receive(page, {"channel": 3, "at": 0, "text": "one "}) == []
    late = {"channel": 3, "at": 8, "text": "three"}
    assert receive(page, late, late) == [["have", 3, 4]]
    assert receive(page, {"channel": 3, "at": 2, "text": "e two three", "end": [13, 0]}) == [["ack", 3, 13]]
    assert texts(page) == {3: "one two three"}


def test_an_end_whose_text_is_missing_asks_for_it(page: Page) -> None:
    assert receive(page, {"channel": 0, "at": 0, "text": "a", "end": [3, 0]}) == [["have", 0, 1]]
    assert receive(page, {"channel": 0, "at": 1, "text": "bc", "end": [3, 0]}) == [["ack", 0, 3]]


def test_a_text_is_cut_at_its_blocks_wherever_a_delta_ends(page: Page) -> None:
    marks = [[0, "thought", "Thought"], [3, "text", ""]]
    receive(page, {"channel": 0, "at": 0, "text": "👍a", "marks": marks[:1], "marks_at": 0})
    receive(page, {"channel": 0, "at": 2, "text": "b<b>x</b>", "marks": marks[1:], "marks_at": 1})
    assert page.evaluate(DRAWN, 0) == [["thought", "👍ab"], ["text", "<b>x</b>"]]
    assert page.query_selector("body b") is None


def test_a_snapshot_fills_what_did_not_come_and_touches_nothing_else(page: Page) -> None:
    receive(page, {"channel": 1, "at": 0, "text": "newer"})
    kept = [{"channel": number, "text": f"saved {number}", "marks": [[0, "text", ""]]} for number in (1, 2)]
    page.evaluate("(channels) => window.channels.snapshot({ channels })", kept)
    assert texts(page) == {1: "newer", 2: "saved 2"}
    page.evaluate("() => window.channels.snapshot({})")
    assert len(texts(page)) == 2


def test_what_is_forgotten_does_not_come_back(page: Page) -> None:
    receive(page, {"channel": 1, "at": 0, "text": "old"}, {"channel": 2, "at": 0, "text": "new"})
    page.evaluate("() => window.channels.forgetBefore(2)")
    assert receive(page, {"channel": 1, "at": 0, "text": "old again"}) == []
    assert texts(page) == {2: "new"}


def test_the_page_says_what_it_has(page: Page) -> None:
    receive(page, {"channel": 1, "at": 0, "text": "👍"}, {"channel": 2, "at": 0, "text": "abc"})
    assert page.evaluate("() => window.channels.have()") == [[1, 1], [2, 3]]
