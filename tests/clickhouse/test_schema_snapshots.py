"""ConfigSnapshot: one row a configuration, with its first and last use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from schema_engine import Engine, open_engine

from tensorzero.clickhouse.schema import prepare
from tensorzero.clickhouse.snapshots import Snapshot, record_snapshot

HASH = 2**256 - 189
CONFIG = "[metrics.m]\ntype = \"boolean\" # \\ 'quoted' – ünïcode\n"


class Recorder:
    """Records snapshots in a database and shows the rows as they are after a merge."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __call__(self, snapshot: Snapshot) -> None:
        record_snapshot(self.engine.execute, self.insert, "tz", snapshot)

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.engine.insert(f"tz.{table}", rows)

    def rows(self) -> list[dict[str, Any]]:
        self.engine.execute("OPTIMIZE TABLE tz.ConfigSnapshot FINAL")
        return self.engine.execute("SELECT *, toString(hash) AS hash_text FROM tz.ConfigSnapshot ORDER BY hash_text")


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with open_engine(tmp_path_factory.mktemp("snapshots")) as engine:
        prepare(engine.execute, "tz")
        yield engine


@pytest.fixture
def record(shared_engine: Engine) -> Recorder:
    shared_engine.execute("TRUNCATE TABLE tz.ConfigSnapshot")
    return Recorder(shared_engine)


def test_a_new_configuration_is_stored_whole(record: Recorder) -> None:
    record(Snapshot(CONFIG, HASH, {"a/b.minijinja": "{{ x }}\n"}, {"env": "dev"}))
    (row,) = record.rows()
    assert row["config"] == CONFIG
    assert row["hash_text"] == str(HASH)
    assert row["extra_templates"] == {"a/b.minijinja": "{{ x }}\n"}
    assert row["tags"] == {"env": "dev"}
    assert row["tensorzero_version"] == "2026.6.0"
    assert row["created_at"] == row["last_used"]
    since = "toUnixTimestamp64Milli(now64(3)) - toUnixTimestamp64Milli(last_used)"
    (milliseconds,) = record.engine.values(f"SELECT {since} AS ms FROM tz.ConfigSnapshot")
    assert 0 <= int(milliseconds) < 60_000


def test_using_it_again_keeps_the_first_use_and_adds_tags(record: Recorder) -> None:
    first = {"config": CONFIG, "hash": str(HASH), "tensorzero_version": "2026.5.0", "tags": {"old": "1", "both": "1"}}
    record.insert("ConfigSnapshot", [{**first, "created_at": "1767225600.123456", "last_used": "1767225600.123456"}])
    record(Snapshot(CONFIG, HASH, tags={"both": "2", "new": "2"}))
    record(Snapshot(CONFIG, HASH))
    (row,) = record.rows()
    assert row["created_at"].endswith(".123456")
    assert row["last_used"] > row["created_at"]
    assert row["tags"] == {"old": "1", "both": "2", "new": "2"}
    assert row["tensorzero_version"] == "2026.6.0"


def test_each_configuration_has_its_own_row(record: Recorder) -> None:
    record(Snapshot(CONFIG, HASH, tags={"a": "1"}))
    record(Snapshot(CONFIG + "#", 7, tags={"b": "1"}))
    assert [row["tags"] for row in record.rows()] == [{"a": "1"}, {"b": "1"}]
