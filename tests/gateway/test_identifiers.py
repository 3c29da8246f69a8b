"""Ids of episodes that a caller may give (observed 2026.6.0)."""

from __future__ import annotations

import uuid

import pytest

from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.identifiers import check_episode_id

EPOCH = 0x01B21DD213814000  # ticks of 100 ns since 1582


def counted_from_1582(version: int, seconds: int) -> str:
    ticks = seconds * 10**7 + EPOCH
    if version == 1:
        high, middle, low = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48
    else:
        high, middle, low = ticks >> 28, ticks >> 12 & 0xFFFF, ticks & 0xFFF
    return str(uuid.UUID(int=high << 96 | middle << 80 | version << 76 | low << 64 | 2 << 62 | 5))


def test_the_digit_says_the_version_whatever_the_variant() -> None:
    for variant in "0c":
        given = f"018bcfe5-6800-7000-{variant}000-000000000005"
        assert check_episode_id(given) == (given, False)


@pytest.mark.parametrize("version", [1, 6])
@pytest.mark.parametrize("seconds", [0, 1_579_751_959, 1_600_000_000, 5_000_000_000])
def test_versions_one_and_six_are_refused_by_number(version: int, seconds: int) -> None:
    with pytest.raises(BadRequest) as caught:
        check_episode_id(counted_from_1582(version, seconds))
    assert caught.value.message == f"Invalid Episode ID: Version must be 7, got {version}"


@pytest.mark.parametrize("version", [1, 6])
@pytest.mark.parametrize("seconds", [-5, 10_000_000_000])
def test_but_first_of_all_a_time_out_of_range_means_a_workflow_run(version: int, seconds: int) -> None:
    given = counted_from_1582(version, seconds)
    assert check_episode_id(given) == (given, True)


@pytest.mark.parametrize("version", "0234589f")
def test_a_version_without_a_time_is_no_v7(version: str) -> None:
    given = f"018bcfe5-6800-{version}000-8000-000000000005"
    with pytest.raises(BadRequest, match=f"^Failed to parse UUID as v7: {given}$"):
        check_episode_id(given)
