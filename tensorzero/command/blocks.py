"""Tables put into a configuration and taken out of it, each result loaded before it is a `Change`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorzero.command.change import Change
from tensorzero.command.configuration import Configuration, files_now, folder_of, loaded_files, named_files
from tensorzero.command.toml_source import Keys, with_table, without_table


def added(
    config: Configuration,
    toml: str,
    tables: Sequence[tuple[Keys, Mapping[str, Any]]],
    new_files: Mapping[Path, str],
    *,
    after: Sequence[Keys],
) -> Change:
    """`tables` in the file `toml`, and the files that they name. Raises CommandError with every mistake."""
    text = config.sources.texts[toml]
    for keys, values in tables:
        text = with_table(text, keys, values, after=after)
    loaded_files(config, {toml: text}, new_files)
    return Change({**new_files, _path(toml): text}, {_path(toml): config.sources.texts[toml]})


def removed(config: Configuration, keys: Keys, *, files: bool, function: bool) -> Change:
    """Without the table at `keys`; what only it named goes with `files`, and is listed without."""
    texts = {file: without_table(config.sources.texts[file], keys) for file in config.files_of(*keys)}
    kept = loaded_files(config, texts, {})
    unused = _unused(config, keys, files_now(config) - kept, function=function)
    before = {_path(file): config.sources.texts[file] for file in texts}
    changed = {_path(file): text for file, text in texts.items()}
    if not files:
        return Change(changed, before, unused=unused)
    before |= {path: path.read_bytes().decode("utf-8", "surrogateescape") for path in unused}
    return Change(changed, before, removed=unused)


def _unused(config: Configuration, keys: Keys, candidates: set[str], *, function: bool) -> tuple[Path, ...]:
    """The files that the table names and nothing else does, below the folder of its configuration."""
    table: Any = config.document
    for key in keys:
        table = table[key]
    found: set[Path] = set()
    for inner, written in named_files(table, function=function):
        path = config.resolved((*keys, *inner), written)
        below = path.is_relative_to(folder_of(config.file_of(*keys, *inner)))
        if str(path) in candidates and below and path.is_file():
            found.add(path)
    return tuple(sorted(found))


def _path(toml: str) -> Path:
    return Path(folder_of(toml), Path(toml).name)
