"""A question to the database: a statement and its values, never mixed by formatting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Query:
    """`sql` names its values as ClickHouse's typed placeholders (`{name:Type}`); `parameters` holds them as Python values.

    A UUID may be a `uuid.UUID` or text; lists fill `Array(…)`. No trailing FORMAT clause: the connection adds the one it needs.
    """

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
