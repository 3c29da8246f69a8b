"""The gateway: what lives as long as it does, and nothing about any one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorzero.gateway.bounded import Bounded
from tensorzero.gateway.call import Silence
from tensorzero.gateway.config.sections import Config, FunctionConfig
from tensorzero.gateway.errors import DatabaseError
from tensorzero.gateway.files.object_storage import open_object_store
from tensorzero.gateway.models.embeddings import EmbeddingProviders
from tensorzero.gateway.models.infer import Models
from tensorzero.gateway.rate_limits.limits import rate_limits
from tensorzero.gateway.recording import Row

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Database


class Gateway:
    """A configuration, its providers and its database. `database` is None where nothing is stored."""

    def __init__(self, config: Config, database: Database | None = None) -> None:
        self.config = config
        self.database = database
        limits = config.gateway.global_outbound_http_timeout_ms, config.gateway.read_timeout_ms
        self.models = Models(*limits)
        self.embedding_providers = EmbeddingProviders(*limits)
        self.default_functions: Bounded[str, FunctionConfig] = Bounded()  # of `tensorzero::default`, by model name
        self.workflow_episodes: Bounded[str, Any] = Bounded()  # their pins and tags, by id
        self.cache_silence = Silence()
        self.snapshot_hash = str(config.snapshot.hash)
        self.rate_limits = rate_limits(config.other.get("rate_limiting"))
        storage = config.other.get("object_storage")
        self.object_store = None if storage is None else open_object_store(storage)

    @property
    def records(self) -> bool:
        return self.database is not None

    def write(self, rows: Sequence[Row]) -> None:
        """On disk when this returns. Raises `DatabaseError` when they could not be written down."""
        if self.database is None:
            return
        from tensorzero.clickhouse.errors import StorageError

        try:
            self.database.write(rows)
        except StorageError as error:
            raise storage_failure(error) from error

    def close(self) -> None:
        """Flush what is waiting and let go of the database, which the next call opens again."""
        if self.database is None:
            return
        if self.database.in_memory:
            self.database.flush()
        else:
            self.database.close()


def storage_failure(error: Any) -> DatabaseError:
    """A failure of the database room as the gateway reports one."""
    return DatabaseError(str(error), hint=getattr(error, "hint", None))
