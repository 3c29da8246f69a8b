"""What cannot be sent ends as a documented error; what fails on a provider's side lets the next provider and variant try."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from python_steps import steps_of
from scripted_upstream import ScriptedUpstream, answer_with

from tensorzero import TensorZeroError, TensorZeroGateway, TensorZeroInternalError
from tensorzero.gateway.config.sections import ExtraBody
from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.providers.dummy import DummyProvider
from tensorzero.gateway.providers.extra import apply_body
from tensorzero.gateway.providers.http_provider import HttpProvider

Build = Callable[..., TensorZeroGateway]
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}


def nested(levels: int, inner: Any = 1, *, objects: bool = False) -> Any:
    for _ in range(levels):
        inner = {"a": inner} if objects else [inner]
    return inner


def block(**fields: Any) -> dict[str, Any]:
    return {"input": {"messages": [{"role": "user", "content": [fields]}]}}


PLACES: dict[str, tuple[Callable[[Any], dict[str, Any]], int, str]] = {
    "extra body": (lambda v: {"extra_body": [{"pointer": "/x", "value": v}]}, 2, "[0].value"),
    "schema": (lambda v: {"output_schema": {"x": v}}, 1, "x"),
    "tool": (
        lambda v: {"additional_tools": [{"name": "t", "description": "", "parameters": {"x": v}}]},
        1,
        "x",
    ),
    "unknown block": (lambda v: block(type="unknown", data=v), 5, "messages[0].content[0].data"),
    "arguments": (
        lambda v: block(type="template", name="u", arguments={"x": v}),
        6,
        "messages[0].content[0].arguments.x",
    ),
    "usual arguments": (lambda v: block(type="text", arguments={"x": v}), 6, "messages[0].content[0].arguments.x"),
    "system": (lambda v: {"input": {"system": {"x": v}, "messages": []}}, 2, "system.x"),
}


@pytest.mark.parametrize("levels", [128, 200, 260, 500, 900])
@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_nested_too_deeply_is_refused_with_its_place(build: Build, place: str, objects: bool, levels: int) -> None:
    """Where and in which words: observed 2026.6.0."""
    make, around, path = PLACES[place]
    value = nested(levels - around, objects=objects)
    with pytest.raises(TensorZeroInternalError) as caught:
        build().inference(**{"model_name": "dummy::good", "input": ASK, **make(value)})
    step = ".a" if objects else "[0]"
    assert f": {path}{step * (127 - around)}: recursion limit exceeded at line 1 column " in str(caught.value)


@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize("place", ["extra body", "schema", "tool", "unknown block"])
def test_a_hundred_and_twenty_seven_levels_are_not_too_many(build: Build, place: str, objects: bool) -> None:
    make, around, _ = PLACES[place]
    value = nested(127 - around, objects=objects)
    assert build().inference(**{"model_name": "dummy::good", "input": ASK, **make(value)})


def test_brackets_side_by_side_or_in_texts_are_no_levels(build: Build) -> None:
    value = [[{}] for _ in range(500)] + ["[" * 500, '\\"{' * 200]
    assert build().inference(model_name="dummy::good", input=ASK, extra_body=[{"pointer": "/x", "value": value}])


@pytest.mark.parametrize("value", [nested(200), nested(900)])
def test_feedback_is_refused_in_the_same_way(build: Build, value: Any) -> None:
    with pytest.raises(TensorZeroInternalError, match="recursion limit exceeded at line 1 column 128"):
        build().feedback(metric_name="comment", value=value, episode_id="0190a0a0-0000-7000-8000-000000000000")


@pytest.mark.parametrize(
    ("value", "path"),
    [({"a": ["x", "\ud800"]}, "[0].value.a[1]"), ({"\ud800": 1}, "[0].value.?"), ({"a": float("nan")}, "[0].value.a")],
)
def test_what_is_no_json_is_named_by_its_place(build: Build, value: Any, path: str) -> None:
    with pytest.raises(TensorZeroInternalError) as caught:
        build().inference(model_name="dummy::good", input=ASK, extra_body=[{"pointer": "/x", "value": value}])
    assert f"::UnfilteredInferenceExtraBody: {path}: " in str(caught.value)


@pytest.mark.parametrize("pointer", ["/messages/" + "1" * 4_300, "/messages/" + "9" * 100_000, "/messages/\u0663"])
def test_a_number_of_any_length_is_an_index_that_is_not_there(pointer: str) -> None:
    with pytest.raises(BadRequest, match="Could not find array index"):
        apply_body({"messages": []}, [ExtraBody(pointer, 1)])
    body: dict[str, Any] = {"messages": [1]}
    apply_body(body, [ExtraBody(pointer, delete=True)])
    assert body == {"messages": [1]}


@pytest.mark.parametrize(
    ("key", "is_index"),
    [
        ("0", True),
        (str(2**64 - 1), True),
        (str(2**64), False),
        ("01", False),
        ("00", False),
        ("\u0663", False),
        ("1" * 5_000, False),
    ],
)
def test_what_counts_as_an_index_where_nothing_is_there(key: str, is_index: bool) -> None:
    body: dict[str, Any] = {}
    if is_index:
        with pytest.raises(BadRequest, match="doesn't support pointing an index"):
            apply_body(body, [ExtraBody(f"/x/{key}", 1)])
    else:
        apply_body(body, [ExtraBody(f"/x/{key}", 1)])
        assert body == {"x": {key: 1}}


def test_many_entries_take_steps_by_their_number() -> None:
    def apply(count: int) -> int:
        entries = [ExtraBody(f"/x/k{number}", number) for number in range(count)]
        body = {"x": {"kept": 0}}
        return steps_of(lambda: apply_body(body, entries))

    assert apply(2_000) < 2.2 * apply(1_000)


def test_an_object_of_the_configuration_is_copied_once_and_never_changed() -> None:
    mine: dict[str, Any] = {"a": {"b": 1}}
    body: dict[str, Any] = {}
    for _ in range(2):
        apply_body(body, [ExtraBody("/x", mine), ExtraBody("/x/a/b", 2), ExtraBody("/x/a/c", 3)])
    assert body == {"x": {"a": {"b": 2, "c": 3}}}
    assert mine == {"a": {"b": 1}}


def two(models: Callable[..., str]) -> str:
    """A model of two providers, and a function of two variants of which the second is sound."""
    one = models("plain")
    provider = one[one.index('[models."plain".providers.p]') :].replace("providers.p]", "providers.q]")
    return f"""
{one.replace('routing = ["p"]', 'routing = ["p", "q"]')}
{provider}
[functions.f]
type = "chat"
experimentation = {{ type = "static", candidate_variants = {{ first = 1.0 }}, fallback_variants = ["second"] }}
variants.first = {{ type = "chat_completion", model = "plain" }}
variants.second = {{ type = "chat_completion", model = "dummy::good" }}
"""


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pointer", ["/messages/" + "1" * 5_000, "/a" * 2_000, "/a" * 20_000])
def test_the_next_variant_is_tried_after_a_request_that_cannot_be_made(
    build: Build, models: Callable[..., str], pointer: str, stream: bool
) -> None:
    entry = {"variant_name": "first", "pointer": pointer, "value": 1}
    answer: Any = build(two(models)).inference(function_name="f", input=ASK, extra_body=[entry], stream=stream)
    answered = next(iter(answer)) if stream else answer
    assert answered.variant_name == "second"


def test_three_hundred_steps_go_upstream(build: Build) -> None:
    upstream = ScriptedUpstream()
    try:
        script = answer_with('{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}')
        entry = {"pointer": "/a" * 300, "value": "there"}
        assert build(upstream.toml).inference(model_name="m", input=ASK, extra_body=[*script, entry])
    finally:
        upstream.close()
    sent: Any = upstream.requests[0]
    for _ in range(300):
        sent = sent["a"]
    assert sent == "there"


UNFORESEEN = [ValueError("odd"), TypeError("odd"), RecursionError("odd"), OSError(24, "odd"), OverflowError("odd"), KeyError()]


@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("stream", [False, True])
def test_whatever_a_provider_raises_the_next_one_answers(
    build: Build,
    models: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    stream: bool,
) -> None:
    asked: list[str] = []
    name = "stream" if stream else "infer"
    sound = getattr(HttpProvider, name)

    async def odd(self: HttpProvider, call: Any) -> Any:
        asked.append(self._config.name)
        if self._config.name == "p":
            raise error
        return await sound(self, call)

    monkeypatch.setattr(HttpProvider, name, odd)
    caplog.set_level(logging.CRITICAL, logger="tensorzero")
    answer: Any = build(two(models)).inference(function_name="f", input=ASK, stream=stream)
    answered = next(iter(answer)) if stream else answer
    assert answered.variant_name == "first"
    assert asked == ["p", "q"]


def test_what_no_provider_can_do_is_a_documented_error(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    async def odd(self: DummyProvider, call: Any) -> Any:
        raise ValueError("odd")

    monkeypatch.setattr(DummyProvider, "infer", odd)
    with pytest.raises(TensorZeroError) as caught:
        build().inference(model_name="dummy::good", input=ASK)
    assert "dummy: Error from dummy client: ValueError: odd" in json.loads(caught.value.text)["error"]


def test_a_stream_that_breaks_in_an_unforeseen_way_ends_with_a_documented_error(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorzero.gateway.providers import dummy

    sound = dummy.DummyProvider.stream

    async def odd(self: DummyProvider, call: Any) -> Any:
        stream = await sound(self, call)

        class Breaking:
            raw_request = stream.raw_request

            async def batches(self) -> Any:
                async for batch in stream.batches():
                    yield batch
                    raise ValueError("odd")

            async def close(self) -> None:
                await stream.close()

        return Breaking()

    monkeypatch.setattr(dummy.DummyProvider, "stream", odd)
    chunks = iter(build().inference(model_name="dummy::good", input=ASK, stream=True))  # type: ignore[arg-type]
    next(chunks)
    with pytest.raises(TensorZeroError, match="Error from dummy client: ValueError: odd"):
        list(chunks)


def test_a_failure_of_the_gateway_itself_is_a_documented_error_with_its_cause(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: Any) -> Any:
        raise ValueError("odd")

    monkeypatch.setattr("tensorzero.gateway.endpoints.inference.choose_variant", odd)
    with pytest.raises(TensorZeroInternalError, match="ValueError: odd") as caught:
        build().inference(model_name="dummy::good", input=ASK)
    assert isinstance(caught.value.__cause__, ValueError)
