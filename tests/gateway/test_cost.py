"""Cost from a provider's usage, as the original computes it (observed 2026.6.0), and what the rows say of it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.models.cost import cost_of
from tensorzero.gateway.recording import _model_inference
from tensorzero.gateway.values import ModelInference, ModelRequest, Usage

RATES: list[dict[str, Any]] = [
    {"pointer": "/usage/prompt_tokens", "cost_per_million": 1.5, "required": True},
    {"pointer": "/usage/completion_tokens", "cost_per_million": 2.5},
    {"pointer": "/usage/prompt_tokens_details/cached_tokens", "cost_per_million": -0.5},
    {"pointer_nonstreaming": "/usage/n", "pointer_streaming": "/usage/s", "cost_per_unit": 0.25},
]


def answer(**usage: Any) -> str:
    return json.dumps({"usage": {"prompt_tokens": 5, "completion_tokens": 5, **usage}})


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({}, 2e-05), ({"n": 2}, 0.50002), ({"n": 0.1}, 0.02502), ({"prompt_tokens": 0, "completion_tokens": 0}, 0.0),
        ({"n": "2.5"}, 0.62502), ({"n": "1e3"}, 250.00002), ({"n": " 2 "}, None), ({"n": "x"}, None), ({"n": ""}, None),
        ({"n": None}, None), ({"n": True}, None), ({"n": {}}, None), ({"n": [1]}, None), ({"prompt_tokens": None}, None),
        ({"n": -1}, None), ({"n": 1e20}, 2.5e19), ({"n": 1e29}, None), ({"n": 1e300}, None), ({"n": 1e-30}, 2e-05),
        ({"prompt_tokens_details": None}, 2e-05), ({"prompt_tokens_details": {"cached_tokens": 10}}, 1.5e-05),
    ],
)  # fmt: skip
def test_the_cost_of_an_answer(usage: dict[str, Any], cost: float | None) -> None:
    assert cost_of(RATES, [answer(**usage)], streaming=False) == cost


def test_a_required_figure_that_is_missing_leaves_no_cost() -> None:
    assert cost_of(RATES, ['{"usage": {"completion_tokens": 5}}'], streaming=False) is None
    assert cost_of(RATES, ["no JSON"], streaming=False) is None


@pytest.mark.parametrize(
    ("figures", "cost"),
    [((1, 3), 0.75002), (("7", 3), 1.75002), ((None, 3), None), (("x", 3), None), ((-3,), None), ((), 2e-05)],
)
def test_a_stream_counts_each_largest_figure(figures: tuple[Any, ...], cost: float | None) -> None:
    chunks = [answer(s=figure) for figure in figures] or [answer()]
    assert cost_of(RATES, ["{broken", *chunks, '{"choices": []}'], streaming=True) == cost


def test_a_cost_that_its_column_cannot_hold_does_not_cost_the_row(build: Any, models: Any, stored: Any) -> None:
    client = build(models("echo", cost='[{pointer = "/usage/prompt_tokens", cost_per_unit = 1e9}]'), url=stored.url)
    answer = client.inference(model_name="echo", input={"messages": [{"role": "user", "content": "hi"}]})
    (row,) = stored.rows(client, "ModelInference")
    assert (answer.usage.cost, row["cost"]) == (1.1e10, None)


def test_an_empty_pointer_means_the_whole_answer_which_is_no_figure() -> None:
    rates = [{"pointer": "", "cost_per_million": 1.0}]
    assert cost_of(rates, [answer(prompt_tokens=3)], streaming=False) is None
    assert cost_of(rates, ["7", "9"], streaming=True) == pytest.approx(0.000009)


def test_a_row_has_no_zero_tokens() -> None:
    request, call = ModelRequest(None, (), {}, False), SimpleNamespace(inference_id="i", function=SimpleNamespace(name="f"))
    inference = ModelInference("m", "m", "p", "openai", request, [], Usage(0, 0), None, "", "", 0)
    row = _model_inference(inference, cast("InferenceCall", call), "v", "0")
    assert (row["input_tokens"], row["output_tokens"]) == (None, None)
