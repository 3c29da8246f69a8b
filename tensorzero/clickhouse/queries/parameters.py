"""Values on their way into a statement: each becomes a typed placeholder, none is ever formatted in."""

from __future__ import annotations

from typing import Any


class Parameters:
    """Collects the values of one `Query`. `values` is its `parameters`."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def bind(self, value: Any, type_name: str) -> str:
        """The placeholder to write where `value` belongs. `type_name` is a ClickHouse type, fixed text of ours."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"{{{name}:{type_name}}}"
