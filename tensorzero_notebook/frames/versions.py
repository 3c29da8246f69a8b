"""Versions of variants: another text under the same name is another version, told apart by the configuration of each row.

A version is eight signs, made of all that decides what a variant answers: its settings and templates, and its function's type,
schemas and tools. Weights, retries and timeouts do not count. The same text has the same version, also in another database.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tensorzero.clickhouse.queries.selection import Selection
from tensorzero.clickhouse.queries.variant_versions import snapshot_count_query, snapshot_texts_query, snapshot_uses_query
from tensorzero_notebook.errors import briefly
from tensorzero_notebook.frames.filters import names
from tensorzero_notebook.frames.source import database_or_current
from tensorzero_notebook.keys import hide_keys
from tensorzero_notebook.views.text import visible

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]  # installed below 3.11 only

if TYPE_CHECKING:
    import pandas

    from tensorzero.clickhouse.database import Database
    from tensorzero.gateway.config.sections import Config

VERSION_COLUMN = "variant_version"
SIGNS = 8
DIFFERENCE_LINES = 24
NO_MATTER = ("weight", "retries", "timeouts", "variants", "experimentation", "evaluators", "description")
_INCLUDES = re.compile(r"\{%-?\s*(include|import|extends|from)\b")

Name = tuple[str, str]
"""Function and variant."""


class MixedVersions(UserWarning):
    """A frame holds answers of several texts under one variant's name."""


@dataclass(frozen=True, slots=True)
class VariantVersion:
    """`text`: what the version is made of, as lines for a reader."""

    version: str
    text: str


@lru_cache(maxsize=64)
def versions_in(config_text: str, extra_templates: tuple[tuple[str, str], ...] = ()) -> Mapping[Name, VariantVersion]:
    """The variants of a configuration, as `ConfigSnapshot` keeps it; empty where the text cannot be read."""
    try:
        functions = tomllib.loads(config_text).get("functions", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    found: dict[Name, VariantVersion] = {}
    for function, settings in functions.items():
        if function.startswith("tensorzero::"):
            continue
        shared = _that_matters(settings)
        for variant, own in settings.get("variants", {}).items():
            found[function, variant] = _version({"function": shared, "variant": _that_matters(own)}, extra_templates)
    return found


def versions_of(config: Config) -> Mapping[Name, VariantVersion]:
    return versions_in(config.snapshot.config, _pairs(config.snapshot.extra_templates))


def _that_matters(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in NO_MATTER}


def _version(document: Mapping[str, Any], extra_templates: Sequence[tuple[str, str]]) -> VariantVersion:
    if _INCLUDES.search(json.dumps(document)):
        document = {**document, "included": dict(extra_templates)}
    signs = hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()[:SIGNS]
    return VariantVersion(
        signs, "\n".join(_lines(document["variant"], "")) + "\n" + "\n".join(_lines(document["function"], ""))
    )


def _lines(value: Any, path: str) -> Iterator[str]:
    """Settings one a line; a template's text as it is, below its name."""
    if isinstance(value, Mapping):
        if "__data" in value:
            yield f"{path}:"
            yield from (f"    {line}" for line in str(value["__data"]).splitlines())
            return
        for name in sorted(value):
            yield from _lines(value[name], f"{path}.{name}" if path else name)
    else:
        yield f"{path} = {json.dumps(value, ensure_ascii=False, default=str)}"


# What a changed configuration says


def told_changes(before: Config, after: Config, database: Database | None) -> str:
    """Which variants are another text under the same name now, with the difference; "" where none is."""
    old, new = versions_of(before), versions_of(after)
    changed = [name for name, version in new.items() if name in old and old[name].version != version.version]
    return "\n".join(_told(name, old[name], new[name], database) for name in changed)


def _told(name: Name, old: VariantVersion, new: VariantVersion, database: Database | None) -> str:
    title = ".".join(name)
    counted = {} if database is None else _rows_by_version(database, name)
    asked, again = counted.get(old.version, 0), counted.get(new.version, 0)
    rows = f"{asked:,} answer{'' if asked == 1 else 's'} so far of version {old.version}" if counted else f"was {old.version}"
    now = f"version {new.version} from now on" + (f", which has {again:,} already" if again else "")
    lines = [f"{title} is another text under the same name: {rows}, {now}.", *_difference(old.text, new.text)]
    if counted:
        lines.append(f"variant_versions({name[0]!r}) lists them; the frames' column {VERSION_COLUMN} tells their rows apart.")
    return hide_keys(visible("\n".join(lines)))


def _difference(old: str, new: str) -> list[str]:
    lines = [line for line in difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="") if line[:2] != "@@"][
        2:
    ]
    left = len(lines) - DIFFERENCE_LINES
    shown = [f"  {line[:200]}" for line in lines[:DIFFERENCE_LINES]]
    return [*shown, f"  … {left} more lines"] if left > 0 else shown


