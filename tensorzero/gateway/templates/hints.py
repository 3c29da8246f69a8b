"""The next step after a template failed to render."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Protocol, cast

import minijinja

_NAMES = 20
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_UNKNOWN = re.compile(
    r"unknown (?P<what>filter|test|function): \w+ (?P<name>\S+) is unknown|unknown function: (?P<call>\S+) is"
)
_METHOD = re.compile(r"unknown method: (?P<kind>\w+) has no method named (?P<name>\w+)")
_AS_FILTERS = {"items", "upper", "lower", "title", "capitalize", "replace", "split", "join", "keys", "strip", "format"}
_OTHER_NAMES = {"strip": "trim", "lstrip": "trim", "rstrip": "trim", "values": "items", "startswith": "is startingwith"}


class IncludedFrom(Protocol):
    """A folder that templates may include files from."""

    @property
    def folder(self) -> str: ...
    def why_not(self, name: str) -> str:
        """Why the file that an include names was not read."""
        ...


def missing_include_hint(name: str, folder: IncludedFrom | None) -> str:
    if folder is None:
        return (
            '`gateway.template_filesystem_access.base_path = "FOLDER"` lets templates include the files below a folder, given '
            "relative to the TOML file."
        )
    return f"Included files are looked for in `{folder.folder}`. {folder.why_not(name)}"


def rendering_hint(error: minijinja.TemplateError, source: str | None, context: Any, reads: set[str]) -> str | None:
    """`source`: the text that `error.range` is about, where it is known; `reads`: names of the template at fault."""
    text = str(error)
    if "undefined value" in text:
        return _undefined_hint(_expression(error, source), context, reads)
    method = _METHOD.search(text)
    if method is not None:
        name = _OTHER_NAMES.get(method["name"], method["name"])
        test = f"`x {name} y`" if name.startswith("is ") else f"`x|{name}`"
        return f"Templates have filters and tests, no Python methods: write {test} in place of `x.{method['name']}()`."
    unknown = _UNKNOWN.search(text)
    if unknown is not None and unknown["call"] is not None:
        return f"`{unknown['call']}` is neither a function nor a macro here. {_listed(context)}"
    if unknown is not None:
        url = f"https://docs.rs/minijinja/latest/minijinja/{unknown['what']}s"
        return f"`{unknown['name']}` is no {unknown['what']} of MiniJinja: {url} lists them."
    return None


def _expression(error: minijinja.TemplateError, source: str | None) -> str | None:
    """What was evaluated, where it is a name or a path of names."""
    span = error.range
    if span is None or source is None:
        return None
    text = source.encode()[span[0] : span[1]].decode("utf-8", "replace")
    return text if _PATH.match(text) else None


def _undefined_hint(expression: str | None, context: Any, reads: set[str]) -> str:
    given = cast("Mapping[str, Any]", context) if isinstance(context, Mapping) else {}
    first = None if expression is None else expression.split(".")[0]
    if expression is None or (first not in given and first in reads):
        missing = sorted(reads - given.keys()) if first is None else [first]
        listed = ", ".join(f"`{name}`" for name in missing[:_NAMES])
        near = _near(missing[0], given) if len(missing) == 1 else ""
        start = f"The template reads {listed}, which the call does not give.{near}" if listed else "Something is not defined."
        return f"{start} {_listed(context)}"
    found = context
    walked: list[str] = []
    for step in expression.split("."):
        if not isinstance(found, Mapping) or step not in found:
            break
        walked.append(step)
        found = cast("Mapping[str, Any]", found)[step]
    else:
        return f"`{expression}` is not defined at that place of the template. {_listed(context)}"
    missing = expression.split(".")[len(walked)]
    what = f"`{'.'.join(walked)}` has" if walked else "Arguments of this call"
    return f"`{expression}` is not defined.{_near(missing, found)} {_listed(found, what)}"


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, list(map(str, known)), 1) if isinstance(known, Mapping) else []
    return f" Did you mean `{near[0]}`?" if near else ""


def _listed(context: Any, what: str = "Arguments of this call") -> str:
    names = [f"`{key}`" for key in list(cast("Mapping[Any, Any]", context))[:_NAMES]] if isinstance(context, Mapping) else []
    return f"{what}: {', '.join(names) or 'none'}."
