"""What a variant makes of an input: its system text and messages, templates applied.

A template under a legacy key (`user_template`, `input_wrappers`) is applied to plain text, as `user_text`; one under
`templates.NAME.path` only to arguments that name it. The system template is applied even to no system at all.
"""

from __future__ import annotations

from typing import Any

from tensorzero.gateway.config.sections import ChatCompletionConfig, FunctionConfig
from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.templates.environment import Templates
from tensorzero.inputs.blocks import (
    Input,
    InputBlock,
    RawText,
    RequestBlock,
    RequestMessage,
    Template,
    Text,
    stored_messages_json,
)

__all__ = ["render_messages", "stored_messages_json"]


def render_messages(
    variant: ChatCompletionConfig,
    function: FunctionConfig,
    input: Input,  # noqa: A002
    templates: Templates,
) -> tuple[str | None, tuple[RequestMessage, ...]]:
    """The system text and the messages for a model. Raises GatewayError where a template fails."""
    rendered: list[Any] = []
    for message in input.messages:
        role, content = message.role, message.content
        if len(content) == 1:
            block = _rendered(variant, function, role, content[0], templates)
            rendered.append(message if block is content[0] else RequestMessage(role, (block,)))
        else:
            blocks = tuple([_rendered(variant, function, role, block, templates) for block in content])
            rendered.append(RequestMessage(role, blocks))
    return _system(variant, function, input.system, templates), tuple(rendered)


def _system(variant: ChatCompletionConfig, function: FunctionConfig, system: Any, templates: Templates) -> str | None:
    template = variant.templates.get("system")
    if template is None:
        if isinstance(system, dict):
            raise BadRequest("System message content is a template but there is no variant template")
        return system
    if template.legacy and "system" not in function.schemas:
        return templates.render(template.name, {"system_text": system})
    return templates.render(template.name, system)


def _rendered(
    variant: ChatCompletionConfig, function: FunctionConfig, role: str, block: InputBlock, templates: Templates
) -> RequestBlock:
    if isinstance(block, Text):
        template = variant.templates.get(role)
        if template is None or not template.legacy:
            return block
        if role in function.schemas:
            return Text(templates.render(template.name, block.text))
        return Text(templates.render(template.name, {f"{role}_text": block.text}))
    if isinstance(block, RawText):
        return Text(block.value)
    if isinstance(block, Template):
        template = variant.templates.get(block.name)
        if template is None:
            raise BadRequest(f"Template `{block.name}` not found")
        return Text(templates.render(template.name, block.arguments))
    return block
