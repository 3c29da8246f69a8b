"""A type of evaluator added as CONTRIBUTING.md tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tensorzero.gateway.config.evaluator_shapes import EVALUATOR_TYPES
from tensorzero.gateway.config.shapes import Choice, Field, Real, Record
from tensorzero.gateway.evaluations.evaluators import BY_TYPE, EvaluatorError
from tests.gateway.conftest import ASK, Build, Stored

CONFIG = """
[functions.free]
type = "chat"
variants.v = { type = "chat_completion", model = "dummy::echo" }
evaluators.short = { type = "length", most = 40.0, output_type = "float" }
"""


def length(answer: Mapping[str, Any], evaluator: Mapping[str, Any], _reference: Any) -> float:
    """The share of the allowed length."""
    if "content" not in answer:
        raise EvaluatorError("Only of a chat function's text")
    return min(1.0, sum(len(block["text"]) for block in answer["content"]) / evaluator["most"])


@pytest.fixture(autouse=True)
def length_is_a_type(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = (Field("most", Real(), required=True), Field("output_type", Choice(("float",)), required=True))
    monkeypatch.setitem(EVALUATOR_TYPES, "length", Record("LengthConfig", fields))
    monkeypatch.setitem(BY_TYPE, "length", length)


def test_a_new_evaluator_judges_and_its_value_is_feedback(build: Build, stored: Stored) -> None:
    client = build(CONFIG, stored.url)
    client.create_datapoints(dataset_name="d", requests=[{"type": "chat", "function_name": "free", "input": ASK}])
    handler = client.experimental_run_evaluation(
        function_name="free", evaluator_names=["short"], dataset_name="d", variant_name="v"
    )
    (event,) = handler
    assert event["evaluations"] == {"short": len("capital of Japan?") / 40}
    (row,) = stored.rows(client, "FloatMetricFeedback")
    assert row["metric_name"] == "tensorzero::function_name::free::evaluator_name::short"
    assert row["value"] == pytest.approx(len("capital of Japan?") / 40)
