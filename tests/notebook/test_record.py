"""The record that outlives the kernel."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from uuid import uuid4

import pytest

from tensorzero.types import ChatChunk, TextChunk
from tensorzero_notebook.record import record_bundle, record_html, record_text
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.metrics import Metric
from tensorzero_notebook.widgets.answer import AnswerWidget

from .doubles import HOSTILE

ALLOWED = {"div", "b", "pre"}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def recorded(text: str, prompt: str = "why?") -> AnswerView:
    answer = AnswerView(send_feedback=lambda **_: None, metrics=[Metric("good", "boolean")], source="draft", prompt=prompt)
    answer.feed_chunk(
        ChatChunk(content=[TextChunk(id="0", text=text)], inference_id=uuid4(), episode_id=uuid4(), variant_name="v")
    )
    answer.finish()
    return answer


def test_hostile_text_adds_no_tag_and_no_attribute() -> None:
    answer = recorded(HOSTILE, prompt=HOSTILE)
    answer.comment(HOSTILE)
    parser = Tags()
    parser.feed(record_html([answer], live="abc"))
    assert {tag for tag, _ in parser.seen} <= ALLOWED
    assert {name for _, names in parser.seen for name in names} <= {"class", "style", "dir", "data-tensorzero-live"}
    assert parser.text.count("<script>window.hacked = 1</script>") == 6


def test_both_forms_hold_prompt_answer_and_judgements_as_utf8() -> None:
    answer = recorded("because \ud800\x1b[1m")
    answer.judge("good", True)
    bundle = record_bundle([answer])
    for text in bundle.values():
        text.encode()
        for part in ("draft · v", "why?", "because \ufffd␛[1m", "good: 👍", str(answer.inference_id)):
            assert part in text


def test_a_judgement_that_was_not_stored_is_not_in_the_record() -> None:
    answer = recorded("x")
    answer._send_feedback = None  # pyright: ignore[reportPrivateUsage]
    answer.judge("good", True)
    assert "good" not in record_text([answer])


def test_a_megabyte_on_one_line_is_kept_whole() -> None:
    text = "x" * 1_000_000
    assert text in record_html([recorded(text)])


def test_a_stopped_answer_says_so() -> None:
    answer = AnswerView(source="draft")
    answer.feed("part")
    answer.stop()
    assert record_text([answer]).startswith("draft · stopped\npart")


def test_no_known_key_reaches_the_record_or_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-0123456789abcdef"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    answer = recorded(f"your key is {key}", prompt=f"use {key}")
    answer.comment(f"leaked {key}")
    bundle = record_bundle([answer])
    assert not any(key in text for text in bundle.values())
    widget = AnswerWidget(answer)
    widget.follow(answer, 0)
    widget.wait_sent(30)
    assert key not in json.dumps(widget.get_state(), default=str)
    failed = AnswerView()
    failed.fail(RuntimeError(f"refused {key}"))
    assert key not in failed.error


@pytest.mark.parametrize(("raises", "text", "shown"), [(False, "", True), (True, "so far", True), (True, "", False)])
def test_what_is_raised_elsewhere_is_not_shown_too(raises: bool, text: str, shown: bool) -> None:
    answer = AnswerView(source="draft", raises=raises)
    if text:
        answer.feed(text)
    answer.fail("the disk is full")
    bundle = record_bundle([answer])
    for record in bundle.values():
        assert ("the disk is full" in record) is not raises
        assert ("failed" in record) is shown
        assert text in record
    assert (AnswerWidget(answer).view["answer"] is not None) is shown
