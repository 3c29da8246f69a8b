"""Ids: UUIDv7, made here and checked where callers give them."""

from __future__ import annotations

import time
from uuid import UUID

from uuid_utils import uuid7

from tensorzero.gateway.errors import BadRequest

WORKFLOW_EPISODE_OFFSET_S = 10_000_000_000
_EARLIEST_S = 1_579_751_960


def new_id() -> str:
    return str(uuid7())


def timestamp_s(identifier: UUID) -> int:
    """Whole seconds since the epoch inside a UUIDv7."""
    return (identifier.int >> 80) // 1000


def check_v7(text: str) -> UUID:
    identifier = UUID(text)
    if identifier.version != 7:
        raise BadRequest(f"Failed to parse UUID as v7: {identifier}")
    return identifier


def check_episode_id(text: str) -> tuple[str, bool]:
    """The id in its usual spelling, and whether it belongs to a workflow evaluation run (TensorZero docs: episodes)."""
    identifier = check_v7(text)
    seconds = timestamp_s(identifier)
    if seconds >= WORKFLOW_EPISODE_OFFSET_S:
        return str(identifier), True
    if seconds < _EARLIEST_S:
        raise BadRequest("Invalid Episode ID: Timestamp is too early")
    if seconds > int(time.time()):
        raise BadRequest("Invalid Episode ID: Timestamp is in the future")
    return str(identifier), False
