"""A better answer keeps the answer's shape: what is stored is what was edited, in the form that the original takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tensorzero.types import (
    ChatInferenceResponse,
    JsonInferenceOutput,
    JsonInferenceResponse,
    Text,
    Thought,
    ToolCall,
    UnknownContentBlock,
    Usage,
)
from tensorzero_notebook.frames import feedback
from tensorzero_notebook.prompt_cell import PromptOptions
from tensorzero_notebook.session import Session, set_session, start_session
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.demonstration import DraftError, demonstration_text, draft_of, value_of
from tensorzero_notebook.widgets.answer import judge

PLACE = '{"type":"object","properties":{"location":{"type":"string"},"units":{"type":"string"}},"required":["location"]}'
PERSON = '{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}'
CONFIG = """
[functions.weather]
type = "chat"
tools = ["get_temperature"]
[functions.weather.variants.plain]
type = "chat_completion"
model = "dummy::tool"
[tools.get_temperature]
description = "How warm it is"
parameters = "place.json"

[functions.facts]
type = "json"
output_schema = "person.json"
[functions.facts.variants.plain]
type = "chat_completion"
model = "dummy::json"
json_mode = "on"
"""


def response(*content: Any) -> ChatInferenceResponse:
    return ChatInferenceResponse(
        inference_id=uuid4(),
        episode_id=uuid4(),
        variant_name="v",
        content=list(content),
        usage=Usage(input_tokens=1, output_tokens=1),
        finish_reason=None,
    )


def json_response(raw: str | None, parsed: Any = None) -> JsonInferenceResponse:
    return JsonInferenceResponse(
        inference_id=uuid4(),
        episode_id=uuid4(),
        variant_name="v",
        output=JsonInferenceOutput(raw=raw, parsed=parsed),
        usage=Usage(input_tokens=1, output_tokens=1),
        finish_reason=None,
    )


def call(arguments: str, name: str = "get", call_id: str = "c1") -> ToolCall:
    return ToolCall(id=call_id, raw_arguments=arguments, raw_name=name)


def unchanged(draft: Any) -> list[dict[str, Any]]:
    return [{"kept": index} for index in range(len(draft.blocks))]


EXACT = "\x1b[1m bidi \u202eabc\r\nline two "


@pytest.mark.parametrize(
    ("answer", "value", "left_out"),
    [
        (response(Text(EXACT)), EXACT, ""),
        (response(Thought(text="hm"), Text("Yes.")), "Yes.", "Not part of a demonstration: 1 thought."),
        (response(Text("a"), Text("b")), [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], ""),
        (
            response(Text("I look."), call('{"n": 12345678901234567890, "x": 1.0}')),
            [
                {"type": "text", "text": "I look."},
                {"type": "tool_call", "id": "c1", "name": "get", "arguments": {"n": 12345678901234567890, "x": 1.0}},
            ],
            "",
        ),
        (
            response(Thought(text="a"), Thought(text="b"), UnknownContentBlock(data={"x": 1}), call("{}")),
            [{"type": "tool_call", "id": "c1", "name": "get", "arguments": {}}],
            "Not part of a demonstration: 2 thoughts, 1 unknown block.",
        ),
        (json_response('{"answer": [1, null]}'), {"answer": [1, None]}, ""),
        (json_response("7"), 7, ""),
        (json_response(None, {"a": "ü"}), {"a": "ü"}, ""),
    ],
)
def test_what_nobody_changed_is_stored_as_the_model_wrote_it(answer: Any, value: Any, left_out: str) -> None:
    draft = draft_of(answer)
    assert value_of(draft, unchanged(draft)) == value
    assert draft.left_out == left_out


def test_only_the_block_that_was_changed_changes() -> None:
    draft = draft_of(response(Text("I look."), call('{"b":1,"a":{"c":1.10}}'), Text("crlf\r\n")))
    edited = [{"type": "text", "text": "I looked.", "of": 0}, {"kept": 1}, {"kept": 2}]
    value = value_of(draft, edited)
    assert [value[0]["text"], value[2]["text"]] == ["I looked.", "crlf\r\n"]
    assert json.dumps(value[1]["arguments"]) == '{"b": 1, "a": {"c": 1.1}}'


def test_a_tool_call_keeps_its_id_and_a_new_one_gets_one() -> None:
    draft = draft_of(response(call('{"a":1}')))
    edited = {"type": "tool_call", "name": "get", "arguments": '{"a": 2}', "of": 0}
    changed, added = value_of(draft, [edited, {**edited, "of": None, "name": "put"}])
    assert changed == {"type": "tool_call", "id": "c1", "name": "get", "arguments": {"a": 2}}
    assert (added["name"], bool(added["id"]), added["id"] != "c1") == ("put", True, True)


@pytest.mark.parametrize(
    ("draft", "edited", "complaint"),
    [
        (draft_of(response(call("{}"))), [{"type": "tool_call", "name": "get", "arguments": "{", "of": 0}], "get must be JSON"),
        (draft_of(response(call('{"a": tru'))), [{"kept": 0}], "get must be JSON"),
        (draft_of(response(call("{}"))), [{"type": "tool_call", "name": "get", "arguments": '{"a": NaN}'}], "NaN"),
        (draft_of(response(call("[" * 200_000))), [{"kept": 0}], "must be JSON"),
        (draft_of(response(call("{}"))), [{"type": "tool_call", "name": " ", "arguments": "{}"}], "needs the tool's name"),
        (draft_of(json_response('{"a":')), [{"kept": 0}], "The answer must be JSON"),
        (draft_of(json_response("{}")), [{"kept": 0}, {"kept": 0}], "one value"),
        (draft_of(response()), [{"kept": 0}], "Nothing is written"),
        (draft_of(response(Text("x"))), [], "Nothing is written"),
        (draft_of(None), [{"kept": 9}, 3, {"kept": True}], "Nothing is written"),
    ],
)
def test_what_is_no_demonstration_is_said(draft: Any, edited: list[Any], complaint: str) -> None:
    draft.shown()
    with pytest.raises(DraftError, match=complaint):
        value_of(draft, edited)


def test_the_page_gets_json_with_line_breaks_and_numbers_as_they_were_written() -> None:
    shown = draft_of(response(call('{"a":1.10,"b":[1e400,12345678901234567890],"c":{}}'), Text("\ud83d x"))).shown()
    assert shown["blocks"][0]["arguments"] == (
        '{\n  "a": 1.10,\n  "b": [\n    1e400,\n    12345678901234567890\n  ],\n  "c": {}\n}'
    )
    assert shown["tools"] == ["get"]
    json.dumps(shown, ensure_ascii=False).encode()


def test_a_key_that_a_model_repeats_does_not_reach_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-made-up-0123456789abcdef"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assert key not in json.dumps(draft_of(response(Text(f"it is {key}"), call(f'{{"k":"{key}"}}'))).shown())


def test_a_demonstration_in_words() -> None:
    value = [{"type": "text", "text": "so"}, {"type": "tool_call", "id": "1", "name": "get", "arguments": {"a": 1}}]
    assert demonstration_text(value) == 'so\nget({"a":1})'
    assert demonstration_text([1, 2]) == "[1,2]"
    assert demonstration_text("not bad") == "not bad"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.chdir(tmp_path)
    for name, text in {"tensorzero.toml": CONFIG, "place.json": PLACE, "person.json": PERSON}.items():
        (tmp_path / name).write_text(text)
    session = start_session()
    yield session
    session.close()
    set_session(None)


def asked(session: Session, **options: Any) -> AnswerView:
    request = session.request(PromptOptions(**options), "Brooklyn?")
    answer = session.answer_view(request)
    run = session.run_of(request, answer)
    run.start()
    run.wait()
    return answer


def kept(session: Session, answer: AnswerView) -> Any:
    """The value of the newest demonstration of this answer, as stored."""
    return json.loads(feedback(metric="demonstration", target=answer.inference_id)["value"][0])


def demonstrate(answer: AnswerView, *blocks: Any) -> str:
    """As the page's message does it; returns what the panel says."""
    judge(answer, "demonstrate", {"blocks": list(blocks)})
    judgement = answer.judgements["demonstration"]
    return judgement.error or judgement.state


