"""Gateways in this process, closed after their test."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorzero import TensorZeroGateway
from tensorzero.clickhouse.database import Database
from tensorzero.clickhouse.query import Query
from tensorzero.clients.embedded_transport import database_of

Build = Callable[..., TensorZeroGateway]

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}


@pytest.fixture
def build(config_dir: Callable[..., Path]) -> Iterator[Build]:
    """`build(toml, url=…, timeout=…, files=…)`: an embedded blocking client; nothing is stored without a URL."""
    made: list[TensorZeroGateway] = []

    def one(
        toml: str = "", url: str | None = None, timeout: float | None = None, files: dict[str, str] | None = None
    ) -> TensorZeroGateway:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            path = str(config_dir(toml, files))
            client = TensorZeroGateway.build_embedded(config_file=path, clickhouse_url=url, timeout=timeout)
        made.append(client)
        return client

    yield one
    for client in made:
        client.close()


@pytest.fixture
def stored(prepared_database: Callable[..., str]) -> Stored:
    return Stored(prepared_database())


class Stored:
    """A chdb directory of the test's own: `url` for the gateway, `rows` to look into it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, client: TensorZeroGateway, table: str, order: str = "toString(id)") -> list[dict[str, Any]]:
        database = database_of(client)
        assert isinstance(database, Database)
        return database.query(Query(f"SELECT * FROM {table} ORDER BY {order}"))


@pytest.fixture
def models(mock_provider: Any) -> Callable[..., str]:
    """`models(name="echo", …)`: TOML of models that the mock serves, each with one keyless provider `p`."""

    def write(*names: str, **settings: str) -> str:
        return "\n".join(
            f'[models."{name}"]\nrouting = ["p"]\n'
            f'[models."{name}".providers.p]\ntype = "openai"\nmodel_name = "{name}"\n'
            f'api_base = "{mock_provider.url}"\napi_key_location = "none"\n'
            + "\n".join(f"{key} = {value}" for key, value in settings.items())
            for name in names
        )

    return write
