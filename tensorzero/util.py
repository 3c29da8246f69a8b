"""Time-ordered ids."""

from __future__ import annotations

from uuid import UUID

import uuid_utils

__all__ = ["UUID", "uuid7"]


def uuid7() -> UUID:
    """A new UUID of version 7: sorts by the time it was made, to the millisecond."""
    return UUID(int=uuid_utils.uuid7().int)
