"""One row of ConfigSnapshot for each configuration that ever ran: rows of inferences and feedback name it by its hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorzero.clickhouse.migrations import GATEWAY_VERSION
from tensorzero.clickhouse.query import Query
from tensorzero.masking.mask import mask


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A configuration: its whole TOML text, its hash as a number, templates from elsewhere than its files, and tags."""

    config: str
    hash: int
    extra_templates: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def noted_query(snapshot: Snapshot) -> Query:
    """First use, as microseconds since 1970, and tags of a configuration. Whatever the number of rows not yet merged."""
    sql = """
        SELECT toString(min(toUnixTimestamp64Micro(created_at))) AS created_us, argMax(tags, last_used) AS tags
        FROM ConfigSnapshot WHERE toString(hash) = {hash:String} GROUP BY hash
    """
    return Query(sql, {"hash": str(snapshot.hash)})


def snapshot_row(snapshot: Snapshot, before: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    """The row to insert, given what is recorded: the first use stays, and tags are added to those it had.

    Times are seconds since 1970 (text that ClickHouse reads in any time zone). Where the original writes 1970 into `created_at`
    of a new row (observed 2026.6.0), this is the time of the first use.
    """
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
