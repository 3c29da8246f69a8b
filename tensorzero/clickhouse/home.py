"""The user's home directory, which a container's user may not have: no `HOME`, and no entry among the system's users."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tensorzero.clickhouse.errors import StorageError


def home() -> Path | None:
    """None for a user without one."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def homeless() -> Path:
    """A directory of this user's own where there is no home; it may not outlive a restart of the machine."""
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"tensorzero-{owner}"


def expanded(path: str | Path) -> Path:
    """With `~` filled in. Raises `StorageError` for a home that is not there."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise StorageError(
            f"`{path}` names a home directory, and there is none: {error}",
            hint="Set `HOME`, or write the whole path.",
        ) from None
