"""Templates and schemas that a new block names: text of our own files, or files that lie beside the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tensorzero.command.configuration import folder_of
from tensorzero.command.failures import CommandError


@dataclass(frozen=True, slots=True)
class NewFiles:
    """`values` are the block's keys and the paths that it writes; `texts` the files to make."""

    values: dict[str, str] = field(default_factory=dict[str, str])
    texts: dict[Path, str] = field(default_factory=dict[Path, str])


def new_files(toml: str, folder: tuple[str, ...], given: Mapping[str, str | Path], suffix: str) -> NewFiles:
    """Key -> text or Path. A file below the configuration's folder is named where it is; anything else becomes
    `functions/…folder/KEY.suffix` beside the configuration. Raises CommandError for files that cannot be read, or would
    be written over."""
    root = Path(folder_of(toml))
    found = NewFiles()
    mistakes: list[str] = []
    for key, value in given.items():
        if isinstance(value, Path) and Path(os.path.realpath(value)).is_relative_to(root):
            found.values[key] = Path(os.path.realpath(value)).relative_to(root).as_posix()
            continue
        relative = Path("functions", *map(_folder_name, folder), f"{key}{suffix}")
        found.values[key] = relative.as_posix()
        try:
            text = value.read_bytes().decode("utf-8") if isinstance(value, Path) else value
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(f"{value}: {getattr(error, 'strerror', None) or 'not UTF-8'}")
            continue
        path = root / relative
        if not path.exists():
            found.texts[path] = text
        elif path.read_bytes() != text.encode():
            mistakes.append(f"{path} is there already, with another text. Give it as the file, or move it away.")
    if mistakes:
        raise CommandError(*mistakes)
    return found


def _folder_name(name: str) -> str:
    """A name that stays one folder below the others on every system."""
    return re.sub(r"[^\w.-]", "_", name).strip(".") or "_"
