"""A form made from a JSON schema, and what was typed into it as arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

FieldKind = Literal["text", "integer", "number", "boolean", "choice", "json"]


@dataclass(frozen=True, slots=True)
class Field:
    """One box. `choice` offers `options`, each as JSON text; `json` is any other shape, typed as JSON."""

    name: str
    kind: FieldKind
    label: str
    required: bool = False
    options: tuple[str, ...] = ()
    description: str = ""
    default: str = ""

    def shown(self) -> dict[str, Any]:
        """The field as the page gets it."""
        return asdict(self) | {"options": list(self.options)}


class FormError(ValueError):
    """What was typed does not fit. `problems` has one line a field."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def fields(schema: Mapping[str, Any]) -> list[Field] | None:
    """The fields of an object schema, in its order; None when it has no properties: then the whole is typed as JSON."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return None
    required = schema.get("required") or ()
    return [_field(name, part if isinstance(part, Mapping) else {}, name in required) for name, part in properties.items()]


def arguments(form: Sequence[Field], typed: Mapping[str, Any]) -> dict[str, Any]:
    """Typed text (or ticks) as values. An empty box is left out. Raises `FormError`, also where one must be filled."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in form:
        try:
            value = _value(field, typed.get(field.name, ""))
        except ValueError as error:
            problems.append(f"{field.label}: {error}")
            continue
        if value is not _LEFT_OUT:
            values[field.name] = value
    if problems:
        raise FormError(problems)
    return values


_LEFT_OUT = object()


def _field(name: str, part: Mapping[str, Any], required: bool) -> Field:
    kind, options = _kind(part)
    default = part.get("default")
    shown = "" if default is None else default if kind == "text" and isinstance(default, str) else json.dumps(default)
    label = str(part.get("title") or name)
    return Field(name, kind, label, required, options, str(part.get("description") or ""), shown)


def _kind(part: Mapping[str, Any]) -> tuple[FieldKind, tuple[str, ...]]:
    options = part.get("enum")
    if isinstance(options, list) and options:
        return "choice", tuple(json.dumps(option, ensure_ascii=False) for option in options)
    kinds: dict[Any, FieldKind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}
    kind = part.get("type")
    return (kinds.get(kind, "json") if isinstance(kind, str) else "json"), ()


def _value(field: Field, typed: Any) -> Any:
    if field.kind == "boolean":
        return bool(typed) if typed != "" or field.required else _LEFT_OUT
    text = str(typed)
    if text.strip() == "":
        if field.required:
            raise ValueError("is required")
        return _LEFT_OUT
    match field.kind:
        case "text":
            return text
        case "integer":
            return _parsed(int, text, "must be a whole number")
        case "number":
            return _parsed(float, text, "must be a number")
        case _:
            return _parsed(json.loads, text, "must be JSON")


def _parsed(parse: Any, text: str, complaint: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        raise ValueError(complaint) from None
