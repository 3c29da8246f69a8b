"""An input against the schemas and templates of the function that is asked."""

from __future__ import annotations

from typing import Any

from tensorzero.gateway.config.sections import ChatCompletionConfig, FunctionConfig
from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.functions.input_hints import arguments_hint, template_hint
from tensorzero.gateway.schemas.validation import SchemaError
from tensorzero.inputs.blocks import File, Input, Template, Text


def validate_input(function: FunctionConfig, input: Input) -> bool:  # noqa: A002
    """Check text and template arguments against the function's schemas, the system first; says whether there are files.

    Raises BadRequest.
    """
    has_files = False
    schemas = function.schemas
    system = input.system
    if "system" in schemas:
        if system is None:
            raise BadRequest(
                "`input.system` is empty but a system template is present.", hint=arguments_hint(function, "system")
            )
        _check(function, "system", system)
    elif isinstance(system, dict) and not _has_template(function, "system"):
        raise _no_template(function, "System message", "system")
    for index, message in enumerate(input.messages):
        role = message.role
        for block in message.content:
            kind = type(block)
            if kind is Text:
                if role in schemas:
                    _check(function, role, block.text)  # pyright: ignore[reportAttributeAccessIssue] - its kind was looked at
            elif kind is Template:
                template: Template = block  # pyright: ignore[reportAssignmentType] - its kind was looked at
                if template.name in schemas:
                    _check(function, template.name, template.arguments)
                elif not _has_template(function, template.name):
                    raise _no_template(function, f"Message at index {index}", template.name)
            elif kind is File:
                has_files = True
    return has_files


def _no_template(function: FunctionConfig, where: str, name: str) -> BadRequest:
    message = f"{where} has non-string content but there is no template `{name}` in any variant"
    return BadRequest(message, hint=template_hint(function, name))


def _check(function: FunctionConfig, name: str, value: Any) -> None:
    schema = function.schemas[name]
    try:
        fault = None if schema.is_valid(value) else schema.validate(value)
    except SchemaError as error:
        raise BadRequest(str(error)) from None
    if fault is not None:
        raise BadRequest(fault, hint=arguments_hint(function, name))


def _has_template(function: FunctionConfig, name: str) -> bool:
    """Whether a variant has a template that takes arguments; the legacy spellings without a schema take text only."""
    for variant in function.variants.values():
        if isinstance(variant, ChatCompletionConfig):
            template = variant.templates.get(name)
            if template is not None and not template.legacy:
                return True
    return False
