"""What a database holds, compared table by table: every row once, and everywhere."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable

from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.query import Query

OpenDatabase = Callable[[str], Database]
"""The fixture `open_database`: opens a URL, and closes what it opened after the test."""


def ids(database: Database, table: str, column: str = "id") -> Counter[str]:
    """How often each id stands in the table (128-bit numbers as the UUIDs they mean)."""
    rows = database.query(Query(f"SELECT toString({column}) AS id, count() AS n FROM {table} GROUP BY id"))
    return Counter({str(uuid.UUID(int=int(row["id"]))) if column.endswith("_uint") else row["id"]: row["n"] for row in rows})


def assert_inferences_once(database: Database, expected: set[str], *, tagged: bool = False) -> None:
    """Each expected chat inference once in the base table, in ModelInference and in every derived table that names ids."""
    once = Counter(dict.fromkeys(expected, 1))
    assert ids(database, "ChatInference") == once
    assert ids(database, "ModelInference", "inference_id") == once
    assert ids(database, "InferenceById", "id_uint") == once
    assert ids(database, "InferenceByEpisodeId", "id_uint") == once
    tags = once if tagged else Counter[str]()
    assert ids(database, "InferenceTag", "inference_id") == tags
    assert ids(database, "TagInference", "inference_id") == tags


def assert_thumbs_once(database: Database, expected: set[str], *, tagged: bool = False) -> None:
    """Each expected boolean feedback once in the base table, by target and by variant."""
    once = Counter(dict.fromkeys(expected, 1))
    assert ids(database, "BooleanMetricFeedback") == once
    assert ids(database, "BooleanMetricFeedbackByTargetId") == once
    assert ids(database, "BooleanMetricFeedbackByVariant", "id_uint") == once
    assert ids(database, "FeedbackTag", "feedback_id") == (once if tagged else Counter())
