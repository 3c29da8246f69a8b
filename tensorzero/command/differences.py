"""Two variants, or two functions, side by side: settings, then the texts that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tensorzero.command.change import unified
from tensorzero.command.configuration import Configuration, named_files
from tensorzero.command.toml_source import Keys, tomlkit


def difference(config: Configuration, first: Keys, second: Keys, *, function: bool) -> str:
    """A unified diff; empty where nothing differs. The order of keys is no difference."""
    left, right = _at(config, first), _at(config, second)
    parts = [unified(_settings(left), _settings(right), ".".join(first), ".".join(second))]
    texts = [_texts(config, keys, table, function=function) for keys, table in ((first, left), (second, right))]
    for inner in sorted({*texts[0], *texts[1]}):
        ours, theirs = texts[0].get(inner), texts[1].get(inner)
        names = [".".join((*keys, *inner)) for keys in (first, second)]
        parts.append(unified(ours, theirs, names[0], names[1]))
    return "".join(parts)


def _at(config: Configuration, keys: Keys) -> Mapping[str, Any]:
    table: Any = config.document
    for key in keys:
        table = table[key]
    return table


def _settings(table: Mapping[str, Any]) -> str:
    """One `dotted.key = value` a line, sorted."""
    kit = tomlkit()
    rows = sorted(_flat(table, ()))
    return "".join(f"{'.'.join(kit.key(key).as_string() for key in keys)} = {text}\n" for keys, text in rows)


def _flat(value: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, (*keys, key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _flat(item, (*keys, str(number)))
    else:
        yield keys, " ".join(tomlkit().item(value).as_string().split("\n"))


def _texts(config: Configuration, keys: Keys, table: Mapping[str, Any], *, function: bool) -> dict[Keys, str]:
    """Inner keys -> text of the file there. A file that cannot be read counts as not there: its path is among the settings."""
    found: dict[Keys, str] = {}
    for inner, written in named_files(table, function=function):
        path = config.resolved((*keys, *inner), written)
        if path.is_file():
            found[inner] = path.read_bytes().decode("utf-8", "replace")
    return found
