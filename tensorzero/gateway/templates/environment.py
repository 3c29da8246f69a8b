"""MiniJinja templates, rendered as the original renders them.

The `minijinja` package is the same engine behind a Python binding, and its binding is where the two would differ: it
hands Python's own dicts and lists to a template (with their methods, their order of keys and their `repr`). So values
other than text, numbers, booleans and none are written as literals in front of the template's text, `{% set x = … %}`,
on its first line: the engine then builds values of its own. Engines from 2.22 on print `None` and `True`, where the
original prints `none` and `true`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import minijinja
import orjson

from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.templates.hints import IncludedFrom, missing_include_hint, rendering_hint
from tensorzero.gateway.templates.source import EXPONENTS, as_the_original_reads, exponents

_ABSENT_FILTERS = (
    "filesizeformat",
    "pluralize",
    "striptags",
    "truncate",
    "urlencode",
    "wordcount",
    "wordwrap",
    "random",
    "center",
)
_ABSENT_FUNCTIONS = ("cycler", "joiner", "lipsum", "now", "random")
_NOT_ASSIGNABLE = frozenset(
    ["and", "else", "false", "False", "if", "in", "is", "loop", "none", "None", "not", "or", "self", "super", "true", "True"]
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_STRING_OR_NULL = re.compile(rb'"(?:[^"\\]|\\.)*"|null')
_CAUSE = re.compile(r"\n+caused by: ")
_LITERAL_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS
_LITERAL_DEPTH = 30
_MIN_INT, _MAX_INT, _MAX_UNSIGNED = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1

_REMEMBERED, _REMEMBERED_LENGTH = 256, 32_768  # texts; characters and bytes of one

_MISSING_CALL = "__tensorzero_missing_template__"
_MISSING_SOURCE = "{{ " + _MISSING_CALL + "() }}"
_MISSING_AT_LOAD = re.compile(
    r'could not render include: error in "(?P<name>[^"\n]*)" \(in (?P<where>[^\n]*)\)\nCaused by: unknown function: '
    + _MISSING_CALL
    + r" is unknown[^\n]*"
)
_IN = re.compile(r"\(in ([^\n]*?):\d+\)")
_MISSING_NAME = re.compile(r"Could not load template '([^\n]*?)'(?:: the file was missing\.| - if this a dynamic)")
_MISSING_PARENT = re.compile(r"unknown function: " + _MISSING_CALL + r" is unknown \(in (?P<name>[^\n]*):1\)")


class TemplateLoadError(ValueError):
    """A template that does not parse; the message is the original's."""


def check_template(name: str, source: str) -> str | None:
    """The original's load-time text for a template that does not parse, or None."""
    return _add(_environment({}), name, source)


def _add(environment: minijinja.Environment, name: str, source: str) -> str | None:
    message = _fault(environment, name, source)
    if message is None:
        return None
    return f"MiniJinjaTemplate {{ template_name: {_rust_debug(name)}, message: {_rust_debug(message)} }}"


def _fault(environment: minijinja.Environment, name: str, source: str) -> str | None:
    try:
        environment.add_template(name, source)
    except minijinja.TemplateError as error:
        return f"Failed to add template: {error.message}"
    return None


class Templates:
    """Templates by name. Built once for a configuration; rendering is thread-safe."""

    __slots__ = ("_environment", "_folder", "_read", "_rendered", "_sources")

    def __init__(self, sources: Mapping[str, str], folder: IncludedFrom | None = None) -> None:
        """`folder`: where included files came from, which only has a say in errors. Raises TemplateLoadError."""
        self._sources = dict(sources)
        self._folder = folder
        self._read = {name: as_the_original_reads(source) for name, source in self._sources.items()}
        self._environment = _environment(self._read)
        self._rendered: dict[tuple[str, bytes], str] = {}
        for name, source in self._read.items():
            fault = _add(self._environment, name, source) and check_template(name, self._sources[name])
            if fault is not None:
                raise TemplateLoadError(fault)

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def source(self, name: str) -> str:
        """A template's text as it was given."""
        return self._sources[name]

    def extended(self, sources: Mapping[str, str]) -> Templates:
        """These and `sources`, which win. Raises GatewayError for one that does not parse."""
        if not sources:
            return self
        for name, source in sources.items():
            fault = _fault(_environment({}), name, source)
            if fault is not None:
                raise GatewayError(f"Error rendering template {name}: {fault}")
        return Templates({**self._sources, **sources}, self._folder)

    def render(self, name: str, context: Any) -> str:
        """The text of template `name`, whose variables are the keys of `context`; any other JSON value has none.

        The same arguments give the same text, so the latest few hundred are remembered: a system prompt is usually the same
        from call to call. Raises GatewayError with the original's text.
        """
        try:
            key = (name, orjson.dumps(context))
        except TypeError:  # what JSON text cannot hold
            return self._render(name, context)
        text = self._rendered.get(key)
        if text is None:
            text = self._render(name, context)
            if len(self._rendered) >= _REMEMBERED:
                self._rendered.clear()
            if len(text) + len(key[1]) <= _REMEMBERED_LENGTH:
                self._rendered[key] = text
        return text

    def _render(self, name: str, context: Any) -> str:
        plain: dict[str, Any] = {}
        nested: dict[str, Any] = {}
        if isinstance(context, dict):
            variables: dict[str, Any] = context
            for key, value in variables.items():
                kind = type(value)
                if (
                    kind is str
                    or kind is bool
                    or kind is float
                    or value is None
                    or (kind is int and _MIN_INT <= value <= _MAX_INT)
                ):
                    plain[key] = value
                else:
                    nested[key] = value
        prefix = ""
        try:
            if not nested:
                return self._environment.render_template(name, **plain)
            try:
                prefix = _assignments(plain, nested)
                return self._environment.render_str(prefix + self._read[name], name, **plain)
            except minijinja.TemplateError as error:
                if error.kind != "SyntaxError":
                    raise
            prefix = "".join(_deep_sets(key, value) for key, value in nested.items())  # deeper than the engine's parser goes
            return self._environment.render_str(prefix + self._read[name], name, **plain)
        except minijinja.TemplateError as error:
            detail = self._detail(error, name)
            message = f"Error rendering template {name}: Could not render template: {detail}"
            source = prefix + self._read[name] if error.name == name else None
            raise GatewayError(message, hint=self._hint(error, detail, source, context)) from None

    def variables(self, name: str) -> set[str]:
        """Names that template `name` reads and does not define."""
        return self._environment.undeclared_variables_in_str(self._sources[name])

    def _detail(self, error: minijinja.TemplateError, name: str) -> str:
        text = _CAUSE.sub("\nCaused by: ", str(error)).rstrip("\n")
        if _MISSING_CALL not in text:
            return text
        text = _MISSING_AT_LOAD.sub(lambda m: f"{self._missing(m['name'])} (in {m['where']})", text)
        return _MISSING_PARENT.sub(lambda m: f"{self._missing(m['name'])} (in {name}:1)", text)

    def _hint(self, error: minijinja.TemplateError, detail: str, source: str | None, context: Any) -> str | None:
        missing = _MISSING_NAME.search(detail)
        if missing is not None:
            return missing_include_hint(missing[1], self._folder)
        where = _IN.findall(detail)
        return rendering_hint(error, source, context, self.variables(where[-1]) if where and where[-1] in self else set())

    def _missing(self, name: str) -> str:
        if self._folder is not None:
            return f"invalid operation: Could not load template '{name}': the file was missing."
        return (
            f"invalid operation: Could not load template '{name}' - if this a dynamic template included from the filesystem, "
            "please set `gateway.template_filesystem_access.enabled` to `true`"
        )


