"""Questions to the database, within the call's limit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from tensorzero.runtime.deadline import Deadline
from tensorzero.runtime.runtime import Runtime

T = TypeVar("T")

GRACE_S = 0.5
"""The database room gives up a moment after the call has: then there is one error for it, and no thread is left behind."""


async def ask_database(runtime: Runtime, deadline: Deadline | None, ask: Callable[..., T], *args: Any) -> T:
    """`ask(*args, until=…)` of a `Database`. Raises `DeadlineExceeded`, and what `ask` raises."""
    until = None if deadline is None else deadline.at + GRACE_S
    return await runtime.blocking(partial(ask, *args, until=until), deadline=deadline)
