"""The text and hash under which a configuration is kept in `ConfigSnapshot` (observed 2026.6.0).

The text is the whole configuration with defaults filled in, in a fixed order (the original's tables come in any order);
the hash is taken over the same document with sorted keys, so it does not depend on that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3

from tensorzero.gateway.config.sections import Snapshot
from tensorzero.gateway.config.toml_text import sorted_tables, write_toml

_SECTIONS = (
    "gateway", "clickhouse", "postgres", "object_storage", "models", "functions", "metrics", "tools", "evaluations",
    "provider_types", "optimizers", "rate_limiting", "embedding_models", "autopilot",
)  # fmt: skip
_OPTIONAL = ("object_storage",)


def take_snapshot(read: Mapping[str, Any], extra_templates: Mapping[str, str]) -> Snapshot:
    """`read` is each section with its defaults; `extra_templates` are the files that templates include."""
    document: dict[str, Any] = {key: read.get(key, {}) for key in _SECTIONS if key in read or key not in _OPTIONAL}
    document["functions"] = {**document["functions"], **_built_in_functions()}
    text = write_toml(sorted_tables(document))
    digest = blake3(text.encode())
    digest.update(b"\0")
    for name in sorted(extra_templates):
        digest.update(f"{name}\0{extra_templates[name]}\0".encode())
    return Snapshot(int.from_bytes(digest.digest(), "big"), write_toml(document), dict(extra_templates))


def _built_in_functions() -> dict[str, Any]:
    """Functions that every configuration of the original has; part of its snapshot, and so of the hash."""
    return json.loads(Path(__file__).with_name("builtin_functions.json").read_text(encoding="utf-8"))
