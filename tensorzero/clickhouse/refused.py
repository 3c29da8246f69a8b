"""Rows that ClickHouse will never take: kept beside the spool, so that they block nothing and are not lost."""

from __future__ import annotations

import os
import time
from pathlib import Path

import orjson

# fmt: off
REFUSAL_CODES = frozenset((
    # What is wrong with the row itself, or with its table: parsing, types, unknown columns and tables, constraints.
    6, 16, 20, 26, 27, 33, 36, 38, 41, 43, 44, 47, 49, 50, 53, 60, 62, 69, 70, 72, 117, 130, 131, 162, 307, 321, 349, 376, 407,
    441, 467, 469, 476, 590, 637, 639, 675, 676, 691,
))
# fmt: on
"""ClickHouse error codes that another try cannot mend: a row that stands alone with one of them is set aside at once."""

BUSY_CODES = frozenset((202, 209, 210, 236, 242, 243, 252, 279, 394, 425, 439, 999))
"""What a database says that has too much to do, or that is stopped or moved: it may be about a row, and mostly is not."""


def set_aside(directory: Path | None, table: str, line: bytes, reason: str) -> str:
    """Append the row with its table and the reason to this process's `.refused` file; returns where. Raises OSError."""
    if directory is None:
        return "no file (the database is in memory)"
    path = directory / f"{os.getpid()}.refused"
    entry = orjson.dumps({"time": time.time(), "table": table, "error": reason, "row": line.decode(errors="replace")}) + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        if os.write(descriptor, entry) != len(entry):
            raise OSError("short write")
    finally:
        os.close(descriptor)
    return str(path)
