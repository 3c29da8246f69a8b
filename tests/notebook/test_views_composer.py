"""The composer's model: forms, requests, runs, Stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

import pytest

from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.composer import Composed, ComposerView, FunctionChoice, Turn
from tensorzero_notebook.views.run import AnswerRun
from tensorzero_notebook.views.schema_form import FormError, arguments, fields

from .doubles import DRAFT, ScriptedSession, words


def wait_end(answer: AnswerView) -> None:
    ended = threading.Event()
    answer.subscribe(lambda event: ended.set() if answer.ended else None)
    assert answer.ended or ended.wait(60)


def composer(session: ScriptedSession) -> ComposerView:
    return ComposerView(session, session.client.open_stream)


def ask(text: str = "hi", **rest: Any) -> Composed:
    return Composed(model_name="dummy::good", turns=(Turn("user", text),), **rest)


def test_a_schema_becomes_a_form_and_typed_text_becomes_arguments() -> None:
    form = fields(DRAFT.schemas["user"])
    assert form is not None
    assert [field.kind for field in form] == ["text", "integer", "choice", "boolean", "json"]
    typed = {"topic": "cats", "words": "12", "tone": '"warm"', "rhyme": True, "facts": '["a"]'}
    assert arguments(form, typed) == {"topic": "cats", "words": 12, "tone": "warm", "rhyme": True, "facts": ["a"]}


def test_all_mistakes_of_a_form_are_told_at_once() -> None:
    form = fields({"properties": {"n": {"type": "integer"}, "x": {}, "s": {"type": "number"}}, "required": ["s"]})
    assert form is not None
    with pytest.raises(FormError) as caught:
        arguments(form, {"n": "1.5", "x": "{"})
    assert caught.value.problems == ("n: must be a whole number", "x: must be JSON", "s: is required")


def test_empty_optional_boxes_are_left_out() -> None:
    form = fields(DRAFT.schemas["user"])
    assert form is not None
    assert arguments(form, {"topic": "x", "rhyme": ""}) == {"topic": "x"}


def test_a_required_box_must_be_filled() -> None:
    form = fields(DRAFT.schemas["user"])
    assert form is not None
    with pytest.raises(FormError, match="topic: is required"):
        arguments(form, {"topic": " "})


def test_free_messages_become_the_input() -> None:
    view = composer(ScriptedSession())
    composed = Composed(
        model_name="m", system="be brief", turns=(Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c")),
        parameters={"temperature": "0.5", "max_tokens": "", "stop_sequences": '["x"]'},
    )  # fmt: skip
    request = view.request(composed)
    assert request["input"]["system"] == "be brief"
    assert [(message["role"], message["content"][0]["text"]) for message in request["input"]["messages"]] == [
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]
    assert request["params"] == {"chat_completion": {"temperature": 0.5, "stop_sequences": ["x"]}}
    assert request["model_name"] == "m"


def test_a_template_takes_its_arguments_from_the_form() -> None:
    session = ScriptedSession()
    session.functions = [DRAFT, FunctionChoice("greet", ("a",), {"system": {"properties": {"who": {"type": "string"}}}})]
    view = composer(session)
    composed = Composed(function_name="draft", variant_name="long", template="user", arguments={"user": {"topic": "x"}})
    request = view.request(composed)
    assert (request["function_name"], request["variant_name"]) == ("draft", "long")
    assert request["input"]["messages"][0]["content"] == [{"type": "template", "name": "user", "arguments": {"topic": "x"}}]
    greeted = view.request(Composed(function_name="greet", turns=(Turn("user", "hi"),), arguments={"system": {"who": "me"}}))
    assert greeted["input"]["system"] == {"who": "me"}


@pytest.mark.parametrize("composed", [Composed(turns=(Turn("user", "x"),)), ask("  ")])
def test_a_form_that_does_not_fit_is_refused_with_the_reason(composed: Composed) -> None:
    session = ScriptedSession()
    view = composer(session)
    assert view.run(composed) is None
    assert view.problem
    assert session.client.requests == []


def test_a_page_may_send_anything() -> None:
    strange = {"turns": [{"role": "system"}, 3], "arguments": {"user": 5}, "parameters": [], "model_name": None}
    assert Composed.from_page(strange) == Composed(turns=(Turn("user", ""),))


def test_an_answer_is_streamed_judged_and_remembered() -> None:
    session = ScriptedSession()
    view = composer(session)
    answer = view.run(ask())
    assert answer is not None
    wait_end(answer)
    assert (answer.state, answer.text) == ("done", "Hello, world.")
    assert session.remembered[0].content[0].text == "Hello, world."
    assert answer.judge("thumbs_up", True).state == "stored"
    assert session.client.feedbacks[0]["inference_id"] == str(session.remembered[0].inference_id)


def test_stop_keeps_the_partial_text_which_can_be_judged() -> None:
    session = ScriptedSession(words(10_000), 0.01)
    view = composer(session)
    begun = threading.Event()
    answer = view.run(ask())
    assert answer is not None
    answer.subscribe(lambda event: begun.set())
    assert begun.wait(60)
    assert view.run(ask("another")) is None
    view.stop()
    wait_end(answer)
    assert answer.state == "stopped"
    assert 0 < len(answer.text) < 50_000
    assert answer.can_judge()
    assert session.client.streams[0].stopped
    assert session.remembered[0].content[0].text == answer.text


def test_a_refused_call_is_told_in_the_answer() -> None:
    session = ScriptedSession()

    async def refuse(**request: Any) -> Any:
        raise RuntimeError("no key")

    view = ComposerView(session, refuse)
    answer = view.run(ask())
    assert answer is not None
    wait_end(answer)
    assert (answer.state, answer.error) == ("failed", "no key")
    assert session.remembered == []


def test_stop_ends_a_model_that_says_nothing() -> None:
    asked = threading.Event()

    async def silent(**request: Any) -> Any:
        asked.set()
        await asyncio.sleep(600)

    view = ComposerView(ScriptedSession(), silent)
    answer = view.run(ask())
    assert answer is not None
    assert asked.wait(60)
    view.stop()
    wait_end(answer)
    assert (answer.state, answer.can_judge()) == ("stopped", False)


def test_stop_ends_a_stream_that_never_waits() -> None:
    session = ScriptedSession(words(1_000_000))
    view = composer(session)
    answer = view.run(ask())
    assert answer is not None
    view.stop()
    wait_end(answer)
    assert answer.state == "stopped"
    assert answer.length < 5_000_000


def test_whatever_keeps_a_run_from_beginning_is_said() -> None:
    session = ScriptedSession()
    composer = ComposerView(session, session.client.open_stream)
    session.metrics = lambda: 1 / 0  # type: ignore[assignment,return-value]
    assert composer.run(Composed(model_name="dummy::good", turns=(Turn("user", "hi"),))) is None
    assert composer.problem == "division by zero"


def test_a_run_says_what_became_of_a_changed_configuration() -> None:
    session = ScriptedSession()
    composer = ComposerView(session, session.client.open_stream)
    session.news = ["tensorzero.toml changed: loaded."]
    composer.run(Composed(model_name="dummy::good"))
    assert composer.notice == "tensorzero.toml changed: loaded."
    composer.choices()
    assert composer.notice == "tensorzero.toml changed: loaded."
    composer.run(Composed(model_name="dummy::good"))
    assert composer.notice == ""


def interrupt() -> None:
    """What a kernel's interrupt does."""
    signal.raise_signal(signal.SIGINT)


def test_the_first_interrupt_of_a_wait_is_a_stop_and_the_second_an_interrupt(interruptible: None) -> None:
    asked, stopping, enough = threading.Event(), threading.Event(), threading.Event()

    async def stubborn(**request: Any) -> Any:
        asked.set()
        try:
            await asyncio.sleep(600)
        finally:
            stopping.set()
            while not enough.is_set():
                await asyncio.sleep(0.01)

    def meanwhile() -> None:
        if asked.is_set() and (not run.stopping or stopping.is_set()):
            interrupt()

    run = AnswerRun(stubborn, {}, AnswerView(), lambda response: None)
    run.start()
    with pytest.raises(KeyboardInterrupt):
        run.wait(meanwhile)
    enough.set()
    assert run.wait() is None
