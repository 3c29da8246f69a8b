"""What OpenAI's older models do not take (observed 2026.6.0), and where a base leads."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tensorzero.gateway.providers.openai import endpoint
from tensorzero.gateway.providers.openai_models import changes_for

SCHEMA = {"type": "json_schema", "json_schema": {"name": "response", "strict": True, "schema": {}}}
BODY: dict[str, Any] = {
    "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "x"}],
    "response_format": SCHEMA,
    "parallel_tool_calls": False,
}


@pytest.mark.parametrize(
    ("model", "role", "has_parallel", "form"),
    [
        ("o1", "system", False, SCHEMA),
        ("o1-mini-2024", "user", False, SCHEMA),
        ("gpt-3.5-turbo", "system", True, {"type": "json_object"}),
    ],
)
def test_models_that_take_less_get_less(model: str, role: str, has_parallel: bool, form: Any) -> None:
    body, change = copy.deepcopy(BODY), changes_for(model)
    assert change is not None
    change(body)
    assert body["messages"] == [{"role": role, "content": "S"}, {"role": "user", "content": "x"}]
    assert ("parallel_tool_calls" in body, body["response_format"]) == (has_parallel, form)


def test_parallel_calls_may_be_switched_on() -> None:
    body, change = {**copy.deepcopy(BODY), "parallel_tool_calls": True}, changes_for("o1")
    assert change is not None
    change(body)
    assert body["parallel_tool_calls"] is True


@pytest.mark.parametrize("model", ["gpt-4o", "o3", "echo", "x-o1"])
def test_other_models_get_everything(model: str) -> None:
    assert changes_for(model) is None


@pytest.mark.parametrize(
    ("base", "found"),
    [
        ("http://h/v1", "http://h/v1/x"),
        ("http://h/v1/", "http://h/v1/x"),
        ("http://h/v1//", "http://h/v1//x"),
        ("http://h/v1?a=1", "http://h/v1/x"),
        ("http://h/v1/?a#b", "http://h/v1/x"),
        ("http://h", "http://h/x"),
    ],
)
def test_an_endpoint_stands_below_its_base_whose_query_is_dropped(base: str, found: str) -> None:
    assert endpoint(base, "x") == found
