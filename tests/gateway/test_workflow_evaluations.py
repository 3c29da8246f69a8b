"""Workflow evaluations: what a run pins, and what its episodes add to their inferences."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway, TensorZeroInternalError
from tensorzero.gateway.identifiers import WORKFLOW_EPISODE_OFFSET_S, is_workflow_episode, new_id, timestamp_s
from tests.gateway.conftest import ASK, Build, Stored

CONFIG = """
[models.m]
routing = ["p"]
providers.p = { type = "dummy", model_name = "echo" }
[functions.ask]
type = "chat"
variants.plain = { type = "chat_completion", model = "m", weight = 1 }
variants.warm = { type = "chat_completion", model = "m", weight = 0 }
[functions.other]
type = "chat"
variants.plain = { type = "chat_completion", model = "m" }
[metrics.solved]
type = "boolean"
optimize = "max"
level = "episode"
"""


@pytest.fixture
def client(build: Build, stored: Stored) -> TensorZeroGateway:
    return build(CONFIG, stored.url)


def refused(call: Any, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(TensorZeroError) as caught:
        call(**arguments)
    return caught.value.status_code, json.loads(caught.value.text)["error"]


def test_a_run_is_stored_with_its_pins_and_tags(client: TensorZeroGateway, stored: Stored) -> None:
    run = client.workflow_evaluation_run(variants={"ask": "warm"}, tags={"a": "b"}, project_name="p", display_name="d")
    (row,) = stored.rows(client, "DynamicEvaluationRun", "run_id_uint")
    assert row["run_id_uint"] == run.run_id.int
    assert (row["variant_pins"], row["project_name"], row["run_display_name"]) == ({"ask": "warm"}, "p", "d")
    assert row["tags"] == {"a": "b", "tensorzero::internal": "true"}


def test_an_episode_has_the_runs_pins_and_tags_and_its_own_over_them(client: TensorZeroGateway, stored: Stored) -> None:
    run = client.workflow_evaluation_run(variants={"ask": "warm"}, tags={"a": "run", "b": "run"})
    episode = client.workflow_evaluation_run_episode(run_id=run.run_id, task_name="t", tags={"b": "episode"})
    (row,) = stored.rows(client, "DynamicEvaluationRunEpisode", "episode_id_uint")
    assert (row["run_id"], row["episode_id_uint"]) == (run.run_id, episode.episode_id.int)
    assert (row["variant_pins"], row["datapoint_name"]) == ({"ask": "warm"}, "t")
    assert row["tags"] == {
        "a": "run",
        "b": "episode",
        "tensorzero::internal": "true",
        "tensorzero::dynamic_evaluation_run_id": str(run.run_id),
        "tensorzero::workflow_evaluation_run_id": str(run.run_id),
    }
    assert timestamp_s(episode.episode_id) >= WORKFLOW_EPISODE_OFFSET_S
    assert is_workflow_episode(str(episode.episode_id))


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in the same process", "read back by another"])
def test_its_inferences_use_the_pinned_variant_and_carry_its_tags(
    client: TensorZeroGateway, build: Build, stored: Stored, elsewhere: bool
) -> None:
    run = client.workflow_evaluation_run(variants={"ask": "warm"}, tags={"a": "run"})
    episode = client.workflow_evaluation_run_episode(run_id=run.run_id, tags={"b": "episode", "c": "episode"}).episode_id
    if elsewhere:
        client.close()
        client = build(CONFIG, stored.url)
    pinned = client.inference(function_name="ask", input=ASK, episode_id=episode, tags={"c": "call"})
    assert (pinned.variant_name, pinned.episode_id) == ("warm", episode)
    assert client.inference(function_name="ask", input=ASK, episode_id=episode, variant_name="plain").variant_name == "plain"
    assert client.inference(function_name="other", input=ASK, episode_id=episode).variant_name == "plain"
    (chunk, *_) = client.inference(function_name="ask", input=ASK, episode_id=episode, stream=True)
    assert chunk.variant_name == "warm"
    (row,) = (row for row in stored.rows(client, "ChatInference") if row["id"] == pinned.inference_id)
    ids = dict.fromkeys(("tensorzero::dynamic_evaluation_run_id", "tensorzero::workflow_evaluation_run_id"), str(run.run_id))
    own = {"a": "run", "b": "episode", "c": "call", "tensorzero::internal": "true", "tensorzero::variant_pinned": "warm"}
    assert row["tags"] == own | ids
    assert client.feedback(metric_name="solved", episode_id=episode, value=True)


def test_what_is_not_there_is_refused(client: TensorZeroGateway) -> None:
    assert refused(client.workflow_evaluation_run, variants={"zz": "a"}) == (404, "Unknown function: zz")
    message = "Variant zz for function ask not found."
    assert refused(client.workflow_evaluation_run, variants={"ask": "zz"}) == (400, message)
    with pytest.raises(TensorZeroInternalError, match="Tag name cannot start with 'tensorzero::': tensorzero::x"):
        client.workflow_evaluation_run(variants={}, tags={"tensorzero::x": "y"})
    nobodys = "0aba0000-0000-7000-8000-000000000000"
    message = f"Workflow evaluation run not found for episode id: {nobodys}"
    assert refused(client.inference, function_name="ask", input=ASK, episode_id=nobodys) == (400, message)
    reserved = "Tag name cannot start with 'tensorzero::': tensorzero::x"
    arguments: dict[str, Any] = {"function_name": "ask", "input": ASK, "episode_id": nobodys, "tags": {"tensorzero::x": "y"}}
    assert refused(client.inference, **arguments) == (400, reserved)


def test_an_episode_of_an_unknown_run_is_of_no_use(client: TensorZeroGateway, stored: Stored) -> None:
    episode = client.workflow_evaluation_run_episode(run_id=new_id()).episode_id
    assert stored.rows(client, "DynamicEvaluationRunEpisode", "episode_id_uint") == []
    status, message = refused(client.inference, function_name="ask", input=ASK, episode_id=episode)
    assert (status, message) == (400, f"Workflow evaluation run not found for episode id: {episode}")
