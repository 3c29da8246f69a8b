"""A template's text, changed where this engine would render it otherwise than the original's.

The original keeps every map in order of its keys, so map literals and the arguments of `dict` are put in that order; and
the JSON that it writes has `1e+20` where this engine has `1e20`, so what goes through `tojson` also goes through a filter
of ours.
"""

from __future__ import annotations

import re
from typing import Any

import minijinja

EXPONENTS = "__tensorzero_exponents__"
"""The name of the filter behind `tojson`: `exponents`."""

_CONCERNED = re.compile(r"\btojson\b|\bdict\(")
_OPENED = re.compile(r"\{\s*[^\s{%#]")
_SKIPPED = re.compile(r"\{#.*?#\}|\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}", re.DOTALL)
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\w+|\s+|.", re.DOTALL)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_EXPONENT = re.compile(r'"(?:[^"\\]|\\.)*"|(?<=\d)e(?=\d)')
_CONSTANTS: dict[str, tuple[int, Any]] = {
    "none": (0, 0), "None": (0, 0), "false": (1, 0), "False": (1, 0), "true": (1, 1), "True": (1, 1),
}  # fmt: skip


def as_the_original_reads(source: str) -> str:
    """`source` with its map literals in order and its JSON filtered; as it is where its tags do not end."""
    if not _is_concerned(source):
        return source
    out: list[str] = []
    at = 0
    while at < len(source):
        skipped = _SKIPPED.match(source, at)
        if skipped:
            out.append(skipped[0])
            at = skipped.end()
        elif source.startswith(("{{", "{%"), at):
            tokens = _tag(source, at + 2, "}}" if source[at + 1] == "{" else "%}")
            if tokens is None:
                return source
            out.append(source[at : at + 2] + _rewritten(tokens))
            at += 2 + sum(map(len, tokens))
        else:
            following = source.find("{", at + 1)
            following = len(source) if following < 0 else following
            out.append(source[at:following])
            at = following
    return "".join(out)


def _is_concerned(source: str) -> bool:
    opened = _OPENED.search(source)
    return (opened is not None and source.find(":", opened.end()) >= 0) or _CONCERNED.search(source) is not None


def exponents(text: Any) -> Any:
    """JSON text with a sign in every exponent."""
    return minijinja.safe(_EXPONENT.sub(lambda m: "e+" if m[0] == "e" else m[0], str(text)))


def _tag(source: str, start: int, end: str) -> list[str] | None:
    """The tokens from `start` up to the tag's `end`, which is not among them; None for a tag without one."""
    tokens: list[str] = []
    open_brackets: list[str] = []
    at = start
    while at < len(source):
        if not open_brackets and source.startswith(end, at):
            return tokens
        match = _TOKEN.match(source, at)
        token = match[0] if match else source[at]
        if token in _PAIRS:
            open_brackets.append(_PAIRS[token])
        elif open_brackets and token == open_brackets[-1]:
            open_brackets.pop()
        tokens.append(token)
        at += len(token)
    return None


def _rewritten(tokens: list[str]) -> str:
    out: list[str] = []
    at = 0
    while at < len(tokens):
        word = tokens[at]
        if word == "{" and (close := _close(tokens, at)) is not None:
            out.append("{" + _ordered(tokens[at + 1 : close], ":") + "}")
            at = close + 1
        elif word == "dict" and tokens[at + 1 : at + 2] == ["("] and (close := _close(tokens, at + 1)) is not None:
            out.append("dict(" + _ordered(tokens[at + 2 : close], "=") + ")")
            at = close + 1
        elif word == "tojson" and _follows_a_bar(tokens, at):
            end = _end_of_call(tokens, at + 1)
            out.append(f"tojson{_rewritten(tokens[at + 1 : end])}|{EXPONENTS}")
            at = end
        else:
            out.append(word)
            at += 1
    return "".join(out)


def _ordered(inside: list[str], sign: str) -> str:
    """Entries, with `sign` behind their keys, in order of these; as written if a key is not a constant."""
    entries = _split(inside, ",")
    if len(entries) > 1 and not "".join(entries[-1]).strip():
        entries.pop()
    keys = [_key(entry, sign) for entry in entries]
    parts = [_rewritten(entry) for entry in entries]
    ranked = [key for key in keys if key is not None]
    if len(ranked) == len(keys):
        parts = [parts[i] for i in sorted(range(len(parts)), key=ranked.__getitem__)]
    return ",".join(parts)


def _key(entry: list[str], sign: str) -> tuple[int, Any] | None:
    """Where the key of `entry` comes among others; None if only a rendering could tell."""
    words = [token for token in entry if not token.isspace()]
    if len(words) < 3 or words[1] != sign:
        return None
    word = words[0]
    if sign == "=":
        return (3, word)
    if word in _CONSTANTS:
        return _CONSTANTS[word]
    if word[0] in "\"'":
        return None if "\\" in word else (3, word[1:-1])
    return (2, float(word)) if word[0].isdigit() and word[-1].isdigit() else None


def _split(tokens: list[str], separator: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token in _PAIRS) - (token in _PAIRS.values())
        if token == separator and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _close(tokens: list[str], start: int) -> int | None:
    depth = 0
    for at in range(start, len(tokens)):
        depth += (tokens[at] in _PAIRS) - (tokens[at] in _PAIRS.values())
        if depth == 0:
            return at
    return None


def _follows_a_bar(tokens: list[str], at: int) -> bool:
    before = [token for token in tokens[:at] if not token.isspace()]
    return before[-1:] == ["|"]


def _end_of_call(tokens: list[str], at: int) -> int:
    """Behind the arguments that follow, if any."""
    start = at
    while start < len(tokens) and tokens[start].isspace():
        start += 1
    if start < len(tokens) and tokens[start] == "(" and (close := _close(tokens, start)) is not None:
        return close + 1
    return at
