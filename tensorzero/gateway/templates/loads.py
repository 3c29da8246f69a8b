"""Which templates a template's text loads: names written out, and loads that only a rendering could resolve.

The original reads every named template when a configuration is loaded, and refuses the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TAG = re.compile(
    r"\{#.*?#\}"
    r"|\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}"
    r"|\{%[-+]?\s*(?P<keyword>include|import|from|extends)\b(?P<rest>(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|(?!%\})[^\"'])*)%\}",
    re.DOTALL,
)
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\w+|\s+|.", re.DOTALL)
_NUMBER = re.compile(r"\d[\w.]*\Z")
_KINDS = {"import": "Import", "from": "FromImport", "extends": "Extends"}


@dataclass(frozen=True, slots=True)
class TemplateLoads:
    """`names` in order of appearance; `dynamic` is the original's error text, None where every load is a name."""

    names: tuple[str, ...]
    dynamic: str | None


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def template_loads(name: str, source: str) -> TemplateLoads:
    """What the text `source` of template `name` includes, imports and extends."""
    names: list[str] = []
    dynamic: list[str] = []
    for tag in _TAG.finditer(source):
        keyword = tag["keyword"]
        if keyword is None:
            continue
        tokens, kind = _loaded_expression(
            keyword, [_Token(t[0], tag.start("rest") + t.start()) for t in _TOKEN.finditer(tag["rest"])]
        )
        for reason, part in _leaves(tokens):
            if reason is None:
                names.append(_unquoted(part[0].text))
            else:
                dynamic.append(_location(name, source, part[0].start, part[-1].end, reason, kind))
                break
    text = f"DynamicTemplateLoad {{ internal: DynamicLoadsFound([{', '.join(dynamic)}]) }}" if dynamic else None
    return TemplateLoads(tuple(dict.fromkeys(names)), text)


def _loaded_expression(keyword: str, tokens: list[_Token]) -> tuple[list[_Token], str]:
    tokens = [t for t in tokens if not t.text.isspace()]
    while tokens and tokens[-1].text in "-+":
        tokens.pop()
    words = [t.text for t in tokens]
    if keyword == "include":
        ignore = words[-2:] == ["ignore", "missing"]
        return tokens[: -2 if ignore else None], f"Include {{ ignore_missing: {'true' if ignore else 'false'} }}"
    stop = {"import": "as", "from": "import"}.get(keyword)
    if stop in words:
        tokens = tokens[: words.index(stop)]
    return tokens, _KINDS[keyword]


def _leaves(tokens: list[_Token]) -> Iterator[tuple[str | None, list[_Token]]]:
    """The names (reason None) and the dynamic parts of one expression, with what the original calls them."""
    if not tokens:
        return
    words = [t.text for t in tokens]
    top = _top_level(tokens)
    if "if" in top:
        yield from _leaves(tokens[: top["if"]])
        if "else" in top:
            yield from _leaves(tokens[top["else"] + 1 :])
    elif len(tokens) == 1 and words[0][0] in "\"'":
        yield None, tokens
    elif len(tokens) == 1:
        if words[0].lower() != "none":
            yield ("non-string constant" if _NUMBER.match(words[0]) else "variable"), tokens
    elif words[0] in "([" and _closes_at(words, 0) == len(words) - 1:
        for element in _elements(tokens[1:-1]):
            yield from _leaves(element)
    elif words[0] == "{" and _closes_at(words, 0) == len(words) - 1:
        yield "map literal", tokens
    else:
        yield _dynamic(tokens, words, top)


def _dynamic(tokens: list[_Token], words: list[str], top: dict[str, int]) -> tuple[str, list[_Token]]:
    if not top.keys() & {"~", "+", "-", "*", "/", "%", "and", "or", "not"}:
        if "|" in top:
            return "filter expression", tokens[top["|"] + 1 :]
        if "is" in top:
            return "test expression", tokens[top["is"] + 1 :]
        if words[-1] == ")":
            return "call", tokens[top["."] :] if "." in top else tokens
    return "expression", tokens


def _top_level(tokens: list[_Token]) -> dict[str, int]:
    """The last position of each word outside of brackets."""
    found: dict[str, int] = {}
    depth = 0
    for index, token in enumerate(tokens):
        depth -= token.text in ")]}"
        if depth == 0:
            found[token.text] = index
        depth += token.text in "([{"
    return found


def _closes_at(words: list[str], start: int) -> int:
    depth = 0
    for index in range(start, len(words)):
        depth += (words[index] in "([{") - (words[index] in ")]}")
        if depth == 0:
            return index
    return -1


def _elements(tokens: list[_Token]) -> Iterator[list[_Token]]:
    depth = 0
    element: list[_Token] = []
    for token in tokens:
        depth += (token.text in "([{") - (token.text in ")]}")
        if token.text == "," and depth == 0:
            yield element
            element = []
        else:
            element.append(token)
    yield element


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _location(name: str, source: str, start: int, end: int, reason: str, kind: str) -> str:
    line = source.count("\n", 0, start) + 1
    column = start - (source.rfind("\n", 0, start) + 1)
    span = f"({len(source[:start].encode())}, {len(source[:end].encode())})"
    quote = source[start:end].replace("\\", "\\\\").replace('"', '\\"')
    return (
        f'DynamicLoadLocation {{ template_name: "{name}", line: {line}, column: {column}, span: {span}, '
        f'source_quote: "{quote}", reason: "{reason}", load_kind: {kind} }}'
    )
