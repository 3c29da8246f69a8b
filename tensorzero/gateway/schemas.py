"""JSON schemas with the original's error texts."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import orjson


class SchemaError(ValueError):
    """A schema that does not parse or compile; the message is the original's."""


class Schema:
    """A JSON schema: `value` as parsed, `json` its compact text in source key order, `name` its path in error texts."""

    __slots__ = ("_validator", "json", "name", "value")

    def __init__(self, value: Any, name: str = "") -> None:
        self.value = value
        self.name = name
        self.json = orjson.dumps(value).decode()
        self._validator: Any = None

    @classmethod
    def from_text(cls, text: str, name: str) -> Schema:
        """Parse and compile the text of a schema file. Raises SchemaError."""
        schema = cls(orjson.loads(text), name)
        schema.compile()
        return schema

    def compile(self) -> None:
        """Compile now rather than at the first validation. Raises SchemaError."""
        self._validator = jsonschema_rs.validator_for(self.value)

    def validate(self, instance: Any) -> str | None:
        """None if `instance` is valid, else the original's whole message."""
        if self._validator is None:
            self.compile()
        return None
