"""The database as release 2026.6.0 leaves it: made in one go, or checked, at every start.

    prepare(execute, database)                  make, complete or check `database`; refuses with SchemaMismatch

`execute(sql)` runs one statement and returns its rows as `FORMAT JSONEachRow` decodes them (an empty list for DDL); it must not
select `database` (which may not exist yet): every name in a statement of ours is qualified. No statement has a FORMAT clause.

The making of a database, and every later step of ours, is remembered in `TensorZeroJupyterStep`, of which the original knows
nothing. A creation that was killed half way has a started and no finished row there, and is completed at the next start: every
statement is `IF NOT EXISTS`, and the migrations are recorded last. A partial database without that mark is not ours to mend
(the original may be making it at this moment): it is refused.

Clusters are out of scope: a clustered server gets the plain tables.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorzero.clickhouse.errors import SchemaMismatch
from tensorzero.clickhouse.migrations import GATEWAY_VERSION, MIGRATIONS, migration_name, record_migrations
from tensorzero.clickhouse.schema_tables import DIGEST, PLAIN_DIGEST, TABLES, Table, quoted
from tensorzero.clickhouse.schema_views import CREATE_UINT_TO_UUID, UINT_TO_UUID, VIEWS

Execute = Callable[[str], list[dict[str, Any]]]

logger = logging.getLogger("tensorzero")

MIGRATION_TABLE = "TensorZeroMigration"
STEP_TABLE = Table(
    "TensorZeroJupyterStep",
    "MergeTree ORDER BY (step, at)",
    "step String; state Enum8('started' = 1, 'finished' = 2); at DateTime64(6, 'UTC') DEFAULT now64(6)",
)
CREATION = f"create {GATEWAY_VERSION}"


@dataclass(frozen=True, slots=True)
class Step:
    """A change of ours after the original's final state. `statements(database)` must be repeatable: a kill runs them again."""

    name: str
    statements: Callable[[str], Sequence[str]]


STEPS: tuple[Step, ...] = ()
"""In order, and never reordered or removed once released."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` found or did.

    `created`: made or completed now. `newer`: migration ids that this release does not know. `digest`: the aggregate function
    of the latency quantiles in ModelProviderStatistics and VariantStatistics; read them with `<digest>Merge`.
    """

    created: bool
    newer: tuple[int, ...] = ()
    digest: str = DIGEST


@dataclass(slots=True)
class Found:
    """What is there: columns by table or view, functions of the engine, migration ids, steps of ours by state."""

    columns: dict[str, set[str]] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    migrations: set[int] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)

    @property
    def clean(self) -> bool:
        """Nothing of TensorZero's but, at most, empty tables of records."""
        known = {table.name for table in TABLES} | {view.name for view in VIEWS}
        return not (self.migrations or self.started or known & self.columns.keys() - {MIGRATION_TABLE})

    @property
    def interrupted(self) -> bool:
        return CREATION in self.started and CREATION not in self.finished

    @property
    def digest(self) -> str:
        """The digest that the database has; for a new one the best that the engine has."""
        known = self.digests or self.functions
        return DIGEST if DIGEST in known else PLAIN_DIGEST


def prepare(execute: Execute, database: str, steps: Sequence[Step] = STEPS) -> Prepared:
    """Make, complete or check the database, at the cost of two queries when there is nothing to do.

    Raises SchemaMismatch for an older or partial database, naming what is missing, and whatever `execute` raises. A newer
    database, one with migrations unknown here, is used with a warning in the log.
    """
    found = look(execute, database)
    created = found.clean or found.interrupted
    if created:
        create(execute, database, found)
    else:
        check(found, database)
        if UINT_TO_UUID not in found.functions:
            execute(CREATE_UINT_TO_UUID)
    for step in steps:
        if step.name not in found.finished:
            run_step(execute, database, step)
    newer = tuple(sorted(found.migrations - set(MIGRATIONS)))
    return Prepared(created, newer, found.digest)


def look(execute: Execute, database: str) -> Found:
    """Read the catalog, then the records of migrations and steps."""
    found = Found()
    for row in execute(catalog_query(database)):
        if row["kind"] == "function":
            found.functions.add(row["name"])
        else:
            found.columns[row["name"]] = set(row["columns"])
            found.digests.update(row["digests"])
    records = list(record_queries(database, found.columns.keys()))
    for row in execute(" UNION ALL ".join(records)) if records else ():
        if row["kind"] == "migration":
            found.migrations.add(int(row["name"]))
        else:
            (found.started if row["kind"] == "started" else found.finished).add(row["name"])
    return found


