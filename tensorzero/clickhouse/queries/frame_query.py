"""A statement whose columns are to be renamed: names of tags and metrics are the users', so they never enter SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tensorzero.clickhouse.queries.parameters import Parameters
from tensorzero.clickhouse.query import Query

SETTINGS = ("output_format_arrow_low_cardinality_as_dictionary = 1",)
"""Names that repeat travel once."""
LONG_BLOCKS = "max_block_size = 262144"
"""For rows of a few hundred bytes: a sixth of the time less. Of long texts a block would hold a gigabyte."""


@dataclass(frozen=True, slots=True)
class FrameQuery:
    """`columns` are the frame's names of the statement's columns, in order."""

    query: Query
    columns: tuple[str, ...]


class Output:
    """The SELECT list of a frame, one entry a column."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.expressions: list[str] = []

    def add(self, name: str, expression: str) -> None:
        self.names.append(name)
        self.expressions.append(f"{expression} AS o{len(self.expressions)}")

    def finish(self, source: str, parameters: Parameters, *settings: str) -> FrameQuery:
        """`source`: everything from FROM on."""
        sql = f"SELECT {', '.join(self.expressions)} {source} SETTINGS {', '.join((*SETTINGS, *settings))}"
        return FrameQuery(Query(sql, parameters.values), tuple(self.names))


def tag_value(key: str, parameters: Parameters, tags: str = "tags") -> str:
    """One tag's value, NULL where the row does not have it."""
    bound = parameters.bind(key, "String")
    return f"if(mapContains({tags}, {bound}), toNullable({tags}[{bound}]), NULL)"


def check_columns(wanted: Sequence[str], known: Mapping[str, object]) -> None:
    """Raise `ValueError` naming what is not a column."""
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(
            f"Unknown column{'s' if len(unknown) > 1 else ''} {', '.join(unknown)}. There are: {', '.join(known)}."
        )
