"""Questions to the database, within the call's limit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tensorzero.gateway.errors import DatabaseError
from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Database
    from tensorzero.clickhouse.query import Query
    from tensorzero.gateway.request import Request

T = TypeVar("T")

GRACE_S = 0.5
"""The database room gives up a moment after the call has: then there is one error for it, and no thread is left behind."""


async def ask_database(runtime: Runtime, deadline: Deadline | None, ask: Callable[..., T], *args: Any) -> T:
    """`ask(*args, until=…)` of a `Database`. Raises `DeadlineExceeded`, and what `ask` raises."""
    until = None if deadline is None else deadline.at + GRACE_S
    return await runtime.blocking(partial(ask, *args, until=until), deadline=deadline)


async def read_rows(database: Database | None, query: Query, request: Request) -> list[dict[str, Any]]:
    """The rows of a query as JSON has them, within the request's limit; none where nothing is stored.

    Raises `DatabaseError` and `DeadlineExceeded`.
    """
    if database is None:
        return []
    from tensorzero.clickhouse.errors import StorageError

    try:
        return await ask_database(request.runtime, request.deadline, database.fetch, query)
    except StorageError as error:
        raise DatabaseError(str(error), hint=getattr(error, "hint", None)) from error
