"""Feedback: its checks in the original's order with its texts, its waits, and what is stored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from uuid_utils import uuid7

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.clickhouse.database import Database
from tensorzero.gateway.endpoints import feedback
from tensorzero.runtime.blocking import BlockingRuntime

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
OLD = "019a0489-9cae-7c2c-bd77-404de0d3cde0"
NOT_V7 = "d9b5b1a5-7f6f-4b8e-9b1a-0d1c2e3f4a5b"
Build = Callable[..., TensorZeroGateway]

TOML = """
[metrics.thumbs_up]
type = "boolean"
optimize = "max"
level = "inference"
[metrics.rating]
type = "float"
optimize = "max"
level = "inference"
[metrics.solved]
type = "boolean"
optimize = "max"
level = "episode"
[functions.f]
type = "chat"
variants.v = { type = "chat_completion", model = "dummy::good" }
"""
LOOSE = "[gateway]\nunstable_disable_feedback_target_validation = true\n" + TOML


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the calls of this test have slept, by a clock that nothing else moves."""
    seconds: list[float] = []
    now = time.time()

    async def sleep(_self: BlockingRuntime, pause: float, _deadline: object = None) -> None:
        seconds.append(pause)

    monkeypatch.setattr(BlockingRuntime, "sleep", sleep)
    monkeypatch.setattr(feedback, "time", SimpleNamespace(monotonic=lambda: sum(seconds), time=lambda: now))
    return seconds


def failure(client: TensorZeroGateway, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(TensorZeroError) as caught:
        client.feedback(**arguments)
    return caught.value.status_code, json.loads(caught.value.text)["error"]


# Each row breaks its own rule and every later one: the earlier is reported.
ORDER: list[tuple[dict[str, Any], tuple[int, str]]] = [
    (
        {
            "metric_name": "nope",
            "inference_id": OLD,
            "episode_id": OLD,
            "tags": {"tensorzero::x": "y", "tensorzero::datapoint_id": "1", "tensorzero::human_feedback": "1"},
        },
        (400, "Tag name cannot start with 'tensorzero::': tensorzero::x"),
    ),
    (
        {
            "metric_name": "nope",
            "inference_id": OLD,
            "episode_id": OLD,
            "internal": True,
            "tags": {"tensorzero::datapoint_id": "1", "tensorzero::human_feedback": "1"},
        },
        (
            400,
            (
                "tensorzero::evaluator_inference_id is required when "
                "tensorzero::datapoint_id and tensorzero::human_feedback are provided"
            ),
        ),
    ),
    (
        {"metric_name": "nope", "inference_id": OLD, "episode_id": OLD},
        (400, "Both episode_id and inference_id cannot be provided"),
    ),
    ({"metric_name": "nope"}, (404, "Unknown metric: nope")),
    ({"metric_name": "comment", "value": 3}, (400, "Exactly one of inference_id or episode_id must be provided")),
    (
        {"metric_name": "thumbs_up", "episode_id": OLD},
        (400, 'Correct ID was not provided for feedback level "inference".'),
    ),
    ({"metric_name": "solved", "inference_id": OLD}, (400, 'Correct ID was not provided for feedback level "episode".')),
    (
        {"metric_name": "demonstration", "episode_id": OLD},
        (400, 'Correct ID was not provided for feedback level "inference".'),
    ),
    ({"metric_name": "thumbs_up"}, (400, 'Correct ID was not provided for feedback level "inference".')),
    (
        {"metric_name": "thumbs_up", "inference_id": UUID(int=0)},
        (400, "Failed to parse UUID as v7: 00000000-0000-0000-0000-000000000000"),
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), ORDER)
def test_the_first_broken_rule_is_reported(
    build: Build, slept: list[float], arguments: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert failure(build(TOML), **({"value": "no boolean"} | arguments)) == expected
    assert slept == []


def test_observability_that_is_off_comes_before_the_ids(build: Build) -> None:
    client = build("[gateway]\nobservability.enabled = false\n" + TOML)
    text = "Feedback requires observability to be enabled (`gateway.observability.enabled` must not be `false`)."
    assert failure(client, metric_name="nope", value=True, inference_id=OLD, episode_id=OLD) == (400, text)


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("thumbs_up", 1, "Feedback value for metric `thumbs_up` must be a boolean"),
        ("thumbs_up", "true", "Feedback value for metric `thumbs_up` must be a boolean"),
        ("thumbs_up", None, "Feedback value for metric `thumbs_up` must be a boolean"),
        ("rating", True, "Feedback value for metric `rating` must be a number"),
        ("rating", "1", "Feedback value for metric `rating` must be a number"),
        ("comment", 5, "Feedback value for a comment must be a string"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(build: Build, metric: str, value: Any, text: str) -> None:
    assert failure(build(LOOSE), metric_name=metric, value=value, inference_id=OLD) == (400, text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"type": "text", "text": "x"}, "Demonstration must be a string or an array of content blocks"),
        (5, "Demonstration must be a string or an array of content blocks"),
        (
            [{"type": "thought", "text": "x"}],
            "Invalid demonstration content block: unknown variant `thought`, expected `text` or `tool_call`",
        ),
        ([{"type": "tool_call", "name": "x", "arguments": {}}], "Invalid demonstration content block: missing field `id`"),
        (
            [{"type": "tool_call", "id": "1", "name": "x", "arguments": {}}],
            "Demonstration contains invalid tool name",
        ),
    ],
)
def test_demonstrations_of_the_wrong_form_are_refused(build: Build, stored: Any, value: Any, text: str) -> None:
    client = build(TOML, stored.url)
    answer = client.inference(function_name="f", input=ASK)
    assert failure(client, metric_name="demonstration", value=value, inference_id=answer.inference_id) == (400, text)


