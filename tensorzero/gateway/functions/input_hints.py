"""The next step after an input that does not fit its function."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, cast

from tensorzero.gateway.config.sections import ChatCompletionConfig, FunctionConfig

_MOST = 8


def arguments_hint(function: FunctionConfig, name: str) -> str:
    """How the arguments of a template with a schema are written."""
    schema: Any = function.schemas[name].value
    shown = "{…}"
    if isinstance(schema, dict):
        described = cast("dict[str, Any]", schema)
        names: Any = described.get("required") or list(described.get("properties") or ())
        shown = "{" + ", ".join(f'"{one}": …' for one in list(names)[:_MOST]) + "}"
    if name == "system":
        written = f'input={{"system": {shown}, "messages": […]}}'
    elif name in ("user", "assistant"):
        written = f'{{"role": "{name}", "content": [{{"type": "text", "arguments": {shown}}}]}}'
    else:
        written = f'{{"type": "template", "name": "{name}", "arguments": {shown}}}'
    return f"`{function.name}` has a schema for `{name}`: {written}"


def template_hint(function: FunctionConfig, name: str) -> str:
    """Which templates there are, where one is asked for that is not."""
    variants = [variant for variant in function.variants.values() if isinstance(variant, ChatCompletionConfig)]
    known = sorted({key for variant in variants for key, template in variant.templates.items() if not template.legacy})
    near = get_close_matches(name, known, 1)
    listed = ", ".join(f"`{key}`" for key in known[:_MOST]) or "none"
    start = f"Did you mean `{near[0]}`? " if near else ""
    return (
        f"{start}Templates that take arguments: {listed}. "
        f'`templates.{name}.path = "FILE"` in a variant makes one; without a template the content is a text.'
    )
