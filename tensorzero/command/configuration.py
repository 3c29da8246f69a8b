"""The configuration that a command changes: its TOML files as they are, and what `load_config` says to a changed one."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorzero.command.failures import CommandError
from tensorzero.gateway.config.files import Sources, read_and_merge
from tensorzero.gateway.config.globs import any_of
from tensorzero.gateway.config.loading import load_config
from tensorzero.gateway.config.mistakes import Mistakes, nearest
from tensorzero.gateway.config.paths import VARIANT_FILES
from tensorzero.gateway.errors import ConfigError

_FUNCTION_FILES = (
    ("system_schema",), ("user_schema",), ("assistant_schema",), ("output_schema",), ("schemas", "*", "path"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Configuration:
    """`document` is the merged files as written; `sources` their texts, and which key stands in which file."""

    document: Mapping[str, Any]
    sources: Sources

    def function(self, name: str) -> Mapping[str, Any]:
        """As written. Raises CommandError for one that is not there."""
        return _entry(self.document.get("functions"), name, "function")

    def variant(self, function: str, name: str) -> Mapping[str, Any]:
        """As written. Raises CommandError where the function or the variant is not there."""
        return _entry(self.function(function).get("variants"), name, f"variant of `{function}`")

    def has(self, *keys: str) -> bool:
        """Whether something is written at `keys`."""
        return keys in self.sources.origin

    def file_of(self, *keys: str) -> str:
        """The TOML file in which `keys` stand: the first one for keys of many files or of none."""
        return self.sources.file_of(keys) or self.sources.files[0]

    def files_of(self, *keys: str) -> list[str]:
        """Every TOML file in which something of `keys` stands."""
        return sorted({file for path, file in self.sources.origin.items() if path[: len(keys)] == keys})

    def resolved(self, keys: tuple[str, ...], written: str) -> Path:
        """The file that a path value at `keys` names."""
        return Path(os.path.realpath(Path(folder_of(self.file_of(*keys)), written)))


def folder_of(file: str | Path) -> str:
    """The folder from which a TOML file's paths are read."""
    return os.path.realpath(Path(file).parent)


def read_configuration(config: str) -> Configuration:
    """The files of a path or glob. Raises CommandError with everything that keeps them from being read."""
    mistakes = Mistakes()
    document, sources = read_and_merge(config, mistakes)
    if mistakes.found:
        found = [str(mistake) for mistake in mistakes.as_config_mistakes(sources)]
        raise CommandError(*found, hint=f"--config names the file; this was {config}.")
    return Configuration(document, sources)


def named_files(table: Mapping[str, Any], *, function: bool) -> Iterator[tuple[tuple[str, ...], str]]:
    """(keys, path as written) of each file that a function's or a variant's table names."""
    patterns = [*_FUNCTION_FILES, *(("variants", "*", *keys) for keys in VARIANT_FILES)] if function else VARIANT_FILES
    for pattern in patterns:
        yield from _matches(table, pattern, ())


def loaded_files(config: Configuration, texts: Mapping[str, str], new_files: Mapping[Path, str]) -> set[str]:
    """The files that the configuration with `texts` instead of its own would read.

    `new_files` are templates and schemas that are not there yet. Each changed text lies beside its file while
    `load_config` reads it, and is gone afterwards. Raises CommandError with every mistake.
    """
    with _staged(config, texts, new_files) as (files, written_as):
        try:
            return set(load_config(any_of(files)).files)
        except ConfigError as error:
            raise CommandError(*(_renamed(str(mistake), written_as) for mistake in error.mistakes)) from None


def files_now(config: Configuration) -> set[str]:
    """The files that the configuration reads as it is, mistakes or not."""
    files = [os.path.abspath(file) for file in config.sources.files]  # noqa: PTH100 - links stay: paths start from them
    try:
        return set(load_config(any_of(files)).files)
    except ConfigError as error:
        return set(error.files)


def _entry(table: Any, name: str, kind: str) -> Mapping[str, Any]:
    entries: Mapping[str, Any] = table if isinstance(table, Mapping) else {}
    if not isinstance(entries.get(name), Mapping):
        near = nearest(name, entries) if name not in entries else None
        raise CommandError(f"There is no {kind} named `{name}`" + (f"; did you mean `{near}`?" if near else "."))
    return entries[name]


def _matches(value: Any, pattern: tuple[str, ...], keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if not pattern:
        if isinstance(value, str):
            yield keys, value
    elif isinstance(value, dict):
        for key in list(value) if pattern[0] == "*" else [pattern[0]] if pattern[0] in value else []:
            yield from _matches(value[key], pattern[1:], (*keys, key))


@contextmanager
def _staged(
    config: Configuration, texts: Mapping[str, str], new_files: Mapping[Path, str]
) -> Generator[tuple[list[str], dict[str, str]]]:
    """The files to load, and what each staged path stands for in messages."""
    made: list[Path] = []
    written_as: dict[str, str] = {}
    try:
        for path, text in new_files.items():
            staged = _temporary(Path(tempfile.gettempdir()), path.name, text)
            made.append(staged)
            written_as[os.path.realpath(staged)] = str(path)
        files: list[str] = []
        for file in config.sources.files:
            if file not in texts:
                files.append(os.path.abspath(file))  # noqa: PTH100 - links stay: paths start from them
                continue
            staged = _temporary(Path(folder_of(file)), Path(file).name, _pointing(texts[file], file, written_as))
            made.append(staged)
            written_as[str(staged)] = file
            files.append(str(staged))
        yield files, written_as
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from None
    finally:
        for staged in made:
            with suppress(OSError):
                staged.unlink()


def _pointing(text: str, file: str, written_as: Mapping[str, str]) -> str:
    """`text` whose new templates are read where they are staged. The path of one is its only quoted occurrence."""
    for staged, path in written_as.items():
        relative = Path(os.path.relpath(path, folder_of(file))).as_posix()
        text = text.replace(f'"{relative}"', f'"{Path(staged).as_posix()}"')
    return text


def _temporary(folder: Path, name: str, text: str) -> Path:
    handle, path = tempfile.mkstemp(prefix=f".{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}.", suffix=".check", dir=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
    return Path(path)


def _renamed(message: str, written_as: Mapping[str, str]) -> str:
    for staged, path in written_as.items():  # a template is also named by the end of its path
        message = re.sub(rf"[^\s`'\"(]*{re.escape(Path(staged).name)}", lambda _, path=path: path, message)
    return re.sub(r"(\.toml):\d+\)$", r"\1)", message)  # the line is one of a text that nobody has