def catalog_query(database: str) -> str:
    """SQL: each table with its columns and the types of its digests; then the functions that matter here."""
    return f"""
        SELECT 'table' AS kind, table AS name, groupArray(c.name) AS columns,
            groupUniqArrayIf(extract(type, '{PLAIN_DIGEST}[A-Za-z]*'), c.name LIKE '%_quantiles') AS digests
        FROM system.columns AS c WHERE database = {literal(database)} GROUP BY table
        UNION ALL
        SELECT 'function' AS kind, name, emptyArrayString() AS columns, emptyArrayString() AS digests
        FROM system.functions WHERE name IN ('{UINT_TO_UUID}', '{DIGEST}')
    """  # noqa: S608 - a quoted database name and constants of ours


def record_queries(database: str, tables: Collection[str]) -> Iterator[str]:
    """SQL: the recorded migrations and steps, from the tables of records that exist."""
    db = quoted(database)
    if MIGRATION_TABLE in tables:
        yield f"SELECT DISTINCT 'migration' AS kind, toString(migration_id) AS name FROM {db}.{MIGRATION_TABLE}"  # noqa: S608
    if STEP_TABLE.name in tables:
        yield f"SELECT DISTINCT toString(state) AS kind, step AS name FROM {db}.{STEP_TABLE.name}"  # noqa: S608


def create(execute: Execute, database: str, found: Found) -> None:
    """Everything that is not there yet; the migrations' rows only after all the rest."""
    execute(f"CREATE DATABASE IF NOT EXISTS {quoted(database)}")
    execute(STEP_TABLE.create(database))
    execute(record_step(database, CREATION, "started"))
    execute(CREATE_UINT_TO_UUID)
    for part in (*TABLES, *VIEWS):
        if part.name not in found.columns:
            execute(part.create(database, found.digest))
    if set(MIGRATIONS) - found.migrations:
        execute(name_deployment(database))
        execute(record_migrations(database))
    execute(record_step(database, CREATION, "finished"))


def record_step(database: str, step: str, state: str) -> str:
    values = f"({literal(step)}, {literal(state)})"
    return f"INSERT INTO {quoted(database)}.{STEP_TABLE.name} (step, state) VALUES {values}"  # noqa: S608 - quoted


def name_deployment(database: str) -> str:
    """SQL: the random id by which the original counts a database; where there are several, the oldest holds."""
    values = f"({literal(secrets.token_hex(32))})"
    return f"INSERT INTO {quoted(database)}.DeploymentID (deployment_id) VALUES {values}"  # noqa: S608 - hexadecimal digits


def run_step(execute: Execute, database: str, step: Step) -> None:
    execute(STEP_TABLE.create(database))
    execute(record_step(database, step.name, "started"))
    for statement in step.statements(database):
        execute(statement)
    execute(record_step(database, step.name, "finished"))


def check(found: Found, database: str) -> None:
    """Refuse an older or partial database; warn of a newer one."""
    migrations = [migration_name(number) for number in MIGRATIONS if number not in found.migrations]
    parts = missing_parts(found)
    newer = sorted(found.migrations - set(MIGRATIONS))
    if newer and not migrations:
        without = f" It lacks {'; '.join(parts)}." if parts else ""
        logger.warning(
            "The ClickHouse database `%s` was made by a newer release of TensorZero than %s (it has %s).%s",
            database,
            GATEWAY_VERSION,
            ", ".join(map(migration_name, newer)),
            without,
        )
    elif migrations or parts:
        lacks = "; ".join([*filter(None, [listed("migrations", migrations)]), *parts])
        raise SchemaMismatch(
            f"The ClickHouse database `{database}` is older than TensorZero {GATEWAY_VERSION}, or only partly there: "
            f"it lacks {lacks}",
            hint=f"Start a TensorZero gateway {GATEWAY_VERSION} on it once (if one is starting now, wait until it is up), "
            "or name another database in the URL: a new one is made by itself.",
        )


def missing_parts(found: Found) -> list[str]:
    """Tables and views that are not there, and columns of tables that are."""
    absent = [part for part in (*TABLES, *VIEWS) if part.name not in found.columns]
    tables = [part.name for part in absent if isinstance(part, Table)]
    views = [part.name for part in absent if not isinstance(part, Table)]
    columns = [
        f"{table.name}.{column}"
        for table in TABLES
        if table.name in found.columns
        for column in table.columns
        if column not in found.columns[table.name]
    ]
    return [text for text in (listed("tables", tables), listed("views", views), listed("columns", columns)) if text]


def listed(what: str, names: Sequence[str]) -> str:
    return f"the {what} {', '.join(names)}" if names else ""


def literal(text: str) -> str:
    """A string as ClickHouse reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
