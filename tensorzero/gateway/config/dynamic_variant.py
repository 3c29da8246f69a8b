"""A variant that a call brings along, read as a configuration's own are.

Only its shape is checked: what a configuration refuses besides (a JSON mode for a chat function, a negative weight) has no
effect on a single call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tensorzero.gateway.config.mistakes import Mistakes, Place
from tensorzero.gateway.config.paths import DATA, VARIANT_FILES
from tensorzero.gateway.config.paths import NAME as PATH
from tensorzero.gateway.config.sections import FunctionConfig, VariantConfig
from tensorzero.gateway.config.shapes import INVALID
from tensorzero.gateway.config.template_files import variant_template_sources
from tensorzero.gateway.config.variant_shapes import VARIANTS
from tensorzero.gateway.config.variants_section import assemble_variant
from tensorzero.gateway.errors import BadRequest, GatewayError
from tensorzero.gateway.templates.environment import Templates
from tensorzero.parsing.words import unexpected

NAME = "tensorzero::dynamic_variant"


def shape_fault(given: Mapping[str, Any]) -> str | None:
    """The first thing that is not as it has to be, in the original's words; None for a variant that can be read."""
    try:
        _read(given)
    except BadRequest as error:
        return error.message
    return None


def build_dynamic_variant(
    function: FunctionConfig, given: Mapping[str, Any], templates: Templates
) -> tuple[VariantConfig, Templates]:
    """The variant, and `templates` with its own added. Raises `BadRequest` for a shape, `GatewayError` for templates."""
    read, mistakes, keys = _read(given), Mistakes(), ("functions", function.name, "variants", NAME)
    variant = assemble_variant(NAME, ".".join(keys), read, function.schemas, keys, mistakes)
    if mistakes.found:
        raise GatewayError(mistakes.found[0][0])
    return variant, templates.extended(variant_template_sources(read))


def _read(given: Mapping[str, Any]) -> Mapping[str, Any]:
    for pattern in VARIANT_FILES:
        _check_files(given, pattern, ())
    mistakes = Mistakes()
    read = VARIANTS.shape.read(dict(given), Place(), mistakes)
    if mistakes.found or read is INVALID:
        raise BadRequest(mistakes.found[0][0] if mistakes.found else "invalid variant")
    return read


def _check_files(value: Any, pattern: tuple[str, ...], at: tuple[str, ...]) -> None:
    """A file of a configuration is its name and its text here."""
    if pattern == ("path",) and isinstance(value, list):  # what has this field alone may be a list of it
        for item in cast("list[Any]", value[:1]):
            _check_files(item, (), (*at, "path"))
    elif pattern:
        for key in _keys(value, pattern[0]):
            _check_files(value[key], pattern[1:], (*at, key))
    elif not isinstance(value, Mapping):
        raise BadRequest(f"{'.'.join(at)}: invalid type: {unexpected(value)}, expected struct ResolvedTomlPathData")
    else:
        for name in (PATH, DATA):
            if not isinstance(value.get(name), str):
                raise BadRequest(f"{'.'.join(at)}: missing field `{name}`")


def _keys(value: Any, pattern: str) -> list[str]:
    if not isinstance(value, Mapping):
        return []
    return list(value) if pattern == "*" else [pattern] if value.get(pattern) is not None else []
