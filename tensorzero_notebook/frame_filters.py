"""The keywords of the frames as a `Selection`: one value or several, times in any spelling, tags and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from tensorzero.clickhouse.queries.selection import MetricCondition
from tensorzero_notebook.errors import UserError


def names(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """One name, several, or none."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(one) for one in value)


def ids(value: Any, keyword: str) -> tuple[UUID, ...] | None:
    """One id, several (a list, a frame's column), or None; raises `UserError` for what is no UUID."""
    if value is None:
        return None
    given = [value] if isinstance(value, (str, UUID)) or not isinstance(value, Iterable) else list(value)
    try:
        return tuple(UUID(str(one)) for one in given)
    except ValueError:
        raise UserError(f"{keyword} must be an id or several ids: {given!r:.100}.") from None


def moment_ms(value: Any, keyword: str, now: datetime | None = None) -> int | None:
    """Unix milliseconds of a datetime, a date, ISO text, or a timedelta ago. Without a time zone it is UTC."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = (now or datetime.now(timezone.utc)) - value
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            raise UserError(f"{keyword}={value!r} is no time. Write it as 2026-03-01, or 2026-03-01 14:30.") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise UserError(f"{keyword} must be a datetime, a date, ISO text, or a timedelta (so long ago): {value!r:.100}.")
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return (value - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


def tag_filter(value: Any) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...] | None]:
    """`tags=`: what rows must have, and which keys become columns (None: all that the rows have).

    A mapping filters: key to a value, to several, or to None for any value. Names only choose columns.
    """
    if value is None:
        return {}, None
    if isinstance(value, Mapping):
        wanted = {str(key): names(None if one is None else one) for key, one in value.items()}
        return wanted, tuple(wanted)
    return {}, names(value)


def metric_filter(value: Any) -> tuple[dict[str, MetricCondition], tuple[str, ...] | None]:
    """`metrics=`: what the latest values must be, and which metrics become columns (None: all).

    A mapping filters: name to True or False, to a number, or to `(low, high)` with None for an open end.
    """
    if value is None:
        return {}, None
    if isinstance(value, Mapping):
        return {str(name): condition(str(name), one) for name, one in value.items()}, tuple(str(name) for name in value)
    return {}, names(value)


def condition(name: str, value: Any) -> MetricCondition:
    match value:
        case bool() | int() | float():
            return MetricCondition(equal_to=value)
        case (low, high) if _number(low) and _number(high) and not (low is None and high is None):
            return MetricCondition(low=low, high=high)
        case _:
            raise UserError(f"metrics={{{name!r}: …}} must be True, False, a number, or (low, high): {value!r:.100}.")


def _number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def row_limit(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UserError(f"limit must be a number of rows, or None for all: {value!r:.100}.")
    return value
