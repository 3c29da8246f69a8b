"""The panels' end in the kernel, without a page: what they send, and in which order they do what the user did."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.composer import ComposerView
from tensorzero_notebook.views.metrics import Metric
from tensorzero_notebook.widgets import panel
from tensorzero_notebook.widgets.answer import AnswerWidget
from tensorzero_notebook.widgets.composer import ComposerWidget
from tensorzero_notebook.widgets.panel import Panel
from tests.notebook.doubles import ScriptedSession


class Counter(Panel):
    """Shows a number; drawing the picture of it takes a while."""

    def __init__(self) -> None:
        self.number = 0
        self.done: list[Any] = []
        super().__init__()

    def shown(self) -> dict[str, Any]:
        number = self.number
        time.sleep(0.02 if number % 2 else 0.0)
        return {"number": number}

    def act(self, action: str, values: Any) -> None:
        if action == "fail":
            raise ZeroDivisionError
        if "gate" in values:
            values["gate"].wait(30)
        time.sleep(values.get("pause", 0))
        self.done.append((action, values.get("value")))


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """What was displayed: (display id, bundle)."""
    gathered: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(panel, "publish", lambda display_id, bundle: gathered.append((display_id, dict(bundle))))
    return gathered


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def page(widget: Panel, **content: Any) -> None:
    """A message of the page."""
    widget._receive(widget, content, [])


def test_an_older_picture_never_follows_a_newer_one() -> None:
    widget = Counter()
    seen: list[int] = []
    widget.observe(lambda change: seen.append(change["new"]["number"]), "view")
    lock = threading.Lock()

    def change() -> None:
        for _ in range(20):
            with lock:
                widget.number += 1
            widget.refresh()

    threads = [threading.Thread(target=change) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: seen and seen[-1] == 100)
    assert seen == sorted(seen)


def test_judgements_are_done_in_the_order_of_the_clicks_and_each_is_reported() -> None:
    widget = Counter()
    for number, pause in enumerate([0.05, 0.0, 0.02, 0.0]):
        page(widget, kind="act", action="judge", number=f"n{number}", value=number, pause=pause)
    wait_until(lambda: len(widget.view.get("handled", ())) == 4)
    assert widget.done == [("judge", number) for number in range(4)]
    assert widget.view["handled"] == ["n0", "n1", "n2", "n3"]


def test_stop_does_not_wait_for_a_judgement() -> None:
    widget = Counter()
    gate = threading.Event()
    page(widget, kind="act", action="judge", number="slow", gate=gate)
    page(widget, kind="act", action="stop", number="stop")
    wait_until(lambda: widget.view.get("handled") == ["stop"])
    gate.set()
    wait_until(lambda: widget.view.get("handled") == ["stop", "slow"])


def test_an_action_that_breaks_is_reported_and_the_next_is_done(caplog: pytest.LogCaptureFixture) -> None:
    widget = Counter()
    page(widget, kind="act", action="fail", number="first")
    page(widget, kind="act", action="judge", number="second", value=1)
    wait_until(lambda: widget.view.get("handled") == ["first", "second"])
    assert widget.done == [("judge", 1)]
    assert "ZeroDivisionError" in caplog.text


def test_a_page_that_misses_something_gets_view_and_record_again(
    monkeypatch: pytest.MonkeyPatch, published: list[tuple[str, dict[str, str]]]
) -> None:
    answer = AnswerView(source="draft")
    widget = AnswerWidget(answer)
    widget._record = lambda mark: {"text/plain": mark}
    page(widget, kind="mount", adopts=True, have=[])
    widget.follow(answer, 0)
    answer.feed("Hello")
    answer.finish()
    widget.wait_sent(30)
    assert published
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(widget, "_send", lambda message, buffers=None: sent.append(message))
    published.clear()
    page(widget, kind="again")
    wait_until(lambda: published)
    views = [message["state"]["view"] for message in sent if message["method"] == "update"]
    assert views[-1]["answer"]["state"] == "done"
    assert published == [(f"tensorzero-{widget.live}", {"text/plain": widget.live})]


def test_a_judgement_belongs_to_the_answer_that_the_page_showed() -> None:
    session = ScriptedSession()
    composer = ComposerView(session, session.client.open_stream)
    widget = ComposerWidget(composer)
    form = {"model_name": "dummy::good", "turns": [{"role": "user", "text": "hi"}]}
    for run in (1, 2):
        page(widget, kind="act", action="run", number=f"run{run}", channel=run - 1, form=form)
        wait_until(lambda run=run: widget.view["channel"] == run and not widget.view["running"])
    page(widget, kind="act", action="judge", number="up", channel=1, metric_name="thumbs_up", value=True)
    wait_until(lambda: session.client.feedbacks)
    first, second = composer.answers
    assert session.client.feedbacks == [{"metric_name": "thumbs_up", "value": True, "inference_id": first.inference_id}]
    assert not second.judgements


def test_the_record_waits_for_the_end_and_follows_each_judgement(published: list[tuple[str, dict[str, str]]]) -> None:
    answer = AnswerView(send_feedback=lambda **_: None, metrics=[Metric("thumbs_up", "boolean")])
    widget = AnswerWidget(answer)
    widget._record = lambda mark: {"text/plain": f"{answer.state} {[one.value for one in answer.judgements.values()]}"}
    widget.follow(answer, 0)
    answer.inference_id = "i"
    answer.feed("Hello")
    assert not published
    answer.finish()
    widget.wait_sent(30)
    assert published[-1] == (f"tensorzero-record-{widget.live}", {"text/plain": "done []"})
    page(widget, kind="act", action="judge", number="1", metric_name="thumbs_up", value=True)
    wait_until(lambda: published[-1][1] == {"text/plain": "done [True]"})


def test_a_page_that_does_not_know_the_output_gets_the_record_and_each_change_of_it(
    monkeypatch: pytest.MonkeyPatch, published: list[tuple[str, dict[str, str]]]
) -> None:
    answer = AnswerView(send_feedback=lambda **_: None, metrics=[Metric("thumbs_up", "boolean")])
    widget = AnswerWidget(answer)
    widget._record = lambda mark: {"text/plain": f"{mark} {[one.value for one in answer.judgements.values()]}"}
    page(widget, kind="mount", adopts=True, have=[])
    widget.follow(answer, 0)
    answer.inference_id = "i"
    answer.feed("Hello")
    answer.finish()
    widget.wait_sent(30)
    records: list[dict[str, Any]] = []
    monkeypatch.setattr(widget, "send", lambda content: records.append(content) if content["kind"] == "record" else None)
    page(widget, kind="again")
    wait_until(lambda: records)
    assert (records[0]["model_id"], records[0]["bundle"]) == (widget.model_id, {"text/plain": f"{widget.live} []"})
    page(widget, kind="places")
    page(widget, kind="act", action="judge", number="1", metric_name="thumbs_up", value=True)
    wait_until(lambda: records[-1]["bundle"] == {"text/plain": f"{widget.live} [True]"})


class Grid(Panel):
    """Shows several answers at once."""

    many = True

    def shown(self) -> dict[str, Any]:
        return {}


def test_a_panel_of_many_answers_streams_all_and_is_recorded_when_all_have_ended(
    monkeypatch: pytest.MonkeyPatch, published: list[tuple[str, dict[str, str]]]
) -> None:
    grid = Grid("grid")
    grid._record = lambda mark: {"text/plain": " ".join(answer.state for answer in answers)}
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(grid, "send", sent.append)
    answers = [AnswerView() for _ in range(50)]
    for number, answer in enumerate(answers):
        grid.follow(answer, number)
        answer.feed(f"answer {number}")
    for answer in answers[:-1]:
        answer.finish()
    wait_until(lambda: grid._has_ended)
    assert not grid.snapshot
    assert not published
    assert not grid.can_retire()
    answers[-1].stop()
    wait_until(lambda: published)
    assert published[-1][1] == {"text/plain": " ".join([*["done"] * 49, "stopped"])}
    assert [one["text"] for one in grid.snapshot["channels"]] == [f"answer {number}" for number in range(50)]
    assert grid.can_retire()
    sent.clear()
    page(grid, kind="mount", have=[[3, 4]])
    deltas = {delta["channel"]: delta for message in sent for delta in message["deltas"]}
    assert (deltas[3]["text"], deltas[4]["text"]) == ("er 3", "answer 4")
