"""Find a configuration's TOML files, read and merge them, and remember where each key came from."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tensorzero.gateway.config.globs import find_files
from tensorzero.gateway.config.mistakes import Locate, Mistakes
from tensorzero.gateway.config.shapes import toml_type
from tensorzero.gateway.config.toml_text import Moment, date_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]  # installed below 3.11 only

NO_MATCH = "No files matched the glob pattern. Ensure that the path exists, and contains at least one file."

_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")
_HEADER = re.compile(r"\s*\[\[?([^\]]+)\]\]?")
_ASSIGNMENT = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


@dataclass(slots=True)
class Sources(Locate):
    """The TOML files read, their text, and the file of each key path; `named` are the files that path keys name."""

    files: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    origin: dict[tuple[str, ...], str] = field(default_factory=dict)
    _lines: dict[str, dict[tuple[str, ...], int]] = field(default_factory=dict)

    def file_of(self, keys: Sequence[str | int]) -> str | None:
        """The file in which `keys`, or the deepest written part of it, stands."""
        names = tuple(str(key) for key in keys)
        while names and names not in self.origin:
            names = names[:-1]
        return self.origin.get(names) or (self.files[0] if len(self.files) == 1 else None)

    def __call__(self, keys: tuple[str | int, ...]) -> tuple[str | None, int | None]:
        file = self.file_of(keys)
        if file is None or not keys:
            return file, None
        if file not in self._lines:
            self._lines[file] = key_lines(self.texts.get(file, ""))
        names = tuple(str(key) for key in keys)
        while names and names not in self._lines[file]:
            names = names[:-1]
        return file, self._lines[file].get(names)


def read_and_merge(pattern: str, mistakes: Mistakes) -> tuple[dict[str, Any], Sources]:
    """The merged document of every file that `pattern` names. Mistakes: none found, not UTF-8, not TOML, duplicates."""
    sources, merged = Sources(), dict[str, Any]()
    try:
        sources.files = find_files(pattern)
    except (ValueError, OSError) as error:
        mistakes.say(str(error))
        return merged, sources
    if not sources.files:
        mistakes.say(NO_MATCH)
    for file in sources.files:
        document = _read(file, sources, mistakes)
        _merge(merged, document, file, (), sources, mistakes)
    return merged, sources


def _read(file: str, sources: Sources, mistakes: Mistakes) -> dict[str, Any]:
    try:
        text = Path(file).read_bytes().decode("utf-8")
    except OSError as error:
        mistakes.say(f"Failed to read config file `{file}`: {error.strerror}")
        return {}
    except UnicodeDecodeError:
        mistakes.say(f"Failed to read config file `{file}`: stream did not contain valid UTF-8")
        return {}
    sources.texts[file] = text
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        mistakes.say(_syntax_message(text, str(error)), (file,))
    except (RecursionError, ValueError) as error:
        mistakes.say(f"Failed to parse config file as valid TOML: {error}", (file,))
    sources.origin[(file,)] = file
    return {}


def _syntax_message(text: str, problem: str) -> str:
    """The original's frame around a TOML error: line, column and a caret. The reason is our own parser's."""
    where = _AT.search(problem)
    reason = _AT.sub("", problem)
    lines = text.split("\n")
    row = int(where[1]) if where and where[1] else len(lines)
    column = int(where[2]) if where and where[2] else len(lines[-1]) + 1
    source = lines[row - 1].rstrip("\r") if row <= len(lines) else ""
    width = 1
    if reason == "Cannot overwrite a value":
        reason, key = "duplicate key", _ASSIGNMENT.match(source)
        column, width = (key.start(1) + 1, len(key[1])) if key else (column, 1)
    gap = " " * len(str(row))
    frame = f"{gap} |\n{row} | {source}\n{gap} | {' ' * (column - 1)}{'^' * width}"
    return f"Failed to parse config file as valid TOML: TOML parse error at line {row}, column {column}\n{frame}\n{reason}\n"


def _merge(
    into: dict[str, Any], table: Mapping[str, Any], file: str, keys: tuple[str, ...], sources: Sources, mistakes: Mistakes
) -> None:
    for key, value in table.items():
        path = (*keys, key)
        dotted = ".".join(path)
        if key not in into:
            into[key] = value
            _remember(value, file, path, sources)
        elif isinstance(into[key], dict) and isinstance(value, dict):
            _merge(into[key], value, file, path, sources, mistakes)
        elif isinstance(into[key], dict):
            other = sources.origin[path]
            kind = toml_type(value)
            mistakes.say(f"`{dotted}`: Cannot merge `{kind}` from file `{file}` into a table from file `{other}`", path)
        else:
            other = sources.origin[path]
            mistakes.say(f"`{dotted}`: Found duplicate values in globbed TOML config files `{other}` and `{file}`", path)


def _remember(value: Any, file: str, path: tuple[str, ...], sources: Sources) -> None:
    sources.origin[path] = file
    if isinstance(value, dict):
        for key, inner in value.items():
            _remember(inner, file, (*path, key), sources)


def dates_as_text(value: Any) -> Any:
    """`value` with every date and time as text, which is what the original's shapes see; tables change in place."""
    match value:
        case dict():
            table = cast("dict[str, Any]", value)
            for key, item in table.items():
                table[key] = dates_as_text(item)
            return table
        case list():
            return [dates_as_text(item) for item in cast("list[Any]", value)]
        case datetime.date() | datetime.time():
            return Moment(date_text(value))
        case _:
            return value


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The line (from 1) on which each key path of a TOML text first stands; inline tables only by their own key."""
    lines: dict[tuple[str, ...], int] = {}
    header: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        if match := _HEADER.match(line):
            header = _names(match[1])
            lines.setdefault(header, number)
        elif match := _ASSIGNMENT.match(line):
            names = _names(match[1])
            for end in range(1, len(names) + 1):
                lines.setdefault((*header, *names[:end]), number)
    return lines


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in _KEY.findall(dotted))
