"""A server that repeats what it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from echo_server import EchoServer


@pytest.fixture
def echo() -> Iterator[Any]:
    server = EchoServer()
    try:
        yield server
    finally:
        server.close()
