"""The migrations that release 2026.6.0 of the original records, so that it finds nothing left to do on a database of ours."""

from __future__ import annotations

from tensorzero.clickhouse.schema_tables import quoted

GATEWAY_VERSION = "2026.6.0"

MIGRATIONS: tuple[int, ...] = (0, 2, 3, 4, 5, 6, 8, 9, 11, *range(15, 23), *range(24, 54))
"""Ids in order; the gaps are migrations that the original withdrew."""


def migration_name(migration_id: int) -> str:
    return f"Migration{migration_id:04d}"


def record_migrations(database: str) -> str:
    """SQL: one row per migration, in one insert, so that all are recorded or none (repeated rows are legal)."""
    rows = ", ".join(f"({number}, '{migration_name(number)}', '{GATEWAY_VERSION}', '', 0)" for number in MIGRATIONS)
    columns = "migration_id, migration_name, gateway_version, gateway_git_sha, execution_time_ms"
    return f"INSERT INTO {quoted(database)}.TensorZeroMigration ({columns}) VALUES {rows}"  # noqa: S608 - constants of ours
