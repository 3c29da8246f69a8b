from __future__ import annotations

from collections.abc import Iterator

import pytest
from socket_server import SocketServer


@pytest.fixture
def server() -> Iterator[SocketServer]:
    running = SocketServer()
    yield running
    running.close()
