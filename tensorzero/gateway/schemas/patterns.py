"""Patterns that the original accepts and the binding's check of a schema against drafts 4 to 7 refuses, as `(?i)a`.

That check knows JavaScript's patterns only; the validator itself takes Rust's, as the original does (observed 2026.6.0).
A schema that a `$ref` names is not checked, so such a schema is checked with its patterns taken out and compiled whole.
"""

from __future__ import annotations

import copy
from typing import Any, cast

import jsonschema_rs

_REFERENCE = "json-schema:///tensorzero"


def compile_beyond_javascript(schema: dict[str, Any], error: jsonschema_rs.ValidationError) -> Any:
    """The validator of `schema`, whose compilation failed with `error`; raises the first error that the original has too."""
    checked = copy.deepcopy(schema)
    while True:
        if not _take_out(checked, error):
            raise error
        try:
            jsonschema_rs.validator_for(checked, offline=True)
        except jsonschema_rs.ValidationError as following:
            error = following
        else:
            break
    whole = jsonschema_rs.Registry([(_REFERENCE, schema)])
    draft = {"$schema": schema["$schema"]} if "$schema" in schema else {}
    return jsonschema_rs.validator_for({**draft, "$ref": _REFERENCE}, offline=True, registry=whole)


def _take_out(schema: dict[str, Any], error: jsonschema_rs.ValidationError) -> bool:
    """Replace the pattern that `error` names in `schema`, if the draft's check of patterns is all that it fails."""
    pattern = error.instance
    if not isinstance(pattern, str) or error.schema_path[-1:] != ["format"] or not _compiles(pattern):
        return False
    *above, key = error.instance_path
    place: Any = schema
    for step in above:
        place = place[step]
    if isinstance(place[key], str):
        place[key] = ""
    else:
        patterns = cast("dict[str, Any]", place[key])
        patterns[pattern.encode("utf-8", "surrogatepass").hex()] = patterns.pop(pattern)
    return True


def _compiles(pattern: str) -> bool:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern})
    except jsonschema_rs.ValidationError:
        return False
    return True