def _rows_by_version(database: Database, name: Name) -> dict[str, int]:
    counted: dict[str, int] = {}
    for use in used_versions(database, Selection(functions=(name[0],), variants=(name[1],))):
        version = use["version"] or ""
        counted[version] = counted.get(version, 0) + use["rows"]
    return counted


# What rows say


def used_versions(database: Database, selection: Selection) -> list[dict[str, Any]]:
    """One mapping a function, variant and configuration that fits: function, variant, hash, rows, first, last (ms), version,
    text. `version` and `text` are None where the configuration is not recorded."""
    uses = database.query(snapshot_uses_query(selection))
    texts = _texts(database, sorted({str(use["hash"]) for use in uses if use["hash"]}))
    for use in uses:
        known = texts.get(str(use["hash"]), {}).get((use["function"], use["variant"]))
        use["rows"], use["first"], use["last"] = int(use["rows"]), int(use["first"]), int(use["last"])
        use["version"], use["text"] = (known.version, known.text) if known else (None, None)
    return uses


def _texts(database: Database, hashes: Sequence[str]) -> dict[str, Mapping[Name, VariantVersion]]:
    rows = database.query(snapshot_texts_query(hashes)) if hashes else []
    return {str(row["text_hash"]): versions_in(str(row["config"]), _pairs(row["extra_templates"])) for row in rows}


def _pairs(templates: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dict(templates).items()))


@briefly
def variant_versions(
    function: str | Sequence[str] | None = None,
    variant: str | Sequence[str] | None = None,
    *,
    database: Database | None = None,
) -> pandas.DataFrame:
    """One row a version of a variant that has answered: function, variant, version, rows, first, last (UTC), text.

    `text` holds the settings and templates that the version is made of. The oldest version comes first. Raises `UserError`
    where there is no session and no `database`.
    """
    import pandas

    database = database_or_current(database)
    merged: dict[tuple[str, str, Any], dict[str, Any]] = {}
    uses = used_versions(
        database, Selection(functions=names(function, "function") or (), variants=names(variant, "variant") or ())
    )
    for use in uses:
        if use["function"].startswith("tensorzero::"):
            continue
        found = merged.setdefault((use["function"], use["variant"], use["version"]), use)
        if found is not use:
            found["rows"] += use["rows"]
            found["last"] = max(found["last"], use["last"])
    columns = ["function", "variant", "version", "rows", "first", "last", "text"]
    frame = pandas.DataFrame([{name: row[name] for name in columns} for row in merged.values()], columns=columns)
    for name in ("function", "variant", "version", "text"):
        frame[name] = frame[name].astype("string")
    for name in ("first", "last"):
        frame[name] = pandas.to_datetime(frame[name].astype("int64"), unit="ms", utc=True)
    return frame.astype({"rows": "int64"})


def with_versions(table: Any, database: Database) -> Any:
    """An Arrow table with `function_name`, `variant_name` and `snapshot_hash`, and `variant_version` besides."""
    import pyarrow

    hashes, functions, variants = (table[name].to_pylist() for name in ("snapshot_hash", "function_name", "variant_name"))
    texts = _texts(database, sorted({one for one in hashes if one}))
    nothing: Mapping[Name, VariantVersion] = {}
    found = [
        version.version if (version := texts.get(one, nothing).get((function, variant))) else None
        for one, function, variant in zip(hashes, functions, variants, strict=True)
    ]
    return table.append_column(VERSION_COLUMN, pyarrow.array(found, pyarrow.string()))


NEEDED = ("function_name", "variant_name", "snapshot_hash")
"""Columns of `inferences` that say which version a row is of."""


def warn_of_mixed(database: Database, selection: Selection, *, stacklevel: int) -> None:
    """Say so where a variant of the selection has answered with several texts. Costs nothing where one configuration ran."""
    if int(database.query(snapshot_count_query())[0]["snapshots"]) < 2:
        return
    by_name: dict[Name, dict[str, int]] = {}
    for use in used_versions(database, selection):
        if use["version"] is not None:
            counted = by_name.setdefault((use["function"], use["variant"]), {})
            counted[use["version"]] = counted.get(use["version"], 0) + use["rows"]
    mixed = {name: counted for name, counted in by_name.items() if len(counted) > 1}
    for name, counted in list(mixed.items())[:3]:
        told = ", ".join(f"{rows:,} of version {version}" for version, rows in counted.items())
        warnings.warn(
            f"{'.'.join(name)} answered with several texts: {told}. columns=[…, {VERSION_COLUMN!r}] tells the rows apart, "
            f"variant_versions({name[0]!r}) shows the texts.",
            MixedVersions,
            stacklevel=stacklevel + 1,
        )
