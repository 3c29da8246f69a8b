"""Notices on standard output, where the original's log goes."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone

_QUIET = ("off", "error")


def warn(message: str) -> None:
    """One log line, unless `RUST_LOG` is `off` or `error`. Never raises: it may run while Python is shutting down."""
    if os.environ.get("RUST_LOG", "").lower() in _QUIET or sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        return
    moment = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    try:
        sys.stdout.write(f"{moment}  WARN tensorzero: {message}\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        return