def test_every_kind_is_stored_as_it_was_given(build: Build, stored: Any) -> None:
    client = build(TOML, stored.url)
    answer = client.inference(function_name="f", input=ASK)
    on = {"inference_id": answer.inference_id}
    client.feedback(metric_name="thumbs_up", value=True, tags={"who": "me"}, **on)
    client.feedback(metric_name="thumbs_up", value=False, internal=True, **on)
    client.feedback(metric_name="rating", value=1, **on)
    client.feedback(metric_name="rating", value=0.25, **on)
    client.feedback(metric_name="solved", value=True, episode_id=answer.episode_id)
    client.feedback(metric_name="comment", value="nice", **on)
    client.feedback(metric_name="comment", value="whole", episode_id=answer.episode_id)
    client.feedback(metric_name="demonstration", value="Tokyo.", **on)
    client.feedback(metric_name="demonstration", value=[{"type": "text", "text": "Kyoto."}], **on)
    thumbs = stored.rows(client, "BooleanMetricFeedback")
    assert [(str(r["target_id"]), r["metric_name"], r["value"], r["tags"]) for r in thumbs] == [
        (str(answer.inference_id), "thumbs_up", True, {"who": "me"}),
        (str(answer.inference_id), "thumbs_up", False, {"tensorzero::internal": "true"}),
        (str(answer.episode_id), "solved", True, {}),
    ]
    assert [row["value"] for row in stored.rows(client, "FloatMetricFeedback")] == [1.0, 0.25]
    comments = stored.rows(client, "CommentFeedback")
    assert [(str(r["target_id"]), r["target_type"], r["value"]) for r in comments] == [
        (str(answer.inference_id), "inference", "nice"),
        (str(answer.episode_id), "episode", "whole"),
    ]
    assert [json.loads(row["value"]) for row in stored.rows(client, "DemonstrationFeedback")] == [
        [{"type": "text", "text": "Tokyo."}],
        [{"type": "text", "text": "Kyoto."}],
    ]
    hashes = {row["snapshot_hash"] for row in [*thumbs, *comments, *stored.rows(client, "ChatInference")]}
    assert len(hashes) == 1


def human(**changed: str) -> dict[str, str]:
    tags = {"datapoint_id": OLD.upper(), "human_feedback": "", "evaluator_inference_id": OLD.replace("-", "")} | changed
    return {f"tensorzero::{name}": value for name, value in tags.items()}


@pytest.mark.parametrize("delivered", [False, True])
def test_a_persons_judgement_on_a_datapoint_is_kept_with_the_output(build: Build, stored: Any, delivered: bool) -> None:
    client = build(TOML, stored.url)
    answer = client.inference(function_name="f", input=ASK)
    given = {"inference_id": answer.inference_id, "internal": True}
    if delivered:
        stored.rows(client, "ChatInference")
    first = client.feedback(metric_name="thumbs_up", value=False, tags=human(), **given).feedback_id
    second = client.feedback(metric_name="rating", value=1e300, tags=human(), **given).feedback_id
    expected = {"datapoint_id": UUID(OLD), "evaluator_inference_id": UUID(OLD)}
    rows = stored.rows(client, "StaticEvaluationHumanFeedback", order="value DESC")
    [output] = {row.pop("output") for row in rows}
    assert output == stored.rows(client, "ChatInference")[0]["output"]
    assert rows == [
        {"metric_name": "thumbs_up", "value": "false", "feedback_id": first, **expected},
        {"metric_name": "rating", "value": "1e+300", "feedback_id": second, **expected},
    ]


