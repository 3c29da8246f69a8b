"""Stored answers of models: the rows of `ModelInferenceCache`.

A key has two forms: 64 hexadecimal digits, and the first 8 of its bytes as a number, which is the table's primary key.
"""

from __future__ import annotations

from typing import Any

from tensorzero.clickhouse.query import Query


def short_key(long_key: str) -> int:
    """The first 8 bytes of a key, little-endian."""
    return int.from_bytes(bytes.fromhex(long_key[:16]), "little")


def cache_entry_query(long_key: str, since: int | None) -> Query:
    """The newest entry under the key, if any; `since`: newer than this Unix time, in seconds."""
    values: dict[str, Any] = {"short": short_key(long_key), "long": long_key}
    newer = ""
    if since is not None:
        newer = "AND timestamp > toDateTime({since:UInt32})"
        values["since"] = max(0, min(since, 2**32 - 1))
    return Query(
        f"""
        SELECT output, raw_request, raw_response, input_tokens, output_tokens, toString(finish_reason) AS finish_reason
        FROM ModelInferenceCache WHERE short_cache_key = {{short:UInt64}} AND long_cache_key = {{long:String}} {newer}
        ORDER BY timestamp DESC LIMIT 1
        """,  # noqa: S608 - values travel as parameters
        values,
    )
