"""A widget added as CONTRIBUTING.md tells it, with its page in a real browser and its kernel's end in this process."""

from __future__ import annotations

import base64
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.widgets.panel import CODE, Panel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


class Votes:
    """The view: answers side by side, and which of them won."""

    def __init__(self, answers: list[AnswerView]) -> None:
        self.answers = answers
        self.winner = ""


class VotesPanel(Panel):
    many = True

    def __init__(self, votes: Votes) -> None:
        super().__init__("votes")
        self._votes = votes
        self._refresh()

    def start(self) -> None:
        for number, answer in enumerate(self._votes.answers):
            self.follow(answer, number)

    def shown(self) -> dict[str, Any]:
        return {"channels": list(range(len(self._votes.answers))), "winner": self._votes.winner}

    def act(self, action: str, values: Mapping[str, Any]) -> None:
        if action == "vote":
            self._votes.winner = str(values["answer"])


MODULE = """(panels) => {
  panels.BUILDS.votes = ({ actions, root, channels }) => {
    const winner = document.createElement("p");
    const cells = new Map();
    const cell = (number) => {
      const blocks = document.createElement("div");
      const vote = document.createElement("button");
      vote.textContent = `Vote for ${number}`;
      vote.addEventListener("click", () => actions.act("vote", { answer: number }));
      root.append(blocks, vote);
      const drawing = new panels.Drawing(blocks);
      drawing.attach(channels.of(number));
      return blocks;
    };
    root.append(winner);
    return (view) => {
      for (const number of view.channels) if (!cells.has(number)) cells.set(number, cell(number));
      winner.textContent = view.winner && `The winner is ${view.winner}`;
    };
  };
}"""
# What anywidget gives a page: a model with traits and messages.
MODEL = """async ([module, traits]) => {
  const panels = await import(module);
  const listeners = {};
  const model = {
    get: (name) => traits[name],
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    send: (content) => window.toKernel(content),
  };
  window.panels = panels;
  window.fromKernel = (content) => listeners["msg:custom"].forEach((listener) => listener(content));
  window.changed = (name, value) => {
    traits[name] = value;
    (listeners[`change:${name}`] ?? []).forEach((listener) => listener());
  };
  window.model = model;
}"""


class Connection:
    """Carries messages between a panel and a page; Playwright is used by this thread alone."""

    def __init__(self, page: Page, panel: Panel) -> None:
        self.page = page
        self._waiting: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        page.expose_function("toKernel", lambda content: panel._receive(panel, content, []))
        module = "data:text/javascript;base64," + base64.b64encode(CODE.encode()).decode()
        traits = {name: getattr(panel, name) for name in ("kind", "live", "view", "snapshot")}
        page.evaluate(MODEL, [module, traits])
        page.evaluate(f"() => ({MODULE})(window.panels)")
        panel.send = lambda content: self._waiting.put(("message", content))  # type: ignore[method-assign]
        panel.observe(lambda change: self._waiting.put((change["name"], change["new"])), ["view", "snapshot"])
        page.evaluate(
            "() => { window.panels.initialize({ model: window.model });"
            " window.panels.render({ model: window.model, el: document.body }); }"
        )

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, self.page.inner_text("body")
            while not self._waiting.empty():
                name, content = self._waiting.get()
                if name == "message":
                    self.page.evaluate("(content) => window.fromKernel(content)", content)
                else:
                    self.page.evaluate("([name, value]) => window.changed(name, value)", [name, content])
            self.page.wait_for_timeout(20)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_content("<body></body>")
    yield page
    page.close()


def test_a_new_widget_streams_its_answers_and_hears_its_buttons(page: Page) -> None:
    votes = Votes([AnswerView() for _ in range(3)])
    panel = VotesPanel(votes)
    connection = Connection(page, panel)
    panel.start()
    for number, answer in enumerate(votes.answers):
        answer.feed(f"<b>answer {number}</b>")
    connection.until(lambda: page.inner_text("body").count("<b>answer") == 3)
    for answer in votes.answers:
        answer.finish()
    connection.until(lambda: bool(panel.snapshot))
    page.get_by_role("button", name="Vote for 2").click()
    connection.until(lambda: "The winner is 2" in page.inner_text("body"))
    assert votes.winner == "2"
    assert page.query_selector("body b") is None