def _environment(sources: Mapping[str, str]) -> minijinja.Environment:
    environment = minijinja.Environment(
        loader=lambda name: sources.get(name, _MISSING_SOURCE),
        undefined_behavior="strict",
        pycompat=False,
        debug=False,
        auto_escape_callback=_escaping,
    )
    environment.add_filter(EXPONENTS, exponents)
    for name in _ABSENT_FILTERS:
        environment.remove_filter(name)
    for name in _ABSENT_FUNCTIONS:
        environment.remove_global(name)
    return environment


def _escaping(name: str) -> str | None:
    for suffix in (".j2", ".jinja2", ".jinja"):
        if name.endswith(suffix):
            name = name[: -len(suffix)]
            break
    extension = name.rpartition(".")[2] if "." in name else ""
    if extension in ("html", "htm", "xml"):
        return "html"
    if extension in ("json", "json5", "js", "yaml", "yml"):
        return "json"
    return None


def _assignments(plain: dict[str, Any], nested: dict[str, Any]) -> str:
    """Literals for `nested`. What cannot be assigned goes over to `plain`."""
    sets: list[str] = []
    for key in list(nested):
        if _NAME.match(key) and key not in _NOT_ASSIGNABLE:
            sets.append(f"{{% set {key} = {_literal(nested[key])} %}}")
        else:
            plain[key] = nested.pop(key)
    return "".join(sets)


def _literal(value: Any) -> str:
    """`value` in the template language: JSON with sorted keys, and `none` for null."""
    try:
        text = orjson.dumps(value, option=_LITERAL_OPTIONS)
    except TypeError:
        text = orjson.dumps(_within_64_bits(value), option=_LITERAL_OPTIONS)
    if b"null" in text:
        text = _STRING_OR_NULL.sub(lambda m: b"none" if m[0] == b"null" else m[0], text)
    return text.decode()


def _deep_sets(key: str, value: Any) -> str:
    """The assignment of a deeply nested value, with assignments of its inner parts in front."""
    sets: list[str] = []

    def write(value: Any) -> tuple[str, int]:
        """The literal and its depth."""
        if isinstance(value, dict):
            items = [(orjson.dumps(str(k)).decode(), *write(v)) for k, v in sorted(cast("dict[Any, Any]", value).items())]
            text = "{" + ",".join(f"{name}:{item}" for name, item, _ in items) + "}"
            depth = max((item[2] for item in items), default=0) + 1
        elif isinstance(value, (list, tuple)):
            parts = [write(item) for item in cast("list[Any]", value)]
            text = "[" + ",".join(part for part, _ in parts) + "]"
            depth = max((depth for _, depth in parts), default=0) + 1
        else:
            return _literal(value), 0
        if depth < _LITERAL_DEPTH:
            return text, depth
        name = f"__tensorzero_{key}_{len(sets)}"
        sets.append(f"{{% set {name} = {text} %}}")
        return name, 0

    text, _ = write(value)
    return "".join(sets) + f"{{% set {key} = {text} %}}"


def _within_64_bits(value: Any) -> Any:
    """Integers beyond 64 bits are floats to the original's JSON reader; subclasses become plain values."""
    if isinstance(value, dict):
        return {str(key): _within_64_bits(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_within_64_bits(item) for item in cast("list[Any]", value)]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value) if _MIN_INT <= value <= _MAX_UNSIGNED else float(value)
    return value


def _rust_debug(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return f'"{escaped}"'
