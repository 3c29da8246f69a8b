"""Add, remove and compare the variants of a function."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorzero.command.blocks import added, removed
from tensorzero.command.change import Change
from tensorzero.command.configuration import read_configuration
from tensorzero.command.differences import difference
from tensorzero.command.failures import CommandError
from tensorzero.command.new_files import new_files

TEMPLATES = ("system_template", "user_template", "assistant_template")


def add_variant(
    function: str,
    variant: str,
    *,
    model: str,
    templates: Mapping[str, str | Path] | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str = "tensorzero.toml",
) -> Change:
    """A `chat_completion` variant of a function, behind its other variants.

    `templates`: `system_template`, `user_template` or `assistant_template` -> text, or the Path of a file. `settings`: the
    other keys of the table (`temperature`, `json_mode`, `weight`, …). Writes nothing; raises CommandError with every mistake.
    """
    read = read_configuration(config)
    read.function(function)
    if read.has("functions", function, "variants", variant):
        raise CommandError(f"`{function}` has a variant named `{variant}` already.")
    keys = ("functions", function, "variants")
    toml = read.file_of(*keys)
    files = new_files(toml, (function, variant), templates or {}, ".minijinja")
    values = variant_values(model, files.values, settings or {})
    return added(read, toml, [((*keys, variant), values)], files.texts, after=[keys, ("functions", function)])


def remove_variant(function: str, variant: str, *, files: bool = False, config: str = "tensorzero.toml") -> Change:
    """Its tables, and with `files` the files beside the configuration that only it names.

    Writes nothing; raises CommandError with every mistake, such as an experiment that names the variant.
    """
    read = read_configuration(config)
    read.variant(function, variant)
    return removed(read, ("functions", function, "variants", variant), files=files, function=False)


def diff_variants(function: str, first: str, second: str, *, config: str = "tensorzero.toml") -> str:
    """A unified diff of settings and of the texts of the files they name; empty where nothing differs."""
    read = read_configuration(config)
    for variant in (first, second):
        read.variant(function, variant)
    keys = ("functions", function, "variants")
    return difference(read, (*keys, first), (*keys, second), function=False)


def variant_values(model: str, paths: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a chat completion, in the order of the documentation."""
    return {"type": "chat_completion", "model": model, **paths, **settings}
