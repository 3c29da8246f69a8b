"""A server that repeats what it was sent, and nothing known from another test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from echo_server import EchoServer

from tensorzero.masking import known, mask
from tensorzero.masking.index import Index


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_pieces", known._Known())
    monkeypatch.setattr(known, "_whole", known._Known())
    monkeypatch.setattr(known, "_logins", known._Known())
    monkeypatch.setattr(known, "_variables", {})
    monkeypatch.setattr(mask, "_index", Index())


@pytest.fixture
def echo() -> Iterator[Any]:
    server = EchoServer()
    try:
        yield server
    finally:
        server.close()
