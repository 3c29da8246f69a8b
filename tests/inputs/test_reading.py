"""Inputs are read, checked and rendered as in the original: a table recorded from it by tools/record_inputs.py."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from tensorzero.gateway.config.sections import ChatCompletionConfig, FunctionConfig, TemplateConfig
from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.functions.input_checks import validate_input
from tensorzero.gateway.functions.rendering import render_messages, stored_messages_json
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.templates.environment import Templates
from tensorzero.inputs.blocks import RequestMessage, Text, ToolCall, ToolResult
from tensorzero.inputs.file_reading import BlockError, parse_file
from tensorzero.inputs.reading import InputShapeError, parse_input

DATA = json.loads((Path(__file__).parent / "inputs.json").read_text("utf-8"))
PREFIX = "Failed to deserialize JSON to tensorzero_types::message::Input: "
TEMPLATES = Templates({name: text for name, text in DATA["files"].items() if name.endswith(".j")})


def build(name: str) -> FunctionConfig:
    described = DATA["functions"][name]
    templates = {key: TemplateConfig(path, legacy) for key, (path, legacy) in described["templates"].items()}
    variant = ChatCompletionConfig(name="v", type="chat_completion", model="m", templates=templates)
    schemas = {key: Schema.from_text(DATA["files"][path], path) for key, path in described["schemas"].items()}
    return FunctionConfig(name=name, type="chat", variants={"v": variant}, schemas=schemas)


FUNCTIONS = {name: build(name) for name in DATA["functions"]}


def run(function: FunctionConfig, raw: Any) -> tuple[str | None, tuple[RequestMessage, ...]]:
    parsed = parse_input(raw)
    validate_input(function, parsed)
    return render_messages(function.variants["v"], function, parsed, TEMPLATES)  # type: ignore[arg-type]


def texts(system: str | None, messages: tuple[RequestMessage, ...]) -> list[tuple[str, list[str]]]:
    seen = [] if system is None else [("system", [system])]
    return seen + [(m.role, [b.text for b in m.content if isinstance(b, Text)]) for m in messages]


def sent(messages: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    shown: list[tuple[str, list[str]]] = []
    for message in messages:
        content = message.get("content") or ""
        parts = [content] if isinstance(content, str) else [p["text"] for p in content if p["type"] == "text"]
        shown.append((message["role"], parts))
    return shown


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda c: f"{c['function']}-{json.dumps(c['input'])[:70]}")
def test_every_input_fares_as_in_the_original(case: dict[str, Any]) -> None:
    function = FUNCTIONS[case["function"]]
    if "shape" in case:
        with pytest.raises(InputShapeError) as caught:
            parse_input(case["input"])
        assert PREFIX + str(caught.value) == case["shape"]
    elif "error" in case and "providers failed" not in case["error"]:
        with pytest.raises(GatewayError) as failed:
            run(function, case["input"])
        assert (failed.value.status, failed.value.message) == (case["status"], case["error"])
    else:
        system, messages = run(function, case["input"])
        if "messages" in case and all(isinstance(b, Text) for m in messages for b in m.content):
            rendered = [(role, parts) for role, parts in texts(system, messages) if parts]
            assert rendered == sent(case["messages"])


def block(value: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "template", "name": "b", "arguments": {"x": value}}]}]}


def test_a_template_that_only_another_variant_has_is_refused_when_rendering() -> None:
    variants = {
        "v": ChatCompletionConfig(name="v", type="chat_completion", templates={"a": TemplateConfig("arg.j", False)}),
        "w": ChatCompletionConfig(
            name="w",
            type="chat_completion",
            templates={"b": TemplateConfig("c.j", False), "system": TemplateConfig("arg.j", False)},
        ),
    }
    function = FunctionConfig(name="f", type="chat", variants=variants)
    for raw, message in (
        (block(1), "Template `b` not found"),
        ({"system": {"x": 1}}, "System message content is a template but there is no variant template"),
    ):
        with pytest.raises(GatewayError) as caught:
            run(function, raw)
        assert (caught.value.status, caught.value.message) == (400, message)


def test_tool_calls_keep_their_arguments_as_text() -> None:
    plain = {"type": "tool_call", "id": "i", "name": "n", "arguments": {"z": 1, "a": [1.0, "é"]}}
    answered = {"type": "tool_call", "id": "i", "raw_name": "r", "raw_arguments": "5", "name": None, "arguments": None}
    (message,) = parse_input({"messages": [{"role": "assistant", "content": [plain, answered]}]}).messages
    assert message.content == (ToolCall("i", "n", '{"z":1,"a":[1.0,"é"]}'), ToolCall("i", "r", "5"))


def test_the_stored_input_leaves_out_what_is_absent() -> None:
    blocks = [
        {"type": "text", "text": "a"},
        {"type": "text", "arguments": {"b": 1, "a": None}},
        {"type": "raw_text", "value": "r"},
        {"type": "tool_result", "id": "i", "name": "n", "result": "x"},
        {"type": "thought", "text": "t", "_internal_provider_type": "p"},
        {"type": "unknown", "data": None, "model_name": "m"},
    ]
    stored = json.loads(parse_input({"messages": [{"role": "user", "content": blocks}]}).stored_json())
    assert stored == {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "template", "name": "user", "arguments": {"b": 1, "a": None}},
                    {"type": "raw_text", "value": "r"},
                    {"type": "tool_result", "name": "n", "result": "x", "id": "i"},
                    {"type": "thought", "text": "t", "provider_type": "p"},
                    {"type": "unknown", "data": None, "model_name": "m"},
                ],
            }
        ]
    }
    assert json.loads(parse_input({"system": {"a": 1}}).stored_json()) == {"system": {"a": 1}, "messages": []}


HASH_OF_TEXT = "8d637fec53870fcfc99a9e0ae43f4465aaeb2beeacf94032923915b8943cff11"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (
            {"file_type": "base64", "data": "aGk=", "mime_type": "image/jpeg", "source_url": "http://a/b"},
            {"source_url": None, "mime_type": "image/jpeg", "path": f"observability/files/{HASH_OF_TEXT}.jpg"},
        ),
        (
            {"file_type": "base64", "data": "aGk=", "mime_type": "audio/mpeg"},
            {"source_url": None, "mime_type": "audio/mpeg", "path": f"observability/files/{HASH_OF_TEXT}.mp3"},
        ),
        (
            {"data": "aGk=", "mime_type": "text/plain", "detail": "low", "filename": "x"},
            {
                "source_url": None,
                "mime_type": "text/plain",
                "path": f"observability/files/{HASH_OF_TEXT}.txt",
                "detail": "low",
                "filename": "x",
            },
        ),
        (
            {
                "file_type": "object_storage",
                "data": "aGk=",
                "mime_type": "image/png",
                "source_url": "http://a/",
                "storage_path": {"kind": {"type": "disabled"}, "path": "p/q"},
            },
            {"source_url": "http://a/", "mime_type": "image/png", "path": "p/q"},
        ),
    ],
)
def test_a_stored_file_has_its_place_and_not_its_data(given: dict[str, Any], stored: dict[str, Any]) -> None:
    parsed = parse_input({"messages": [{"role": "user", "content": [{"type": "file", **given}]}]})
    (block,) = json.loads(parsed.stored_json())["messages"][0]["content"]
    path = stored.pop("path")
    assert block == {"type": "file", "storage_path": {"kind": {"type": "disabled"}, "path": path}, **stored}


@pytest.mark.parametrize(
    ("given", "kept"),
    [("image/", "image/"), ("image/png ", "image/png"), ("a/b;;", "a/b"), ('A%/B; c="x;y"', 'a%/b; c="x;y"')]
    + [(mime, mime) for mime in ("text/plain;charset=utf-8; ", "a/b;c='x';;e=", "image/svg+xml;x=y")],
)
def test_a_media_type_is_read_as_the_original_reads_it(given: str, kept: str) -> None:
    assert parse_file({"file_type": "base64", "data": "aGk=", "mime_type": given}).mime_type == kept


@pytest.mark.parametrize("mime", ["image/*", "*/*", "image/png;a", " image/png", "a/b/c", "a/b;c=é", 'a/b;c="', "a/b;c=x=y"])
def test_what_the_original_takes_for_no_media_type_is_none(mime: str) -> None:
    with pytest.raises(BlockError, match="data did not match any variant of untagged enum FileTaggedOrUntagged"):
        parse_file({"file_type": "base64", "data": "aGk=", "mime_type": mime})


def test_a_stored_thought_always_has_its_text() -> None:
    parsed = parse_input({"messages": [{"role": "user", "content": [{"type": "thought"}]}]})
    assert json.loads(parsed.stored_json())["messages"][0]["content"] == [{"type": "thought", "text": None}]


def test_stored_messages_are_those_after_templates() -> None:
    blocks = [{"type": "template", "name": "custom", "arguments": {"x": "v"}}, {"type": "raw_text", "value": "r"}]
    _, messages = run(FUNCTIONS["custom_schema"], {"messages": [{"role": "user", "content": blocks}]})
    assert json.loads(stored_messages_json(messages)) == [
        {"role": "user", "content": [{"type": "text", "text": "C[v]"}, {"type": "text", "text": "r"}]}
    ]
    assert stored_messages_json((RequestMessage("user", (ToolResult("n", "x", "i"),)),)) == (
        '[{"role":"user","content":[{"type":"tool_result","name":"n","result":"x","id":"i"}]}]'
    )


BLOCKS = [
    block
    for case in DATA["cases"]
    if isinstance(case["input"].get("messages"), list)
    for message in case["input"]["messages"]
    if isinstance(message, dict) and isinstance(message.get("content"), list)
    for block in message["content"]
    if isinstance(block, dict)
]
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@drawn(st.sampled_from(BLOCKS), st.data())
def test_a_mutated_block_is_read_or_refused_with_a_reason(block: dict[str, Any], data: st.DataObject) -> None:
    mutated = copy.deepcopy(block)
    for _ in range(data.draw(st.integers(1, 3))):
        names = [
            "type",
            "text",
            "arguments",
            "id",
            "data",
            "file_type",
            "url",
            "summary",
            "mime_type",
            "storage_path",
            *mutated,
        ]
        key = data.draw(st.sampled_from(names))
        if data.draw(st.booleans()):
            mutated.pop(key, None)
        else:
            mutated[key] = data.draw(JSON)
    check_outcome({"messages": [{"role": "user", "content": [mutated]}]})


@drawn(
    st.dictionaries(
        st.sampled_from(["system", "messages", "zz"]),
        JSON
        | st.lists(
            st.fixed_dictionaries(
                {}, optional={"role": st.sampled_from(["user", "assistant", "zz"]) | JSON, "content": JSON, "zz": JSON}
            ),
            max_size=3,
        ),
        max_size=3,
    )
)
def test_any_json_object_is_read_or_refused_with_a_reason(raw: dict[str, Any]) -> None:
    check_outcome(raw)


def check_outcome(raw: dict[str, Any]) -> None:
    try:
        parsed = parse_input(raw)
        parsed.stored_json()
        validate_input(FUNCTIONS["new_any"], parsed)
    except (InputShapeError, GatewayError) as error:
        refused = error
    else:
        return
    if isinstance(refused, GatewayError):
        assert refused.status == 400
    elif refused.steps is not None:
        assert 0 < (refused.column or 0) <= len(json.dumps(raw))
