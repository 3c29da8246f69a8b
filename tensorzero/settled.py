"""Relative paths that a setting names: settled once, so that a `%cd` in between does not make them mean another place."""

from __future__ import annotations

import os
from functools import cache


@cache
def settled(path: str) -> str:
    """The absolute path that `path` meant when this process first asked; `~` is the user's home."""
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - no RuntimeError where there is no home
