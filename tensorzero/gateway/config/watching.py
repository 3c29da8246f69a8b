"""Has a configuration changed on disk? Pure functions over paths, sizes and times, for whoever reloads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tensorzero.gateway.config.globs import find_files

Stamps = Mapping[str, "tuple[int, int] | None"]


def take_stamps(config_file: str | None, files: Iterable[str]) -> dict[str, tuple[int, int] | None]:
    """`(mtime in ns, size)` of every file of a configuration (`Config.files`) and of every file that its pattern names
    now; None for one that is gone."""
    names = set(files)
    if config_file is not None:
        try:
            names.update(find_files(config_file))
        except (ValueError, OSError):
            names.add(config_file)
    return {name: _stamp(name) for name in sorted(names)}


def changed_since(stamps: Stamps, config_file: str | None) -> list[str]:
    """The files that changed, came or went since `stamps` were taken, sorted."""
    now = take_stamps(config_file, stamps)
    return [name for name, stamp in now.items() if name not in stamps or stamps[name] != stamp]


def _stamp(name: str) -> tuple[int, int] | None:
    try:
        status = Path(name).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
