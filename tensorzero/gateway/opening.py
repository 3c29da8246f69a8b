"""Open a gateway: its database, and the note of which configuration is in use."""

from __future__ import annotations

import os
import time

from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.errors import StorageError
from tensorzero.clickhouse.snapshots import Snapshot, noted_query, snapshot_row
from tensorzero.clickhouse.url import settled_url
from tensorzero.gateway.config.sections import Config
from tensorzero.gateway.errors import ConfigError, ConfigMistake, GatewayError
from tensorzero.gateway.files.object_storage import validate
from tensorzero.gateway.gateway import Gateway, storage_failure
from tensorzero.gateway.providers import load_ahead
from tensorzero.masking.log import quiet

logger = quiet("tensorzero")


def open_gateway(config: Config, clickhouse_url: str | None) -> Gateway:
    """`clickhouse_url` None: `$TENSORZERO_CLICKHOUSE_URL`; neither, or observability off: nothing is stored.

    Raises `GatewayError` when the database cannot be opened.
    """
    for warning in config.warnings:
        logger.warning(warning)
    enabled = config.gateway.observability_enabled
    named = os.environ.get("TENSORZERO_CLICKHOUSE_URL") or None
    url = (named and settled_url(named)) if clickhouse_url is None else clickhouse_url
    if enabled is False or (url is None and enabled is None):
        return gateway_on(config, None)
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
    return gateway_on(config, database)


def gateway_on(config: Config, database: Database | None) -> Gateway:
    """A gateway on a database that is open. Raises `ConfigError` where the configuration needs something that is not there."""
    gateway = Gateway(config, database)
    load_ahead(provider for model in config.models.values() for provider in model.providers.values())
    settings = gateway.config.gateway
    backend = settings.settings.get("cache", {}).get("backend")
    if gateway.database is None and settings.cache_enabled is not False:
        if backend == "clickhouse":
            raise _no_cache(
                "`cache.backend` is set to `clickhouse` but ClickHouse is not available. "
                "Ensure the required connection URL is set, or remove the `cache.backend` setting."
            )
        if settings.cache_enabled:
            raise _no_cache(
                "`cache.enabled` is `true` but the cache backend (`None`) is not available. "
                "Ensure the required connection URL is set, or set `cache.enabled` to `false`."
            )
    if gateway.object_store is not None:
        validate(gateway.object_store)
    return gateway


def _no_cache(message: str) -> ConfigError:
    return ConfigError([ConfigMistake(message, key_path="gateway.cache")])


def note_configuration(database: Database, config: Config) -> None:
    """The row of `ConfigSnapshot` that inference and feedback rows name by `snapshot_hash`."""
    snapshot = Snapshot(config.snapshot.config, config.snapshot.hash, config.snapshot.extra_templates)
    before = database.query(noted_query(snapshot), flush=False)
    database.write([("ConfigSnapshot", snapshot_row(snapshot, before[0] if before else None, time.time()))])
