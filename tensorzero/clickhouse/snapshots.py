"""One row of ConfigSnapshot for each configuration that ever ran: rows of inferences and feedback name it by its hash."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorzero.clickhouse.migrations import GATEWAY_VERSION
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.schema_tables import quoted
from tensorzero.masking.mask import mask

Execute = Callable[[str], list[dict[str, Any]]]
Insert = Callable[[str, Sequence[Mapping[str, Any]]], None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A configuration: its whole TOML text, its hash as a number, templates from elsewhere than its files, and tags."""

    config: str
    hash: int
    extra_templates: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def record_snapshot(execute: Execute, insert: Insert, database: str, snapshot: Snapshot) -> None:
    """Say that a configuration is used now. Its first use stays, and tags are added to those it had.

    `execute` as in schema.py; `insert(table, rows)` inserts JSONEachRow objects into a table of `database`. Where the original
    writes 1970 into `created_at` of a new row (observed 2026.6.0), this is the time of the first use.
    """
    before = execute(recorded_query(database, snapshot.hash))
    insert("ConfigSnapshot", [snapshot_row(snapshot, before[0] if before else None, time.time())])


def recorded_query(database: str, config_hash: int) -> str:
    """SQL: first use, as microseconds since 1970, and tags of a configuration. Whatever the number of rows not yet merged."""
    return f"""
        SELECT toString(min(toUnixTimestamp64Micro(created_at))) AS created_us, argMax(tags, last_used) AS tags
        FROM {quoted(database)}.ConfigSnapshot WHERE toString(hash) = '{config_hash:d}' GROUP BY hash
    """  # noqa: S608 - a number


def noted_query(snapshot: Snapshot) -> Query:
    """Like `recorded_query`, in the connection's own database."""
    sql = """
        SELECT toString(min(toUnixTimestamp64Micro(created_at))) AS created_us, argMax(tags, last_used) AS tags
        FROM ConfigSnapshot WHERE toString(hash) = {hash:String} GROUP BY hash
    """
    return Query(sql, {"hash": str(snapshot.hash)})


def snapshot_row(snapshot: Snapshot, before: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    """The row to insert, given what is recorded. Times are seconds since 1970 (text that ClickHouse reads in any time zone)."""
    now_us = int(now * 1000) * 1000
    return {
        "config": mask(snapshot.config),  # the hash is that of the original's, which keeps what was written there
        "extra_templates": dict(snapshot.extra_templates),
        "hash": str(snapshot.hash),
        "tensorzero_version": GATEWAY_VERSION,
        "created_at": seconds(int(before["created_us"]) if before else now_us),
        "last_used": seconds(now_us),
        "tags": {**(before["tags"] if before else {}), **snapshot.tags},
    }


def seconds(microseconds: int) -> str:
    return f"{microseconds // 1_000_000:010d}.{microseconds % 1_000_000:06d}"
