"""Open a gateway: its database, and the note of which configuration is in use."""

from __future__ import annotations

import logging
import os
import time

from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.errors import StorageError
from tensorzero.clickhouse.snapshots import Snapshot, noted_query, snapshot_row
from tensorzero.gateway.config.sections import Config
from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.gateway import Gateway, storage_failure

logger = logging.getLogger("tensorzero")


def open_gateway(config: Config, clickhouse_url: str | None) -> Gateway:
    """`clickhouse_url` None: `$TENSORZERO_CLICKHOUSE_URL`; neither, or observability off: nothing is stored.

    Raises `GatewayError` when the database cannot be opened.
    """
    for warning in config.warnings:
        logger.warning(warning)
    enabled = config.gateway.observability_enabled
    url = clickhouse_url or os.environ.get("TENSORZERO_CLICKHOUSE_URL") or None
    if enabled is False or (url is None and enabled is None):
        return Gateway(config)
    if url is None:
        raise GatewayError(
            "Observability is enabled but no backend is available. Set `TENSORZERO_CLICKHOUSE_URL` or "
            "`TENSORZERO_POSTGRES_URL`, or configure `gateway.observability.backend` explicitly.",
            hint='`clickhouse_url="chdb://./.tensorzero/db"` stores in this folder, with no server.',
        )
    try:
        database = Database.open(url)
        note_configuration(database, config)
    except StorageError as error:
        raise storage_failure(error) from error
    return Gateway(config, database)


def note_configuration(database: Database, config: Config) -> None:
    """The row of `ConfigSnapshot` that inference and feedback rows name by `snapshot_hash`."""
    snapshot = Snapshot(config.snapshot.config, config.snapshot.hash, config.snapshot.extra_templates)
    before = database.query(noted_query(snapshot), flush=False)
    database.write([("ConfigSnapshot", snapshot_row(snapshot, before[0] if before else None, time.time()))])
