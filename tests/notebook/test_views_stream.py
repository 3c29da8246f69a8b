"""The stream's protocol against a page that loses messages."""

from __future__ import annotations

import queue
import random
from typing import Any

import pytest

from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.stream import StreamFeed

from .doubles import HOSTILE, words


class LossyPage:
    """Does what stream.js does, over a way that loses a share of the messages."""

    def __init__(self, answer: AnswerView, loss: float) -> None:
        self.text = ""
        self.marks: list[list[Any]] = []
        self.received = 0
        self.feed = StreamFeed(answer, self.receive)
        self._chance = random.Random(7)
        self._loss = loss

    def receive(self, message: dict[str, Any]) -> None:
        self.received += 1
        if self._chance.random() < self._loss:
            return
        if message["kind"] == "delta":
            self._delta(message)
        elif len(self.text) < message["length"] or len(self.marks) < message["marks"]:
            self._later = len(self.text)
        else:
            self.feed.acknowledge(len(self.text))

    _later: int | None = None

    def _delta(self, message: dict[str, Any]) -> None:
        if message["at"] > len(self.text):
            self._later = len(self.text)
            return
        if message.get("marks") and message["marks_at"] <= len(self.marks):
            self.marks += message["marks"][len(self.marks) - message["marks_at"] :]
        self.text += message["text"][len(self.text) - message["at"] :]

    def ask(self) -> None:
        """Send the request that is due: the kernel hears it after its own message went out."""
        have, self._later = self._later, None
        if have is not None:
            self.feed.resend(have)


@pytest.mark.parametrize("loss", [0.0, 0.3, 0.7])
def test_the_page_ends_with_the_whole_text_whatever_is_lost(loss: float) -> None:
    answer = AnswerView()
    page = LossyPage(answer, loss)
    for number, word in enumerate([*words(300), *HOSTILE]):
        answer.feed(word, "text" if number % 50 else "thought", str(number // 25))
        if number % 3 == 0:
            page.feed.flush()
            page.ask()
    answer.finish()
    page.feed.flush()
    for _ in range(100):
        page.feed.resend(len(page.text))
        page.ask()
    assert page.text.startswith("".join(words(300)) + "<script>window.hacked = 1</script><img src=x onerror=")
    assert page.text.endswith("```html\n<script>window.hacked = 1</script>\n```\nEND")
    assert page.text == answer.text
    assert [mark[0] for mark in page.marks] == [mark.start for mark in answer.marks]


def test_a_timer_sends_what_is_new_and_not_each_token() -> None:
    answer = AnswerView()
    page = LossyPage(answer, 0.0)
    ended: list[str] = []
    feed = StreamFeed(answer, page.receive, on_end=lambda: ended.append(page.text))
    page.feed = feed
    feed.start()
    for word in words(10_000):
        answer.feed(word)
    answer.finish()
    feed.join(60)
    assert page.text == "".join(words(10_000))
    assert ended == [page.text]
    assert page.received < 1000


def test_the_last_words_are_sent_when_no_further_token_comes() -> None:
    answer = AnswerView()
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()
    feed = StreamFeed(answer, lambda message: arrived.put(message.get("text", "")))
    feed.start()
    answer.feed("waiting for more")
    assert arrived.get(timeout=30) == "waiting for more"
    feed.join(0.1)
    assert arrived.empty()
    answer.finish()
    feed.acknowledge(answer.length)
    feed.join(60)


def test_a_page_that_comes_late_gets_everything() -> None:
    answer = AnswerView()
    answer.feed("all of it")
    answer.finish()
    page = LossyPage(answer, 0.0)
    page.feed.resend(0)
    assert page.text == "all of it"
