"""JSON schemas, with the original's texts for what is wrong.

The validator is the original's own (the Rust crate `jsonschema`, behind a Python binding). The binding sorts the keys
of the values that it prints and walks an object in its own order of keys; here both follow the source.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import jsonschema_rs
import orjson

from tensorzero.gateway.schemas.patterns import compile_beyond_javascript
from tensorzero.parsing.json_fault import json_fault

_TYPES = re.compile(r'is not of types ((?:"[a-z]+"(?:, )?)+)\Z')
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS
_EXTRAS = re.compile(r"\('((?:[^']|'(?!, '))*)', '.* were unexpected\)\Z", re.DOTALL)
_MAX_DEPTH = 127
_DRAFTLESS = tuple(f"{scheme}://json-schema.org/schema{end}" for scheme in ("http", "https") for end in ("", "#"))
_MIN_INT, _MAX_UNSIGNED = -(1 << 63), (1 << 64) - 1


class SchemaError(ValueError):
    """A schema that does not parse or compile; the message is the original's."""


class Schema:
    """A JSON schema: `value` as parsed, `json` its compact text in source key order, `name` its path in error texts.

    Compiled at the first validation, or by `compile`. The draft is that of `$schema`, else 2020-12; `format` is checked
    where the draft says so (up to draft 7).
    """

    __slots__ = ("_json", "_validator", "name", "value")

    def __init__(self, value: Any, name: str = "") -> None:
        self.value = value
        self.name = name
        self._json: str | None = None
        self._validator: Any = None

    @classmethod
    def from_text(cls, text: str, name: str) -> Schema:
        """Parse and compile the text of a schema file. Raises SchemaError."""
        fault = None
        try:
            value = orjson.loads(text)
            if text.count("{") + text.count("[") > _MAX_DEPTH:
                fault = json_fault(text)
        except orjson.JSONDecodeError as error:
            value, fault = None, json_fault(text) or str(error)
        if fault is not None:
            raise SchemaError(f"Failed to parse JSON Schema `{name}`: {fault}")
        schema = cls(value, name)
        schema.compile()
        return schema

    @property
    def json(self) -> str:
        if self._json is None:
            self._json = _compact(self.value)
        return self._json

    def __repr__(self) -> str:
        return f"Schema({self.name!r}, {self.json})"

    def compile(self) -> Any:
        """The validator, compiled now rather than at the first validation. Raises SchemaError."""
        try:
            if isinstance(self.value, (dict, bool)):
                self._validator = _validator(self.value)
                return self._validator
            message = f'{_compact(self.value)} is not of types "boolean", "object"'
        except jsonschema_rs.ValidationError as error:
            message = self._refusal(error)
        except (ValueError, TypeError) as error:
            message = str(error)
        which = f" `{self.name}`" if self.name else ""
        raise SchemaError(f"Failed to compile JSON Schema{which}: {message}")

    def _refusal(self, error: Any) -> str:
        fault = _at(self.value, error.instance_path)
        if error.schema_path[-2:-1] == ["patternProperties"]:
            return f'{_compact(fault)} is not a "regex"'
        return _in_written_order(_sorted_types(error.message), fault)

    def validate(self, instance: Any) -> str | None:
        """None if `instance` is valid, else the original's whole message, of the first error only.

        Raises SchemaError if the schema itself does not compile.
        """
        validator: Any = self._validator or self.compile()
        try:
            validator.validate(instance)
        except jsonschema_rs.ValidationError as error:
            first = self._in_source_order(error, instance)
            return f"JSON Schema validation failed:\n{self._wording(first, instance)}\n\nSchema:\n{self.json}"
        return None

    def is_valid(self, instance: Any) -> bool:
        """Whether `instance` is valid. Raises SchemaError if the schema itself does not compile."""
        validator: Any = self._validator or self.compile()
        return validator.is_valid(instance)

    def _in_source_order(self, error: Any, instance: Any) -> Any:
        """Of several properties at fault the original names the one that the schema lists first, or, next to
        `additionalProperties`, the one that comes first in the instance (as the binding does anyway)."""
        if "properties" not in error.schema_path:
            return error
        reported = error
        every = [error]
        for depth, step in enumerate(error.schema_path):
            properties = _at(self.value, error.schema_path[: depth + 1]) if step == "properties" else None
            if not isinstance(properties, dict):
                continue
            if _at(self.value, error.schema_path[:depth]).get("additionalProperties", True) is not True:
                continue
            if len(every) == 1:
                every = list(self._validator.iter_errors(instance))
            prefix = error.schema_path[: depth + 1]
            rivals = [e for e in every if e.schema_path[: depth + 1] == prefix and len(e.schema_path) > depth + 1]
            order = {key: position for position, key in enumerate(cast("dict[str, Any]", properties))}
            error = min(rivals, key=lambda e: order.get(e.schema_path[len(prefix)], len(order)), default=error)
        return reported if error.schema_path == reported.schema_path else error

    def _wording(self, error: Any, instance: Any) -> str:
        """The message with objects printed in source key order and type names in alphabetical order."""
        message = _sorted_types(error.message)
        if message.startswith("Additional properties"):
            message = _EXTRAS.sub(lambda m: f"('{m[1]}' was unexpected)", message)
        return _in_written_order(message, _at(instance, error.instance_path), _at(self.value, error.schema_path))


def _validator(schema: Any) -> Any:
    dialect = schema.get("$schema") if isinstance(schema, dict) else None
    if dialect in _DRAFTLESS:
        raise ValueError(f"Unknown meta-schema: '{dialect}'. Custom meta-schemas must be registered in the registry before use")
    try:
        return jsonschema_rs.validator_for(schema, offline=True)
    except jsonschema_rs.ValidationError as error:
        if error.schema_path[-1:] != ["format"]:
            raise
        return compile_beyond_javascript(schema, error)


def _in_written_order(message: str, *printed: Any) -> str:
    """`message` with the objects of `printed`, whole or as the items of a list, in their own order of keys."""
    if "{" not in message:
        return message
    for value in printed:
        items = cast("list[Any]", value) if isinstance(value, list) else []
        for one in (value, *items):
            if isinstance(one, (dict, list)):
                message = message.replace(_compact(one, sort=True), _compact(one), 1)
    return message


def _sorted_types(message: str) -> str:
    return _TYPES.sub(lambda m: f"is not of types {', '.join(sorted(m[1].split(', ')))}", message)


def _at(value: Any, path: Sequence[Any]) -> Any:
    try:
        for step in path:
            value = value[step]
    except (KeyError, IndexError, TypeError):
        return None
    return value


def _compact(value: Any, *, sort: bool = False) -> str:
    option = _OPTIONS | orjson.OPT_SORT_KEYS if sort else _OPTIONS
    try:
        return orjson.dumps(value, option=option).decode()
    except TypeError:
        return orjson.dumps(_within_64_bits(value), option=option).decode()


def _within_64_bits(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _within_64_bits(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_within_64_bits(item) for item in cast("list[Any]", value)]
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value) if _MIN_INT <= value <= _MAX_UNSIGNED else float(value)
    return str(value) if isinstance(value, str) else value
