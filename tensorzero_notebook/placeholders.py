"""`{name}` in a prompt cell, filled in from the user's own names. No code of anybody's runs for it. Pure functions.

    {name}  {name[0]}  {name["key"]}  {name.field}     a value, or one inside it, as text
    {price:.2f}  {count:,}                             a number, in Python's format
    {{name}}                                           the words {name}

Every other brace stays as it is written: JSON, LaTeX, CSS, awk, templates, expressions, and names that are not the user's.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import unicodedata
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.keys import contains_known_key
from tensorzero_notebook.plain_values import NotPlain, Step, formatted, is_data, text_of, value_inside

_NAME = r"[^\W\d][\w\u0080-\U0010ffff]*"
_STEP = rf"""\.{_NAME}|\[-?\d{{1,9}}\]|\["[^"\\\n]*"\]|\['[^'\\\n]*'\]"""
_FORMAT = r"[-+ ]?0?\d{0,2}[,_]?(?:\.\d{1,2})?[deEfFgG%]?"
_PLACEHOLDER = re.compile(
    rf"(?<!\{{)(?P<open>\{{+)(?P<body>(?P<name>{_NAME})(?P<steps>(?:{_STEP})*)(?::(?P<format>{_FORMAT}))?)(?P<close>\}}+)"
)
_FORMATS = re.compile(r"[,_.%]|\d[deEfFgG]")
"""What makes a format: `{x:1}` and `{a:b}` are somebody's code."""
_STEPS = re.compile(_STEP)
_EXPRESSION = re.compile(r"(?<!\{)\{([^{}\n]{1,200})\}(?!\})")
_AFTER_EXPRESSION = re.compile(r"=?(?:![rsa])?(?::[^:\[\]\"']*)?$")
_PYTHONS = frozenset((*dir(builtins), *keyword.kwlist))
_NEAR = 0.75
_MOST_SLIPS = 50
_MOST_EXPRESSIONS = 100
_MOST_TOLD = 5
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Filled:
    """The text to send; the placeholders filled in and their characters; those written in double braces; and what looks
    like a placeholder and stayed."""

    text: str = ""
    values: Mapping[str, int] = field(default_factory=dict[str, int])
    doubled: Collection[str] = ()
    left: Collection[str] = ()

    def told(self) -> str | None:
        """One line on what is not as it was written, or may not be as it was meant; None where there is nothing to say."""
        values = [f"{{{body}}} ({size:,} character{'' if size == 1 else 's'})" for body, size in self.values.items()]
        doubled = [f"{{{{{body}}}}}" for body in self.doubled]
        left = [f"{{{body}}}" for body in self.left]
        parts = [("filled in", values), ("without the doubled braces", doubled), ("left as written", left)]
        return "; ".join(f"{what} {_listed(which)}" for what, which in parts if which) or None

    def after(self, other: Filled) -> Filled:
        """With what `other` tells, before this."""
        doubled, left = dict.fromkeys((*other.doubled, *self.doubled)), dict.fromkeys((*other.left, *self.left))
        return Filled(self.text, {**other.values, **self.values}, tuple(doubled), tuple(left))


@dataclass(frozen=True, slots=True)
class Names:
    """`own`: what the user defined. `others`: names that are there as well, such as IPython's."""

    own: Mapping[str, Any] = field(default_factory=dict[str, Any])
    others: Collection[str] = ()


def names_of(namespace: Mapping[str, Any], hidden: Mapping[str, Any]) -> Names:
    """What `%who` calls the user's: neither private, nor one of `hidden` with the value that it has there."""
    present = dict(namespace)
    own = {name: value for name, value in present.items() if name[:1] != "_" and value is not hidden.get(name, _MISSING)}
    return Names(own, present.keys() - own.keys())


