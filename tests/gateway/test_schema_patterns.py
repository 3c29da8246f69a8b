"""Schemas of drafts 4 to 7 take the patterns that the original takes; what it refuses was observed in 2026.6.0."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorzero.gateway.schemas.validation import Schema, SchemaError

DRAFTS = [f"http://json-schema.org/draft-0{number}/schema#" for number in (4, 6, 7)]
BEYOND_JAVASCRIPT = ["(?i)a", "(?x) a", r"\Aa\z", "(?P<n>a)", "a++"]
DRAFTLESS = "http://json-schema.org/schema#"
REGISTER = "Custom meta-schemas must be registered in the registry before use"
NO_PATTERN = {"$schema": DRAFTS[2], "patternProperties": {"(?i)a": {"type": 5}, "(?i)b": {"type": "zz"}}}


def load(schema: dict[str, Any]) -> Schema:
    return Schema.from_text(json.dumps(schema), "s.json")


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("pattern", BEYOND_JAVASCRIPT)
def test_a_pattern_beyond_javascript_loads_in_every_draft(draft: str, pattern: str) -> None:
    schema = load({"$schema": draft, "pattern": pattern, "patternProperties": {pattern: {"pattern": pattern}}})
    assert schema.is_valid("a")
    assert not schema.is_valid("-")


@pytest.mark.parametrize("base", ["http://x/y", "zz"])
def test_a_schema_with_such_a_pattern_keeps_its_references_formats_and_places(base: str) -> None:
    properties = {"a": {"$ref": "#/definitions/d"}, "b": {"format": "date"}, "pattern": {"pattern": "(?i)q"}}
    schema = load({"$schema": DRAFTS[2], "$id": base, "properties": properties, "definitions": {"d": {"pattern": "(?i)x"}}})
    assert schema.validate({"a": "X", "b": "2020-01-01", "pattern": "Q"}) is None
    for value, fault in ({"a": "y"}, '"y" does not match "(?i)x"'), ({"b": "y"}, '"y" is not a "date"'):
        assert str(schema.validate(value)).startswith(f"JSON Schema validation failed:\n{fault}\n\nSchema:\n{schema.json}")


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"$schema": DRAFTS[2], "pattern": "(?i)("}, '"(?i)(" is not a "regex"'),
        ({"$schema": DRAFTS[1], "patternProperties": {"(": {}}}, '"(" is not a "regex"'),
        ({"$schema": DRAFTS[0], "patternProperties": {"(": {"b": 1, "a": 2}}}, '{"b":1,"a":2} is not a "regex"'),
        ({"patternProperties": {"(": {"b": 1, "a": 2}}}, '{"b":1,"a":2} is not a "regex"'),
        (
            {"$schema": DRAFTS[2], "pattern": "(?i)a", "type": 5},
            "5 is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
        (NO_PATTERN, "5 is not valid under any of the schemas listed in the 'anyOf' keyword"),
        ({"$schema": DRAFTLESS}, f"Unknown meta-schema: '{DRAFTLESS}'. {REGISTER}"),
    ],
)
def test_what_the_original_refuses_is_refused_in_its_words(schema: dict[str, Any], fault: str) -> None:
    with pytest.raises(SchemaError) as caught:
        load(schema)
    assert str(caught.value) == f"Failed to compile JSON Schema `s.json`: {fault}"
