"""Ids: UUIDv7, made here and checked where callers give them."""

from __future__ import annotations

import time
from uuid import UUID

from uuid_utils import uuid7

from tensorzero.gateway.errors import BadRequest

WORKFLOW_EPISODE_OFFSET_S = 10_000_000_000
_EARLIEST_S = 1_579_751_960
_GREGORIAN_TICKS = 0x01B21DD213814000  # of 100 ns, from 1582-10-15 to the epoch


def new_id() -> str:
    return str(uuid7())


def timestamp_s(identifier: UUID) -> int:
    """Whole seconds since the epoch inside a UUIDv7."""
    return (identifier.int >> 80) // 1000


def check_v7(text: str) -> UUID:
    identifier = UUID(text)
    if _version(identifier) != 7:
        raise _no_v7(identifier)
    return identifier


def _version(identifier: UUID) -> int:
    """The version digit, whatever the variant says."""
    return identifier.int >> 76 & 0xF


def _no_v7(identifier: UUID) -> BadRequest:
    return BadRequest(
        f"Failed to parse UUID as v7: {identifier}",
        hint="Ids come from a response; `tensorzero.util.uuid7()` makes one for a new episode.",
    )


def new_workflow_episode_id() -> str:
    """A UUIDv7 of a moment 10,000,000,000 s ahead, which tells such episodes apart (TensorZero docs: workflow evaluations)."""
    return str(UUID(int=UUID(new_id()).int + (WORKFLOW_EPISODE_OFFSET_S * 1000 << 80)))


def is_workflow_episode(text: str | None) -> bool:
    """Whether `check_episode_id` would say so; False for an id that it would refuse."""
    if text is None:
        return False
    try:
        return check_episode_id(text)[1]
    except BadRequest:
        return False


def check_episode_id(text: str) -> tuple[str, bool]:
    """The id in its usual spelling, and whether it belongs to a workflow evaluation run (TensorZero docs: episodes)."""
    identifier = UUID(text)
    version = _version(identifier)
    if version == 7:
        seconds = timestamp_s(identifier)
    elif version in (1, 6):
        seconds = _gregorian_s(identifier, version)
    else:
        raise _no_v7(identifier)
    if not 0 <= seconds < WORKFLOW_EPISODE_OFFSET_S:
        return str(identifier), True
    if version != 7:
        raise BadRequest(f"Invalid Episode ID: Version must be 7, got {version}")
    if seconds < _EARLIEST_S:
        raise BadRequest("Invalid Episode ID: Timestamp is too early")
    if seconds > int(time.time()):
        raise BadRequest("Invalid Episode ID: Timestamp is in the future")
    return str(identifier), False


def _gregorian_s(identifier: UUID, version: int) -> int:
    """Seconds since the epoch of the versions that count from 1582; before it they are negative."""
    high, middle, low = identifier.int >> 96, identifier.int >> 80 & 0xFFFF, identifier.int >> 64 & 0xFFF
    ticks = low << 48 | middle << 32 | high if version == 1 else high << 28 | middle << 12 | low
    return (ticks - _GREGORIAN_TICKS) // 10**7