def fill_in(text: str, names: Names) -> Filled:
    """Raises `UserError`, before anything is sent, for a name that is nearly one of the user's, and for a value that is no
    plain text, number or list of them."""
    pieces: list[str] = []
    values: dict[str, int] = {}
    doubled: dict[str, None] = {}
    left: dict[str, None] = {}
    slips = _Slips(names)
    at = 0
    for match in _PLACEHOLDER.finditer(text):
        braces, body, name = len(match["open"]), match["body"], _normal(match["name"])
        code = not name.isidentifier() or (match["format"] is not None and not _FORMATS.search(match["format"]))
        near = None if code or name in names.own else slips.meant(name)
        if code or len(match["close"]) < braces or not (name in names.own or near):
            if braces == 1 and not code:
                left[body] = None
            continue
        if braces % 2 == 0:
            written = body
            doubled[body] = None
        elif near:
            raise UserError(f"There is no name {name} for {{{body}}}.", hint=f"Did you mean {{{near}}}? {_ways(body)}")
        else:
            written = _value(match, names.own[name])
            values[body] = len(written)
        pieces += (text[at : match.start()], "{" * (braces // 2), written, "}" * (braces // 2))
        at = match.end("body") + braces
    left |= dict.fromkeys(_expressions(text, names.own, values.keys() | left.keys()))
    return Filled("".join([*pieces, text[at:]]), values, tuple(doubled), tuple(left))


class _Slips:
    """Names that are nearly one of the user's. Python's words and IPython's names are never that: `exit` is no `text`."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._data: list[str] | None = None
        self._found: dict[str, str | None] = {}

    def meant(self, name: str) -> str | None:
        if name not in self._found and len(self._found) < _MOST_SLIPS:
            self._found[name] = self._nearest(name)
        return self._found.get(name)

    def _nearest(self, name: str) -> str | None:
        if name in _PYTHONS or name in self._names.others or name[:1] == "_":
            return None
        if self._data is None:
            self._data = [own for own, value in self._names.own.items() if is_data(value)]
        return next(iter(get_close_matches(name, self._data, 1, _NEAR)), None)


def _normal(name: str) -> str:
    """As Python spells a name."""
    return name if name.isascii() else unicodedata.normalize("NFKC", name)


def _value(match: re.Match[str], value: Any) -> str:
    body = match["body"]
    try:
        value = value_inside(value, match["name"], list(_steps(match["steps"])))
        text = text_of(value) if match["format"] is None else formatted(value, match["format"])
    except NotPlain as problem:
        hint = f"{problem.hint} {_ways(body)}" if problem.hint else _ways(body)
        raise UserError(f"{{{body}}} cannot be filled in: {problem}.", hint=hint) from None
    variable = contains_known_key(text)
    if variable is not None:
        raise UserError(f"{{{body}}} is not filled in: it holds the value of {variable}.", hint=_ways(body))
    return text


def _steps(text: str) -> Iterator[Step]:
    for match in _STEPS.finditer(text):
        step = match[0]
        if step[0] == ".":
            yield Step(_normal(step[1:]), field=True)
        else:
            inside = step[1:-1]
            yield Step(inside[1:-1] if inside[0] in "\"'" else int(inside))


def _ways(body: str) -> str:
    return f"{{{{{body}}}}} sends {{{body}}}; --no-fill sends the whole cell as it is."


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_TOLD
    return ", ".join(names[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")


def _expressions(text: str, own: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    """What would be an expression of the user's names, and is not evaluated."""
    tried = 0
    for match in _EXPRESSION.finditer(text):
        source = match[1]
        if source in known or own.keys().isdisjoint(re.findall(_NAME, source)):
            continue
        tried += 1
        if tried > _MOST_EXPRESSIONS:
            return
        if _is_expression(source.strip(), own):
            yield source


def _is_expression(source: str, own: Mapping[str, Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(_AFTER_EXPRESSION.sub("", source), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return not named.isdisjoint(own) and all(name in own or name in _PYTHONS for name in named)