def test_a_gateway_takes_and_keeps_what_was_edited(session: Session) -> None:
    weather = asked(session, function="weather")
    (block,) = weather.draft().blocks
    assert (block.type, block.name) == ("tool_call", "get_temperature")
    assert demonstrate(weather, {"kept": 0}) == "stored"
    (stored,) = kept(session, weather)
    assert (stored["type"], stored["name"], stored["id"]) == ("tool_call", "get_temperature", block.id)
    assert stored["arguments"] == json.loads(block.text)
    changed = {"type": "tool_call", "name": "get_temperature", "arguments": '{"location": "Queens"}', "of": 0}
    assert demonstrate(weather, {"type": "text", "text": "I look."}, changed) == "stored"
    text, stored = kept(session, weather)
    assert text == {"type": "text", "text": "I look."}
    assert (stored["id"], stored["arguments"]) == (block.id, {"location": "Queens"})
    refused = demonstrate(weather, {**changed, "name": "get_wind"})
    assert "Demonstration contains invalid tool name" in refused
    refused = demonstrate(weather, {**changed, "arguments": '{"units": "C"}'})
    assert "Demonstration contains invalid tool call arguments" in refused
    assert kept(session, weather)[1]["arguments"] == {"location": "Queens"}

    facts = asked(session, function="facts")
    assert demonstrate(facts, {"kept": 0}) == "stored"
    assert kept(session, facts)["parsed"] == {"name": "John", "age": 30}
    assert demonstrate(facts, {"type": "json", "text": '{"name": "Ada"}', "of": 0}) == "stored"
    assert kept(session, facts) == {"raw": '{"name":"Ada"}', "parsed": {"name": "Ada"}}
    assert "does not fit function output schema" in demonstrate(facts, {"type": "json", "text": '{"reply": 1}', "of": 0})

    thinker = asked(session, model="dummy::reasoner")
    assert thinker.draft().left_out == "Not part of a demonstration: 1 thought."
    assert demonstrate(thinker, {"kept": 0}) == "stored"
    (stored,) = kept(session, thinker)
    assert stored == {"type": "text", "text": next(b.text for b in thinker.response().content if b.type == "text")}
    assert "hmmm" not in stored["text"]