def test_other_feedback_with_a_persons_tags_is_stored_alone(build: Build, stored: Any) -> None:
    client = build(TOML, stored.url)
    answer = client.inference(function_name="f", input=ASK)
    given = {"inference_id": answer.inference_id, "internal": True}
    client.feedback(metric_name="comment", value="x", tags=human(), **given)
    client.feedback(metric_name="demonstration", value="x", tags=human(), **given)
    client.feedback(metric_name="solved", value=True, tags=human(), episode_id=answer.episode_id, internal=True)
    client.feedback(metric_name="thumbs_up", value=True, tags=human(), dryrun=True, **given)
    client.feedback(metric_name="thumbs_up", value=True, tags=human(datapoint_id="zz"), **given)
    assert stored.rows(client, "StaticEvaluationHumanFeedback", order="value") == []
    assert len(stored.rows(client, "BooleanMetricFeedback")) == 2


def test_a_dry_run_is_checked_and_not_stored(build: Build, stored: Any) -> None:
    client = build(TOML, stored.url)
    answer = client.inference(function_name="f", input=ASK)
    given = client.feedback(metric_name="thumbs_up", value=True, inference_id=answer.inference_id, dryrun=True)
    assert UUID(str(given.feedback_id)).version == 7
    assert stored.rows(client, "BooleanMetricFeedback") == []
    bad = failure(client, metric_name="thumbs_up", value=1, inference_id=answer.inference_id, dryrun=True)
    assert bad == (400, "Feedback value for metric `thumbs_up` must be a boolean")


def test_an_unknown_old_id_is_looked_up_twice_in_two_seconds(
    build: Build, stored: Any, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = build(TOML, stored.url)
    looks: list[UUID] = []
    find = Database.find_inference

    def counted(self: Database, inference_id: UUID, until: float | None = None) -> Any:
        looks.append(inference_id)
        return find(self, inference_id, until)

    monkeypatch.setattr(Database, "find_inference", counted)
    found = failure(client, metric_name="thumbs_up", value="wrong", inference_id=OLD)
    assert found == (400, f"Inference ID: {OLD} does not exist")
    assert slept == [2.0]
    assert len(looks) == 2


def test_an_unknown_fresh_id_is_waited_for_six_seconds(build: Build, stored: Any, slept: list[float]) -> None:
    client = build(TOML, stored.url)
    fresh = uuid7()
    assert failure(client, metric_name="solved", value=True, episode_id=str(fresh)) == (
        400,
        f"Episode ID: {fresh} does not exist",
    )
    assert sum(slept) == 6.0


def test_an_id_that_still_waits_in_the_spool_exists(build: Build, stored: Any, slept: list[float]) -> None:
    client = build(TOML, stored.url)
    for _ in range(20):
        answer = client.inference(function_name="f", input=ASK)
        client.feedback(metric_name="thumbs_up", value=True, inference_id=answer.inference_id)
        client.feedback(metric_name="solved", value=True, episode_id=answer.episode_id)
    assert max(slept) < 0.1  # the model's own pauses
    assert len(stored.rows(client, "BooleanMetricFeedback")) == 40


def test_without_the_target_check_any_id_is_taken(build: Build, stored: Any) -> None:
    client = build(LOOSE, stored.url)
    for target_id in (OLD, NOT_V7):
        client.feedback(metric_name="thumbs_up", value=True, inference_id=target_id)
    assert {str(row["target_id"]) for row in stored.rows(client, "BooleanMetricFeedback")} == {OLD, NOT_V7}
    wrong = failure(client, metric_name="thumbs_up", value=1, inference_id=NOT_V7)
    assert wrong == (400, "Feedback value for metric `thumbs_up` must be a boolean")
    refused = failure(client, metric_name="demonstration", value="x", inference_id=NOT_V7)
    assert refused == (400, f"Failed to parse UUID as v7: {NOT_V7}")


def test_a_metric_that_nearly_exists_is_named_in_the_hint(build: Build) -> None:
    with pytest.raises(TensorZeroError) as caught:
        build(TOML).feedback(metric_name="thumb_up", value=True, inference_id=OLD)
    assert "Did you mean `thumbs_up`?" in caught.value.hint
