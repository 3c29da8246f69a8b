"""Where rows wait: beside a chdb directory, else in the user's state directory, or where TENSORZERO_SPOOL_DIR says."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from tensorzero.clickhouse.home import expanded, home, homeless
from tensorzero.clickhouse.url import Address, ServerAddress
from tensorzero.settled import settled


def spool_directory(address: Address) -> Path | None:
    """The directory for this database's spool files; None for a database in memory. No password is part of it."""
    override = os.environ.get("TENSORZERO_SPOOL_DIR")
    if isinstance(address, ServerAddress):
        return (_settled(override) if override else state_directory() / "tensorzero" / "spool") / address.key
    if address.directory is None:
        return None
    name = database_name(address.database)
    if override:
        return _settled(override) / f"chdb-{address.key}-{name}"
    return address.directory.with_name(address.directory.name + ".spool") / name


def _settled(given: str) -> Path:
    return Path(settled(str(expanded(given))))


def state_directory() -> Path:
    """The user's directory for state that outlives a process; for a user without a home one among the temporary files."""
    variable = {"win32": "LOCALAPPDATA", "darwin": ""}.get(sys.platform, "XDG_STATE_HOME")
    named = os.environ.get(variable) if variable else None
    if named:
        return Path(settled(named))
    place = {"win32": "AppData/Local", "darwin": "Library/Application Support"}.get(sys.platform, ".local/state")
    own = home()
    return homeless() if own is None else own / place


def database_name(database: str) -> str:
    """The database's name as a file name, distinct for distinct names."""
    plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in database)[:60]
    return plain if plain == database else f"{plain}-{hashlib.sha256(database.encode()).hexdigest()[:8]}"
