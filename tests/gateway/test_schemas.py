"""Schemas fail with the original's texts: a table recorded from it by tools/record_schemas.py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorzero.gateway.schemas.validation import Schema, SchemaError
from tensorzero.parsing.json_fault import json_fault

CASES = json.loads((Path(__file__).parent / "data" / "schemas.json").read_text("utf-8"))
MESSAGE = re.compile(r'JsonSchema \{ message: "(.*)" \}\)\) \}, glob', re.DOTALL)


def recorded_load_error(case: dict[str, Any]) -> str | None:
    match = MESSAGE.search(case.get("load_error", ""))
    return match[1].replace('\\"', '"').replace("\\\\", "\\") if match else None


def load(case: dict[str, Any]) -> Schema:
    return Schema.from_text(case["text"] if "text" in case else json.dumps(case["schema"]), "s.json")


@pytest.mark.parametrize("case", [c for c in CASES if "value" in c and "error" in c], ids=lambda c: json.dumps(c)[:60])
def test_the_first_error_is_the_originals(case: dict[str, Any]) -> None:
    assert load(case).validate(case["value"]) == case["error"]


@pytest.mark.parametrize("case", [c for c in CASES if "load_error" in c], ids=lambda c: json.dumps(c)[:60])
def test_a_schema_that_does_not_load_fails_as_in_the_original(case: dict[str, Any]) -> None:
    with pytest.raises(SchemaError) as caught:
        load(case)
    assert str(caught.value) == recorded_load_error(case)


@pytest.mark.parametrize("case", [c for c in CASES if "text" in c and "load_error" not in c], ids=lambda c: c["text"][:60])
def test_a_text_that_the_original_loads_loads(case: dict[str, Any]) -> None:
    assert isinstance(load(case).value, dict)


def test_a_dynamic_schema_that_does_not_compile_is_reported_when_it_is_used() -> None:
    schema = Schema({"type": "zz"}, "dynamic")
    with pytest.raises(SchemaError, match="Failed to compile JSON Schema `dynamic`"):
        schema.validate({})


def test_the_text_keeps_the_key_order_of_the_source() -> None:
    assert Schema({"b": 1, "a": [1.0, "é"]}).json == '{"b":1,"a":[1.0,"é"]}'


@given(st.text(alphabet='{}[]",:\\u0123456789eE+-. \ntrufalsn', max_size=20))
def test_a_text_has_a_fault_exactly_if_it_is_no_json(text: str) -> None:
    def refused(token: str) -> float:
        raise ValueError(token)

    def finite(token: str) -> float:
        number = float(token)
        return number if abs(number) != float("inf") else refused(token)

    try:
        json.loads(text, parse_constant=refused, parse_float=finite)
        valid = True
    except ValueError:
        valid = False
    if re.search(r"\\u[dD][89a-fA-F]", text) is None:
        assert (json_fault(text) is None) == valid
