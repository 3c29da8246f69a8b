"""Keys that hold paths: resolved against their own TOML file, read once, named by what they do not share.

A resolved value becomes `{"__tensorzero_remapped_path": name, "__data": text}`, the form in which the original keeps it
in memory and in `ConfigSnapshot`. `name` is the path without the folders that all resolved files share.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorzero.gateway.config.file_texts import NotUtf8Error, missing_hint, read_text
from tensorzero.gateway.config.files import Sources
from tensorzero.gateway.config.mistakes import Mistakes
from tensorzero.gateway.config.shapes import Unresolved, toml_type

_NAMES_A_FOLDER = re.compile(r"/\.?\Z")
NAME, DATA = "__tensorzero_remapped_path", "__data"

_TEMPLATED = (
    ("system_template",), ("user_template",), ("assistant_template",), ("templates", "*", "path"),
    ("input_wrappers", "user"), ("input_wrappers", "assistant"), ("input_wrappers", "system"), ("system_instructions",),
)  # fmt: skip
VARIANT_FILES = tuple((*part, *key) for part in ((), ("evaluator",), ("fuser",)) for key in _TEMPLATED)
_EVALUATOR = (("typescript_file",), *(("variants", "*", *key) for key in VARIANT_FILES))
_SCHEMAS = (("system_schema",), ("user_schema",), ("assistant_schema",), ("output_schema",))
_FUNCTION = (
    *_SCHEMAS, ("schemas", "*", "path"), *(("variants", "*", *key) for key in _SCHEMAS),
    *(("variants", "*", *key) for key in VARIANT_FILES),
    *(("evaluators", "*", *key) for key in _EVALUATOR),
)  # fmt: skip
_FILES = (
    *(("functions", "*", *key) for key in _FUNCTION),
    *(("evaluations", "*", "evaluators", "*", *key) for key in _EVALUATOR),
    ("tools", "*", "parameters"),
)
_FOLDERS = (("gateway", "template_filesystem_access", "base_path"),)


@dataclass(slots=True)
class _Found:
    table: dict[str, Any]
    key: str
    path: str
    is_file: bool
    keys: tuple[str, ...]


def resolve_paths(document: dict[str, Any], sources: Sources, mistakes: Mistakes) -> None:
    """Replace every path value of `document`, in place, by the file's text. `sources.named` gets the files."""
    found: list[_Found] = []
    for pattern in _FILES:
        _walk(document, pattern, (), sources, mistakes, found, is_file=True)
    for pattern in _FOLDERS:
        _walk(document, pattern, (), sources, mistakes, found, is_file=False)
    shared = _shared_folder([item.path for item in found if item.is_file])
    texts: dict[str, str | None] = {}
    for item in found:
        if not item.is_file:
            item.table[item.key] = {NAME: item.path}
            continue
        if item.path not in texts:
            texts[item.path] = _text(item.path, item.keys, mistakes)
        text = texts[item.path]
        item.table[item.key] = Unresolved() if text is None else {NAME: item.path[len(shared) :], DATA: text}


def _walk(
    table: dict[str, Any],
    pattern: tuple[str, ...],
    keys: tuple[str, ...],
    sources: Sources,
    mistakes: Mistakes,
    found: list[_Found],
    *,
    is_file: bool,
) -> None:
    head, rest = pattern[0], pattern[1:]
    for key in list(table) if head == "*" else [head] if head in table else []:
        path, value = (*keys, key), table[key]
        if isinstance(value, Unresolved):
            continue
        if rest and isinstance(value, dict):
            _walk(value, rest, path, sources, mistakes, found, is_file=is_file)
        elif rest:
            mistakes.say(f"`{'.'.join(path)}`: Expected a table, found {toml_type(value)}", path)
            table[key] = Unresolved()
        elif isinstance(value, str):
            _resolve(table, key, path, sources, mistakes, found, is_file=is_file)
        elif not (isinstance(value, Mapping) and NAME in value):
            mistakes.say(f"`{'.'.join(path)}`: Expected a string, found {toml_type(value)}", path)
            table[key] = Unresolved()


def _resolve(
    table: dict[str, Any],
    key: str,
    path: tuple[str, ...],
    sources: Sources,
    mistakes: Mistakes,
    found: list[_Found],
    *,
    is_file: bool,
) -> None:
    written, where = table[key], ".".join(path)
    folder = os.path.realpath(Path(sources.file_of(path) or ".").parent)
    try:
        target = os.path.realpath(Path(folder, written), strict=True)
        if _NAMES_A_FOLDER.search(written) and not Path(target).is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except (OSError, ValueError) as error:
        reason = _reason(error)
        sources.named.append(str(Path(folder, written)))
        message = f"`{where}`: Failed to resolve path `{written}` (base: `{folder}`): {reason}"
        missing = isinstance(error, FileNotFoundError)
        mistakes.say(message, path, hint=missing_hint(Path(folder, written)) if missing else None)
        table[key] = Unresolved()
        return
    if is_file and Path(target).is_dir():
        message = f"`{where}`: Expected a file path, but '{target}' is a directory. Please provide a path to a file."
        mistakes.say(message, path)
        table[key] = Unresolved()
        return
    if is_file and target not in sources.named:
        sources.named.append(target)
    found.append(_Found(table, key, target, is_file, path))


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.strerror} (os error {error.errno})"
    return "file name contained an unexpected NUL byte"


def _text(path: str, keys: tuple[str, ...], mistakes: Mistakes) -> str | None:
    try:
        return read_text(path)
    except OSError as error:
        mistakes.say(f"Failed to read file at {path}: {_reason(error)}", keys)
    except NotUtf8Error as error:
        mistakes.say(f"Failed to read file at {path}: {error}", keys, hint=error.hint)
    return None


def _shared_folder(paths: list[str]) -> str:
    """The folders that all `paths` lie in, with the separator at the end."""
    if not paths:
        return ""
    folder = os.path.commonpath([str(Path(path).parent) for path in paths])
    return folder if folder.endswith(os.sep) else folder + os.sep
