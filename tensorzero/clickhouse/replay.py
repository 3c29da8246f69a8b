"""Finish rows of which nobody knows whether they arrived: ask which are there, insert the others, complete what views began.

ClickHouse writes an insert table by table: the rows themselves, then what each view makes of them. A process that died in
between leaves rows without some of their derived rows. Where derived rows name the row they come from, the view's own SELECT is
run again over the rows that lack them. Sums and statistics name no row; docs/durability.md says which can be off after a crash.
"""

# ruff: noqa: S608 - statements are put together from table and view names of tables.py; ids travel as parameters

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from tensorzero.clickhouse.connection import Connection
from tensorzero.clickhouse.errors import DatabaseUnavailable, QueryRefused
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.schema_views import VIEWS
from tensorzero.clickhouse.tables import DERIVED, IDENTITIES, Derived, quoted
from tensorzero.clickhouse.uuids import number_of

CHUNK = 400
"""Ids in one question: they travel in the query string of a request, which servers bound."""

UNDER_WAY_SECONDS = 30.0

UNDER_WAY = Query("""
    SELECT query_id FROM system.processes
    WHERE query_kind = 'Insert' AND current_database = currentDatabase()
        AND arrayExists(name -> startsWith(query, concat('INSERT INTO ', name, ' ')), {tables:Array(String)})
""")
"""Inserts into some tables that the database has begun. Whoever sent them may be gone; they go on all the same."""


class InsertUnderWay(DatabaseUnavailable):
    """An insert that somebody began earlier does not end: it says nothing about these rows."""


_SELECTS = {view.name: " ".join(view.select.split()) for view in VIEWS}


def complete(connection: Connection, database: str, table: str, lines: Sequence[bytes]) -> None:
    """Bring every row of `lines` into `table` once, derived rows included. Raises what the connection raises."""
    _wait_for_inserts_under_way(connection, table)
    identity = IDENTITIES.get(table)
    if identity is None:
        connection.insert(table, b"\n".join(lines))
        return
    rows, lacking = _by_id(lines, identity)
    for ids in _chunks(list(rows)):
        there = _ids(
            connection, f"SELECT toString({identity}) AS found FROM {table} WHERE {identity} IN {{ids:Array(UUID)}}", ids
        )
        if there:
            for derived in DERIVED.get(table, ()):
                _complete_derived(connection, database, table, identity, derived, sorted(there))
        lacking += [rows[found] for found in ids if found not in there]
    if lacking:
        connection.insert(table, b"\n".join(lacking))


def _wait_for_inserts_under_way(connection: Connection, table: str) -> None:
    """An insert whose sender was killed or cut off may still be running: what it brings can be asked for when it has ended."""
    query = Query(UNDER_WAY.sql, {"tables": [table, *(derived.target for derived in DERIVED.get(table, ()))]})
    give_up = time.monotonic() + UNDER_WAY_SECONDS
    begun: set[str] | None = None
    while True:
        try:
            running = {str(row["query_id"]) for row in connection.fetch(query)}
        except QueryRefused:
            return  # a user who may not look; a cut insert has most likely ended by now
        begun = running if begun is None else begun & running
        if not begun:
            return
        if time.monotonic() > give_up:
            raise InsertUnderWay(f"An earlier insert into {table} does not end")
        time.sleep(0.02)


def _complete_derived(
    connection: Connection, database: str, table: str, identity: str, derived: Derived, ids: Sequence[str]
) -> None:
    wanted = _ids(
        connection,
        f"SELECT toString({identity}) AS found FROM {table} WHERE {identity} IN {{ids:Array(UUID)}} AND {derived.wanted}",
        ids,
    )
    if not wanted:
        return
    there = _derived_ids(connection, derived, sorted(wanted))
    lacking = sorted(wanted - there)
    if not lacking:
        return
    select = completing_select(table, derived, database)
    columns = connection.fetch(Query(f"DESCRIBE TABLE {derived.view}"))
    names = ", ".join(str(column["name"]) for column in columns)
    connection.fetch(Query(f"INSERT INTO {derived.target} ({names}) {select}", {"ids": lacking}))


def completing_select(table: str, derived: Derived, database: str) -> str:
    """SQL: what a view makes of the rows of `table` with the ids in `{ids:Array(UUID)}`."""
    source = re.compile(r"\{db\}\." + re.escape(table) + r"\b")
    restricted = f"(SELECT * FROM {{db}}.{table} WHERE {IDENTITIES[table]} IN {{ids:Array(UUID)}})"
    return source.sub(lambda _: restricted, _SELECTS[derived.view]).replace("{db}", quoted(database))


def _derived_ids(connection: Connection, derived: Derived, ids: Sequence[str]) -> set[str]:
    if not derived.key_is_number:
        sql = (
            f"SELECT DISTINCT toString({derived.key}) AS found FROM {derived.target} WHERE {derived.key} IN {{ids:Array(UUID)}}"
        )
        return _ids(connection, sql, ids)
    sql = (
        f"SELECT DISTINCT toString({derived.key}) AS found FROM {derived.target} "
        f"WHERE {derived.key} IN (SELECT {number_of('arrayJoin({ids:Array(UUID)})')})"
    )
    return {str(uuid.UUID(int=int(number))) for number in _ids(connection, sql, ids)}


def _ids(connection: Connection, sql: str, ids: Sequence[str]) -> set[str]:
    rows: list[dict[str, Any]] = connection.fetch(Query(sql, {"ids": list(ids)}))
    return {str(row["found"]) for row in rows}


def _by_id(lines: Sequence[bytes], identity: str) -> tuple[dict[str, bytes], list[bytes]]:
    """Lines by their id, each once; and those whose id cannot be read (the database will say so)."""
    named: dict[str, bytes] = {}
    unnamed: list[bytes] = []
    for line in lines:
        try:
            row: Mapping[str, Any] = orjson.loads(line)
            named.setdefault(str(uuid.UUID(str(row[identity]))), line)
        except (ValueError, TypeError, LookupError):  # no JSON, no object, no such column
            unnamed.append(line)
    return named, unnamed


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
