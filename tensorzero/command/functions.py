"""Add, remove and compare functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tensorzero.command.blocks import added, removed
from tensorzero.command.change import Change
from tensorzero.command.configuration import read_configuration
from tensorzero.command.differences import difference
from tensorzero.command.failures import CommandError
from tensorzero.command.new_files import new_files
from tensorzero.command.variants import variant_values

SCHEMAS = ("system_schema", "user_schema", "assistant_schema", "output_schema")


def add_function(
    function: str,
    *,
    model: str,
    variant: str = "baseline",
    type: Literal["chat", "json"] = "chat",  # noqa: A002 - the configuration's word
    schemas: Mapping[str, str | Path] | None = None,
    function_settings: Mapping[str, Any] | None = None,
    templates: Mapping[str, str | Path] | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str = "tensorzero.toml",
) -> Change:
    """A function with its first variant, behind the other functions.

    `schemas`: `system_schema`, `user_schema`, `assistant_schema` or `output_schema` -> JSON text, or the Path of a file.
    `function_settings`: other keys of the function (`description`, `tools`, …). `templates` and `settings` are the variant's,
    as in `add_variant`. Writes nothing; raises CommandError with every mistake.
    """
    read = read_configuration(config)
    if read.has("functions", function):
        raise CommandError(f"There is a function named `{function}` already.")
    toml = read.file_of("functions")
    schema_files = new_files(toml, (function,), schemas or {}, ".json")
    template_files = new_files(toml, (function, variant), templates or {}, ".minijinja")
    keys = ("functions", function)
    tables = [
        (keys, {"type": type, **(function_settings or {}), **schema_files.values}),
        ((*keys, "variants", variant), variant_values(model, template_files.values, settings or {})),
    ]
    return added(read, toml, tables, {**schema_files.texts, **template_files.texts}, after=[keys, ("functions",)])


def remove_function(function: str, *, files: bool = False, config: str = "tensorzero.toml") -> Change:
    """Its tables in every file, and with `files` the files beside the configuration that only it names.

    Writes nothing; raises CommandError with every mistake, such as an evaluation that names the function.
    """
    read = read_configuration(config)
    read.function(function)
    return removed(read, ("functions", function), files=files, function=True)


def diff_functions(first: str, second: str, *, config: str = "tensorzero.toml") -> str:
    """A unified diff of settings, variants included, and of the texts of the files they name; empty where nothing differs."""
    read = read_configuration(config)
    for function in (first, second):
        read.function(function)
    return difference(read, ("functions", first), ("functions", second), function=True)
