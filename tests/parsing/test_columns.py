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


@pytest.mark.parametrize(("whole", "step", "error"), [({"a": 1}, "b", KeyError), ([1], 1, IndexError)])
def test_what_is_not_there_has_no_place(whole: Any, step: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        span_of(whole, (step,))
