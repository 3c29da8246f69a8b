"""The stream's protocol against a page that loses messages."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.stream import StreamFeed

from .doubles import HOSTILE, words


class LossyPage:
    """Does what channel.js does, over a way that loses a share of the messages."""

    def __init__(self, answers: Mapping[int, AnswerView], loss: float = 0.0) -> None:
        self.texts = dict.fromkeys(answers, "")
        self.marks: dict[int, list[list[Any]]] = {number: [] for number in answers}
        self.received = 0
        self.ended: list[int] = []
        self.feed = StreamFeed(self.receive)
        for number, answer in answers.items():
            self.feed.follow(number, answer, lambda number=number: self.ended.append(number))
        self._chance = random.Random(7)
        self._loss = loss
        self._due: dict[int, int] = {}

    def receive(self, message: dict[str, Any]) -> None:
        self.received += 1
        if self._chance.random() >= self._loss:
            for delta in message["deltas"]:
                self._delta(delta)

    def _delta(self, delta: dict[str, Any]) -> None:
        number, at = delta["channel"], delta["at"]
        text, marks = self.texts[number], self.marks[number]
        if at > len(text):
            self._due[number] = len(text)
            return
        if delta.get("marks") and delta["marks_at"] <= len(marks):
            marks += delta["marks"][len(marks) - delta["marks_at"] :]
        self.texts[number] = text = text + delta["text"][len(text) - at :]
        if "end" in delta:
            if [len(text), len(marks)] == delta["end"]:
                self.feed.acknowledge(number, len(text))
            else:
                self._due[number] = len(text)

    def ask(self) -> None:
        """Send the requests that are due: the kernel hears them after its own message went out."""
        due, self._due = self._due, {}
        for number, have in due.items():
            self.feed.resend_one(number, have)

    def mount(self) -> None:
        """It was opened again, with what it has."""
        self.feed.resend({number: len(text) for number, text in self.texts.items()})


@pytest.mark.parametrize("loss", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("channels", [1, 200])
def test_the_page_ends_with_the_whole_of_every_answer_whatever_is_lost(loss: float, channels: int) -> None:
    answers = {number: AnswerView() for number in range(1, channels + 1)}
    page = LossyPage(answers, loss)
    for number, word in enumerate([*words(30), *HOSTILE]):
        for shift, answer in answers.items():
            answer.feed(f"{shift} {word}", "text" if (number + shift) % 50 else "thought", str((number + shift) // 25))
        if number % 3 == 0:
            page.feed.flush()
            page.ask()
    for answer in answers.values():
        answer.finish()
    page.feed.flush()
    for _ in range(30):
        page.mount()
        page.ask()
    assert page.texts == {number: answer.text for number, answer in answers.items()}
    for number, answer in answers.items():
        assert [mark[0] for mark in page.marks[number]] == [mark.start for mark in answer.marks]


def test_all_that_is_new_goes_in_one_message() -> None:
    answers = {number: AnswerView() for number in range(200)}
    page = LossyPage(answers)
    for answer in answers.values():
        answer.feed("word")
    page.feed.flush()
    assert page.received == 1
    page.feed.flush()
    assert page.received == 1  # nothing is new
    answers[7].feed(" more")
    page.feed.flush()
    assert (page.received, page.texts[7], page.texts[8]) == (2, "word more", "word")


def test_a_timer_sends_what_is_new_and_not_each_token() -> None:
    answer = AnswerView()
    page = LossyPage({0: answer})
    page.feed.start()
    for word in words(10_000):
        answer.feed(word)
    answer.finish()
    page.feed.join(60)
    assert page.texts[0] == "".join(words(10_000))
    assert page.ended == [0]
    assert page.received < 1000


def test_the_last_words_are_sent_when_no_further_token_comes() -> None:
    answer = AnswerView()
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()
    feed = StreamFeed(lambda message: arrived.put(message["deltas"][0]["text"]))
    feed.follow(0, answer)
    feed.start()
    answer.feed("waiting for more")
    assert arrived.get(timeout=30) == "waiting for more"
    feed.join(0.1)
    assert arrived.empty()
    answer.finish()
    feed.acknowledge(0, answer.length)
    feed.join(60)


def test_one_thread_is_there_while_there_is_something_to_send() -> None:
    first, second = AnswerView(), AnswerView()
    page = LossyPage({1: first})
    threads: set[int] = set()
    receive = page.receive

    def noted(message: dict[str, Any]) -> None:
        threads.add(threading.get_ident())
        receive(message)

    page.feed = StreamFeed(noted)
    page.feed.follow(1, first)
    page.texts[2], page.marks[2] = "", []
    page.feed.start()
    page.feed.follow(2, second)
    page.feed.start()
    for answer in (first, second):
        answer.feed("text")
        answer.finish()
    page.feed.join(60)
    assert page.texts == {1: "text", 2: "text"}
    assert len(threads) == 1


def test_an_answer_that_no_page_shows_any_more_is_told_of_when_it_ends_and_not_sent() -> None:
    answer = AnswerView()
    page = LossyPage({0: answer})
    page.feed.drop(0)
    answer.feed("text")
    answer.finish()
    page.feed.flush()
    assert (page.received, page.ended) == (0, [0])


def test_the_end_is_repeated_until_a_page_acknowledges_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorzero_notebook.views.stream.END_REPEATS_SECONDS", (0.0, 0.0, 0.0))
    answer = AnswerView()
    ends: list[list[int]] = []
    feed = StreamFeed(lambda message: ends.extend(delta["end"] for delta in message["deltas"] if "end" in delta))
    feed.follow(0, answer)
    answer.feed("text")
    answer.finish()
    feed.flush()
    feed.flush()
    assert ends == [[4, 1], [4, 1]]
    feed.acknowledge(0, 3)  # of another answer, or of less
    feed.flush()
    assert len(ends) == 3
    feed.acknowledge(0, 4)
    feed.flush()
    assert len(ends) == 3


def test_a_page_that_comes_late_gets_everything() -> None:
    answer = AnswerView()
    answer.feed("all of it")
    answer.finish()
    page = LossyPage({0: answer})
    page.mount()
    assert page.texts[0] == "all of it"
