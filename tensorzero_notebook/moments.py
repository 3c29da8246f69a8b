"""A time in any spelling as Unix milliseconds. Without a time zone it is local time, as everywhere in Python."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.python_values import is_missing, python_value

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d+)")


def moment_ms(value: Any, keyword: str, now: datetime | None = None) -> int | None:
    """Unix milliseconds of a datetime, a date (its midnight), ISO text, or a timedelta ago, those of pandas and numpy too.

    None for None and for a missing time (`pd.NaT`), which is no limit. Raises `UserError`.
    """
    value = python_value(value)
    if is_missing(value):
        return None
    if isinstance(value, str):
        value = _read(value, keyword)
    try:
        if isinstance(value, timedelta):
            return _milliseconds((now or datetime.now(timezone.utc)) - value)
        if isinstance(value, datetime):
            return _milliseconds(value)
        if isinstance(value, date):
            return _milliseconds(datetime(value.year, value.month, value.day))
    except OverflowError:
        raise UserError(f"{keyword}={value!r:.100} is too far away: name a time, or None for no limit.") from None
    raise UserError(f"{keyword} must be a datetime, a date, ISO text, or a timedelta (so long ago): {value!r:.100}.")


def _read(text: str, keyword: str) -> datetime:
    """ISO text with a fraction of any length; Python 3.10 alone reads three digits or six."""
    spelt = _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), text.strip())
    try:
        return datetime.fromisoformat(re.sub(r"\s?[Zz]$", "+00:00", spelt))
    except ValueError:
        raise UserError(f"{keyword}={text!r:.100} is no time. Write it as 2026-03-01, or 2026-03-01 14:30.") from None


def _milliseconds(value: datetime) -> int:
    if value.tzinfo is None or value.utcoffset() is None:
        try:
            return int(value.replace(tzinfo=None, microsecond=0).timestamp()) * 1000 + value.microsecond // 1000
        except (OverflowError, OSError, ValueError):
            # The rules of this machine's time zone do not reach the years 1 and 9999, on Windows those before 1970: in UTC
            # such a time is as far from every row.
            value = value.replace(tzinfo=timezone.utc)
    return (value - EPOCH) // timedelta(milliseconds=1)
