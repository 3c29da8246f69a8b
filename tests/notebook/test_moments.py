"""A time in any spelling, on machines in several time zones."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.moments import moment_ms

ZONES = ["Asia/Tokyo", "America/New_York", "UTC", "Asia/Kathmandu"]
NOW = datetime(2026, 12, 1, 12, 30, tzinfo=timezone.utc)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`at(zone)`: this machine stands there."""

    def move(zone: str) -> ZoneInfo:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        return ZoneInfo(zone)

    yield move
    monkeypatch.undo()
    time.tzset()
    assert os.environ.get("TZ") not in ZONES[:2]


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_without_a_zone_is_local(at: Any, zone: str) -> None:
    here = at(zone)
    local = datetime(2026, 12, 1, 14, 30, tzinfo=here)
    for spelt in (
        datetime(2026, 12, 1, 14, 30),
        pd.Timestamp(2026, 12, 1, 14, 30),
        np.datetime64("2026-12-01T14:30"),
        np.datetime64("2026-12-01T14:30:00.000000000"),
        "2026-12-01 14:30",
        "2026-12-01T14:30:00.000000000",
        pa.scalar(datetime(2026, 12, 1, 14, 30)),
        pd.Series([pd.Timestamp(2026, 12, 1, 14, 30)]).iloc[0],
    ):
        assert moment_ms(spelt, "since") == milliseconds(local), spelt
    midnight = datetime(2026, 12, 1, tzinfo=here)
    for spelt in (
        date(2026, 12, 1),
        "2026-12-01",
        np.datetime64("2026-12-01"),
        np.datetime64("2026-12"),
        pd.Timestamp("2026-12"),
    ):
        assert moment_ms(spelt, "since") == milliseconds(midnight), spelt


@pytest.mark.parametrize("zone", ZONES)
def test_five_minutes_ago_is_five_minutes_ago(at: Any, zone: str) -> None:
    at(zone)
    expected = milliseconds(datetime.now(timezone.utc) - timedelta(minutes=5))
    for spelt in (datetime.now() - timedelta(minutes=5), pd.Timestamp.now() - pd.Timedelta(minutes=5), timedelta(minutes=5)):
        assert abs(moment_ms(spelt, "since") - expected) < 60_000  # type: ignore[operator]
    for ago in (timedelta(minutes=5), pd.Timedelta(minutes=5), np.timedelta64(5, "m"), np.timedelta64(300 * 10**9, "ns")):
        assert moment_ms(ago, "since", NOW) == milliseconds(NOW) - 300_000


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_with_a_zone_is_that_time(at: Any, zone: str) -> None:
    at(zone)
    for spelt in (
        NOW,
        NOW.astimezone(ZoneInfo("Asia/Tokyo")),
        pd.Timestamp(NOW),
        pd.Timestamp(NOW).tz_convert("Europe/Paris"),
        pd.Timestamp("2026-12-01T12:30:00.000000999Z"),
        "2026-12-01T12:30Z",
        "2026-12-01T12:30:00.0z",
        "2026-12-01 12:30:00+00:00",
        "2026-12-01T21:30:00.000000001+09:00",
        str(pd.Timestamp(NOW)),
        pa.scalar(NOW),
    ):
        assert moment_ms(spelt, "since") == milliseconds(NOW), spelt


def test_hours_that_come_twice_or_never(at: Any) -> None:
    here = at("America/New_York")
    twice = datetime(2026, 11, 1, 1, 30)
    first, second = twice.replace(tzinfo=here), twice.replace(tzinfo=here, fold=1)
    assert milliseconds(second) - milliseconds(first) == 3_600_000
    assert moment_ms(twice, "since") == milliseconds(first)
    assert moment_ms(twice.replace(fold=1), "since") == milliseconds(second)
    assert moment_ms(datetime(2026, 3, 8, 2, 30), "since") == milliseconds(datetime(2026, 3, 8, 2, 30, tzinfo=here))


@pytest.mark.parametrize(
    "missing", [None, pd.NaT, pd.NA, np.datetime64("NaT"), float("nan"), pa.scalar(None, pa.timestamp("ms"))]
)
def test_a_missing_time_is_no_limit(missing: Any) -> None:
    assert moment_ms(missing, "since") is None


@pytest.mark.parametrize("zone", ZONES)
def test_the_first_and_the_last_time_are_before_and_after_everything(at: Any, zone: str) -> None:
    at(zone)
    for first in (datetime.min, date.min, pd.Timestamp.min, datetime.min.replace(tzinfo=timezone.utc)):
        assert moment_ms(first, "since") < 0  # type: ignore[operator]
    for last in (datetime.max, date.max, pd.Timestamp.max, "9999-12-31T23:59:59.9999999"):
        assert moment_ms(last, "until") > milliseconds(NOW)  # type: ignore[operator]


@pytest.mark.parametrize(
    "wrong", ["soon", "", "12:30", 5, 5.5, [NOW], object(), np.timedelta64(1, "M"), pd.Period("2026-12"), b"x"]
)
def test_what_is_no_time_is_refused_in_words(wrong: Any) -> None:
    with pytest.raises(UserError, match=r"is no time|must be a datetime"):
        moment_ms(wrong, "since")


@pytest.mark.parametrize("far", [timedelta.max, timedelta.min])
def test_a_duration_beyond_all_time_is_refused_in_words(far: timedelta) -> None:
    with pytest.raises(UserError, match="too far away"):
        moment_ms(far, "since")
