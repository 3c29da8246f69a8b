"""The right name that a wrong one most likely meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, names: Iterable[str], prefix: str = "") -> str:
    """A question with a space behind it; empty where no name is near. `prefix` goes before the name."""
    near = get_close_matches(name, list(names), 1)
    return f"Did you mean {prefix}{near[0]}? " if near else ""
