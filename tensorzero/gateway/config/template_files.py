"""Every template of a configuration, and the files that templates include when `template_filesystem_access` allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.included_files import IncludedFiles
from tensorzero.gateway.config.mistakes import Mistakes
from tensorzero.gateway.config.paths import DATA, NAME
from tensorzero.gateway.templates.environment import Templates, check_template
from tensorzero.gateway.templates.loads import template_loads


def template_sources(functions: Mapping[str, Any]) -> dict[str, str]:
    """Name -> text of each template that a variant of `functions` (as read) uses."""
    sources: dict[str, str] = {}
    for function in functions.values():
        for variant in function["variants"].values():
            for name, text in variant_template_sources(variant).items():
                sources.setdefault(name, text)
    return sources


def variant_template_sources(variant: Mapping[str, Any]) -> dict[str, str]:
    """The same of one variant, as read."""
    sources: dict[str, str] = {}
    for config in (variant, variant.get("evaluator", {}), variant.get("fuser", {})):
        for file in _files(config):
            sources.setdefault(file[NAME], file[DATA])
    return sources


def _files(config: Mapping[str, Any]) -> list[Mapping[str, str]]:
    old = [config.get(f"{role}_template") for role in ("system", "user", "assistant")]
    named = [template["path"] for template in config.get("templates", {}).values()]
    return [file for file in (*old, *config.get("input_wrappers", {}).values(), *named) if file]


def build_templates(
    sources: Mapping[str, str], base_path: str | None, mistakes: Mistakes
) -> tuple[Templates, dict[str, str], list[str]]:
    """The templates, the included files by name, and those files' paths. Every template that does not parse is a mistake."""
    good = _parsed(sources, mistakes)
    if base_path is None:
        return Templates(good), {}, []
    folder = IncludedFiles(base_path)
    extra: dict[str, str] = {}
    waiting = good
    while waiting:
        names = _loaded(waiting, mistakes) - set(good) - set(extra)
        found = {name: text for name in sorted(names) if (text := folder.read(name)) is not None}
        waiting = _parsed(found, mistakes)
        extra.update(waiting)
    return Templates({**extra, **good}, folder), extra, folder.paths


def _loaded(sources: Mapping[str, str], mistakes: Mistakes) -> set[str]:
    """The names that `sources` load. A load that only a rendering could resolve is a mistake."""
    names: set[str] = set()
    for name, text in sources.items():
        loads = template_loads(name, text)
        names.update(loads.names)
        if loads.dynamic is not None:
            mistakes.say(loads.dynamic)
    return names


def _parsed(sources: Mapping[str, str], mistakes: Mistakes) -> dict[str, str]:
    good: dict[str, str] = {}
    for name, text in sources.items():
        problem = check_template(name, text)
        if problem is None:
            good[name] = text
        else:
            mistakes.say(problem)
    return good
