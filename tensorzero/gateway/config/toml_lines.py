"""TOML with the line ends that its multi-line strings have, which the standard reader makes one."""

from __future__ import annotations

import re
import sys
from typing import Any, cast

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]  # installed below 3.11 only

_MARK = "\ufdd0"  # a character that texts do not hold
_TOKEN = re.compile(
    r'"""(?P<basic>(?:\\.|[^\\])*?)"{3,5}'
    r"|'''(?P<literal>.*?)'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*",
    re.DOTALL,
)
_FOLDED = re.compile(r"\\[ \t]*\r?\n\s*|\\.|\r\n", re.DOTALL)


def parse_toml(text: str) -> dict[str, Any]:
    """The document. Raises `tomllib.TOMLDecodeError`, with places of the text as it is; ValueError, RecursionError."""
    if "\r\n" not in text or ('"""' not in text and "'''" not in text) or _MARK in text:
        return tomllib.loads(text)
    document = tomllib.loads(text)  # whatever is wrong is told of the text as it is
    marked = _TOKEN.sub(_marked, text)
    return document if marked == text else _unmarked(tomllib.loads(marked))


def _marked(match: re.Match[str]) -> str:
    """A string whose line ends are marked: not the first, which does not count, nor where lines are folded."""
    name = "basic" if match["basic"] is not None else "literal"
    inside = match[name]
    if inside is None:
        return match[0]
    start = match.start(name) - match.start()
    first = "\r\n" if inside.startswith("\r\n") else ""
    rest = inside[len(first) :]
    if name == "basic":
        rest = _FOLDED.sub(lambda found: f"{_MARK}\n" if found[0] == "\r\n" else found[0], rest)
    else:
        rest = rest.replace("\r\n", f"{_MARK}\n")
    return match[0][:start] + first + rest + match[0][start + len(inside) :]


def _unmarked(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(f"{_MARK}\n", "\r\n")
    if isinstance(value, dict):
        return {key: _unmarked(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_unmarked(item) for item in cast("list[Any]", value)]
    return value
