"""Every part of a value is found where `json.dumps` writes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorzero.parsing.columns import span_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def parts(value: Any, steps: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [(steps, value), *(found for key, item in items for found in parts(item, (*steps, key)))]


@given(VALUES)
def test_a_part_is_cut_out_of_the_text_by_its_span(whole: Any) -> None:
    text = json.dumps(whole)
    for steps, part in parts(whole):
        span = span_of(whole, steps)
        assert text[span.start : span.end] == json.dumps(part)
        assert span.last == (text[span.end : span.end + 2] != ", ")
        if steps and isinstance(steps[-1], str):
            assert text[: span.key_end].endswith(json.dumps(steps[-1]))


@pytest.mark.parametrize("steps", [("a", "role", 0), ("a", 2), ("a",)])
def test_a_way_that_ends_early_is_followed_to_its_end(steps: tuple[Any, ...]) -> None:
    span = span_of({"a": [1, 2]}, steps)
    assert json.dumps({"a": [1, 2]})[span.start : span.end] == "[1, 2]"


def test_a_way_that_never_begins_leads_to_the_whole() -> None:
    assert span_of({}, ("a",)) == (0, 0, 2, True)
