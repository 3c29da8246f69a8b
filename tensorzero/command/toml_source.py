"""A TOML text as a row of statements, so that blocks are put in and taken out and every other byte stays.

Positions are characters. A statement is a table's header or one assignment, whole lines, with the comment at its end.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorzero.command.failures import CommandError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]  # installed below 3.11 only

Keys = tuple[str, ...]

_BASIC, _LITERAL = r'"(?:[^"\\\n]|\\.)*"', r"'[^'\n]*'"
_LONG = r'"""(?:[^\\]|\\.)*?"{3,5}' + "|'''.*?'{3,5}"
_TOKEN = re.compile(rf"{_LONG}|{_BASIC}|{_LITERAL}|#[^\n]*|[\[{{]|[\]}}]|\n|[^\"'#\[{{\]}}\n]+|.", re.DOTALL)
_NAME = rf"(?:[A-Za-z0-9_-]+|{_BASIC}|{_LITERAL})"
_ASSIGNED = re.compile(rf"[ \t]*({_NAME}(?:[ \t]*\.[ \t]*{_NAME})*)[ \t]*=")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Statement:
    """`text[start:end]`. `table` is the header above it (its own, for a header); `keys` the whole path that it sets."""

    start: int
    end: int
    keys: Keys
    table: Keys
    is_header: bool

    def within(self, keys: Keys) -> bool:
        return self.keys[: len(keys)] == keys


def parse(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def statements(text: str) -> list[Statement]:
    """Those of a text that parses."""
    found: list[Statement] = []
    table: Keys = ()
    at = 0
    while at < len(text):
        line = _line(text, at)
        if _is_blank(line) or _is_comment(line):
            at += len(line)
            continue
        end = _end(text, at)
        source = text[at:end]
        if line.lstrip(" \t").startswith("["):
            table = _only_path(source)
            found.append(Statement(at, end, table, table, True))
        elif assigned := _ASSIGNED.match(source):
            found.append(Statement(at, end, (*table, *_only_path(f"{assigned[1]} = 0")), table, False))
        at = end
    return found


def block(keys: Keys, values: Mapping[str, Any]) -> str:
    """A table's header and assignments. Values are texts, numbers, booleans and lists of them."""
    kit = tomlkit()
    lines = [f"[{'.'.join(kit.key(key).as_string() for key in keys)}]"]
    lines += [f"{kit.key(key).as_string()} = {kit.item(value).as_string()}" for key, value in values.items()]
    return "".join(f"{line}\n" for line in lines)


def with_table(text: str, keys: Keys, values: Mapping[str, Any], *, after: Sequence[Keys]) -> str:
    """`text` with a table at `keys`, behind the first of `after` that stands in it, or at the end.

    Raises CommandError where the text's spelling leaves no place for it.
    """
    rows = statements(text)
    inline = _inline_parent(rows, keys)
    changed = _edit_inline(text, inline, keys, values) if inline else _insert(text, rows, block(keys, values), after)
    expected = parse(text)
    _put(expected, keys, dict(values))
    return _checked(changed, expected, keys)


def without_table(text: str, keys: Keys) -> str:
    """`text` without everything at and below `keys`, and the comments directly above what goes. Raises CommandError."""
    rows = statements(text)
    inline = _inline_parent(rows, keys)
    changed = _edit_inline(text, inline, keys, None) if inline else _cut(text, rows, keys)
    expected = parse(text)
    _drop(expected, keys)
    return _checked(changed, expected, keys)


def tomlkit() -> Any:
    """The package, imported when a file is changed. Raises CommandError with the command that installs it."""
    try:
        import tomlkit as kit
    except ImportError:
        raise CommandError("Changing a configuration file needs tomlkit.", hint='pip install "tensorzero[cli]"') from None
    return kit


def _line(text: str, at: int) -> str:
    found = _LINE.match(text, at)
    return found[0] if found else ""


def _is_blank(line: str) -> bool:
    return not line.strip()


def _is_comment(line: str) -> bool:
    return line.lstrip(" \t").startswith("#")


def _end(text: str, at: int) -> int:
    """Behind the line break at which the statement is complete."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            return token.end()
    return len(text)


def _only_path(source: str) -> Keys:
    """The one path that a header or an assignment makes."""
    node: Any = parse(source)
    keys: list[str] = []
    while node:
        if isinstance(node, list):
            node = node[0]
        else:
            key, node = next(iter(node.items()))
            keys.append(key)
    return tuple(keys)


def _inline_parent(rows: Sequence[Statement], keys: Keys) -> Statement | None:
    """The assignment whose inline table `keys` stands in, or would."""
    shorter = [row for row in rows if not row.is_header and len(row.keys) < len(keys) and row.keys == keys[: len(row.keys)]]
    return shorter[0] if shorter else None


def _edit_inline(text: str, row: Statement, keys: Keys, values: Mapping[str, Any] | None) -> str:
    """Put `values` at `keys` inside one inline assignment, or take out what is there (None)."""
    kit = tomlkit()
    document = kit.parse(text[row.start : row.end])
    node: Any = document
    for key in keys[len(row.table) : -1]:
        if key not in node:
            if values is None:
                return text
            node[key] = kit.inline_table()
        node = node[key]
        if not isinstance(node, MutableMapping):
            raise _unplaceable(keys)
    if values is None:
        node.pop(keys[-1], None)
    else:
        table = kit.inline_table()
        table.update(values)
        node[keys[-1]] = table
    return text[: row.start] + kit.dumps(document) + text[row.end :]


def _insert(text: str, rows: Sequence[Statement], added: str, after: Sequence[Keys]) -> str:
    at = len(text.rstrip())
    at += len(_line(text, at))  # with its line break
    for keys in after:
        last = max((number for number, row in enumerate(rows) if row.within(keys)), default=None)
        if last is not None:
            while last + 1 < len(rows) and not rows[last + 1].is_header:
                last += 1  # what follows belongs to the same table
            at = _behind_comments(text, rows[last].end)
            break
    newline = "\r\n" if "\r\n" in text else "\n"
    before = "" if not text or text[:at].endswith("\n") else newline
    gap = newline if text[:at].strip() and _is_blank(_line(text, at)) else ""  # none in a file that has none here
    return text[:at] + before + gap + added.replace("\n", newline) + text[at:]


def _behind_comments(text: str, at: int) -> int:
    """Behind the comment lines that follow directly, if a blank line or the end follows them: they belong to what is above."""
    end = at
    while _is_comment(line := _line(text, end)):
        end += len(line)
    return end if _is_blank(_line(text, end)) else at


def _cut(text: str, rows: Sequence[Statement], keys: Keys) -> str:
    for number in range(len(rows) - 1, -1, -1):
        if rows[number].within(keys) and (number == 0 or not rows[number - 1].within(keys)):
            last = number
            while last + 1 < len(rows) and rows[last + 1].within(keys):
                last += 1
            floor = rows[number - 1].end if number else 0
            text = _cut_span(text, floor, rows[number].start, rows[last].end, whole_table=rows[number].is_header)
    return text


def _cut_span(text: str, floor: int, start: int, end: int, *, whole_table: bool) -> str:
    """Without `text[start:end]`, its comments, and the blank lines that kept it apart; nothing before `floor` goes."""
    end = _behind_comments(text, end) if whole_table else end
    while start > floor and _is_comment(line := _line_before(text, start)):
        start -= len(line)
    if whole_table and _is_blank(_line(text, end)):
        while start > floor and _is_blank(line := _line_before(text, start)):
            start -= len(line)
        if start == 0:
            while (line := _line(text, end)) and _is_blank(line):
                end += len(line)
    return text[:start] + text[end:]


def _line_before(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, max(at - 1, 0)) + 1 : at]


def _put(document: dict[str, Any], keys: Keys, values: dict[str, Any]) -> None:
    for key in keys[:-1]:
        document = document.setdefault(key, {})
        if not isinstance(document, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - a file may say anything
            raise _unplaceable(keys)
    document[keys[-1]] = values


def _drop(document: dict[str, Any], keys: Keys) -> None:
    if len(keys) == 1:
        document.pop(keys[0], None)
    elif isinstance(inner := document.get(keys[0]), dict):
        _drop(inner, keys[1:])


def _without_empty(value: Any) -> Any:
    """Without empty tables: a table that only its inner tables made goes with the last of them."""
    if not isinstance(value, dict):
        return value
    inner = {key: _without_empty(item) for key, item in value.items()}
    return {key: item for key, item in inner.items() if item != {}}


def _checked(text: str, expected: Mapping[str, Any], keys: Keys) -> str:
    """`text`, if it says what it should and nothing else."""
    try:
        said = parse(text)
    except tomllib.TOMLDecodeError:
        said = None
    if said is None or _without_empty(said) != _without_empty(expected):
        raise _unplaceable(keys)
    return text


def _unplaceable(keys: Keys) -> CommandError:
    return CommandError(
        f"`{'.'.join(keys)}` cannot be changed in the way this file writes its tables.",
        hint="Write it as a table of its own, with a header in brackets, and try again.",
    )
