"""The answer's model: text made safe, states, judgements."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tensorzero.types import (
    ChatChunk,
    FinishReason,
    TextChunk,
    Thought,
    ThoughtChunk,
    ThoughtSummaryBlock,
    ToolCallChunk,
    Usage,
)
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.metrics import Metric
from tensorzero_notebook.views.response import ResponseBuilder
from tensorzero_notebook.views.text import TextIntake, visible

from .doubles import HOSTILE

IDS = {"inference_id": uuid4(), "episode_id": uuid4(), "variant_name": "v"}


class Feedback:
    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.refusal: Exception | None = None

    def __call__(self, **feedback: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(feedback)


def answered(feedback: Feedback, *metrics: Metric) -> AnswerView:
    answer = AnswerView(send_feedback=feedback, metrics=metrics)
    answer.feed_chunk(ChatChunk(content=[TextChunk(id="0", text="hi")], **IDS))
    answer.finish()
    return answer


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\r\nb\tc", "a\nb\tc"),
        ("\x1b[31m", "␛[31m"),
        ("\u202eabc\u202c", "⟦RLO⟧abc⟦PDF⟧"),
        ("\u2066x\u2069", "⟦LRI⟧x⟦PDI⟧"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("\ud800", "\ufffd"),
        ("\x00\x7f\x85", "␀␡⟦U+0085⟧"),
        ("👩‍👩‍👧 \u200fشلوم", "👩‍👩‍👧 \u200fشلوم"),
    ],
)
def test_controls_become_visible_and_everything_else_stays(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_stream_cut_anywhere_shows_what_the_whole_shows(size: int) -> None:
    text = "a\r\nb \ud83d\udc4d \ud83d lone " + HOSTILE
    whole, cut = AnswerView(), AnswerView()
    whole.feed(text)
    for start in range(0, len(text), size):
        cut.feed(text[start : start + size])
    whole.finish()
    cut.finish()
    assert cut.text == whole.text
    assert "👍" in cut.text
    cut.text.encode()


def test_a_held_half_pair_is_shown_at_the_end() -> None:
    intake = TextIntake()
    assert intake.take("a\ud83d") == "a"
    assert intake.rest() == "\ufffd"


def test_blocks_of_a_stream_have_their_own_marks() -> None:
    answer = AnswerView()
    blocks = [
        ThoughtChunk(id="0", text="hm"),
        TextChunk(id="1", text="he"),
        TextChunk(id="1", text="llo"),
        ToolCallChunk(id="2", raw_name="get\u202e", raw_arguments="{}"),
        ToolCallChunk(id="2", raw_name="", raw_arguments="[]"),
    ]
    for block in blocks:
        answer.feed_chunk(ChatChunk(content=[block], **IDS))
    assert answer.text == "hmhello{}[]"
    assert [(mark.start, mark.kind) for mark in answer.marks] == [(0, "thought"), (2, "text"), (7, "tool_call")]
    assert answer.marks[2].label == "Tool call get⟦RLO⟧"


def test_the_last_chunk_tells_usage_and_finish_reason() -> None:
    times = iter([0.0, 0.25, 1.0])
    answer = AnswerView(clock=lambda: next(times))
    answer.feed_chunk(ChatChunk(content=[TextChunk(id="0", text="x")], **IDS))
    usage = Usage(input_tokens=3, output_tokens=4)
    answer.feed_chunk(ChatChunk(content=[], usage=usage, finish_reason=FinishReason.LENGTH, **IDS))
    answer.finish()
    assert (answer.input_tokens, answer.output_tokens, answer.finish_reason) == (3, 4, "length")
    assert (answer.ttft_ms, answer.latency_ms) == (250.0, 1000.0)


def test_the_first_end_counts_and_text_after_it_is_not_shown() -> None:
    answer = AnswerView()
    answer.feed("a")
    answer.stop()
    answer.feed("b")
    answer.finish()
    answer.fail("no")
    assert (answer.state, answer.text, answer.error) == ("stopped", "a", "")


def test_an_episode_metric_judges_the_episode() -> None:
    feedback = Feedback()
    answer = answered(feedback, Metric("solved", "boolean", level="episode"), Metric("good", "boolean"))
    answer.judge("solved", True)
    answer.judge("good", False)
    answer.comment("so so")
    assert feedback.sent == [
        {"metric_name": "solved", "value": True, "episode_id": str(IDS["episode_id"])},
        {"metric_name": "good", "value": False, "inference_id": str(IDS["inference_id"])},
        {"metric_name": "comment", "value": "so so", "inference_id": str(IDS["inference_id"])},
    ]


def test_a_judgement_is_on_only_once_stored_and_a_failure_keeps_the_old_one() -> None:
    feedback = Feedback()
    answer = answered(feedback, Metric("good", "boolean"))
    seen: list[tuple[str, Any]] = []
    answer.subscribe(lambda event: seen.append((answer.judgements["good"].state, answer.judgements["good"].value)))
    answer.judge("good", True)
    feedback.refusal = RuntimeError("disk full")
    answer.judge("good", False)
    assert seen == [("sending", None), ("stored", True), ("sending", True), ("failed", True)]
    assert answer.judgements["good"].error == "disk full"


def test_an_answer_without_an_inference_cannot_be_judged() -> None:
    feedback = Feedback()
    answer = AnswerView(send_feedback=feedback)
    answer.fail("refused")
    assert not answer.can_judge()
    assert answer.judge("good", True).state == "failed"
    assert feedback.sent == []


def test_a_failed_answer_says_the_gateways_words_and_the_hint() -> None:
    error = RuntimeError('{"error":"Unknown function: nofn"}')
    error.hint = "did you mean `no_fn`?"  # pyright: ignore[reportAttributeAccessIssue]
    answer = AnswerView()
    answer.fail(error)
    assert answer.error == "Unknown function: nofn\ndid you mean `no_fn`?"


def test_a_thought_keeps_what_the_model_knows_it_by() -> None:
    built = ResponseBuilder()
    for more in ({"summary_id": "0", "summary_text": "a"}, {"summary_id": "0", "summary_text": "b"}, {"signature": "S"}):
        built.add(ChatChunk(content=[ThoughtChunk(id="0", text=None, **more)], **IDS))
    (thought,) = built.response().content  # type: ignore[union-attr]
    assert thought == Thought(text=None, signature="S", summary=[ThoughtSummaryBlock("ab")])
