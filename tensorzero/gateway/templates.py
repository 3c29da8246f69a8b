"""MiniJinja templates, rendered as the original renders them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class TemplateLoadError(ValueError):
    """A template that does not parse; the message is the original's."""


def check_template(name: str, source: str) -> str | None:
    """The original's load-time text for a template that does not parse, or None."""
    return None


class Templates:
    """Templates by name. Built once for a configuration; rendering is thread-safe."""

    def __init__(self, sources: Mapping[str, str], *, filesystem_access: bool = False) -> None:
        """`filesystem_access` only chooses the wording of the error for a missing include. Raises TemplateLoadError."""
        self._sources = dict(sources)

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def render(self, name: str, context: Any) -> str:
        """The text of template `name` for `context` (any JSON value). Raises GatewayError with the original's text."""
        raise KeyError(name)

    def variables(self, name: str) -> set[str]:
        """Names that template `name` reads and does not define."""
        return set()

    def static_includes(self, name: str) -> set[str]:
        """Names that template `name` includes, imports or extends by a literal."""
        return set()
