from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from .loopback import Loopback


@pytest.fixture
def server() -> Iterator[Loopback]:
    loopback = Loopback()
    thread = threading.Thread(target=loopback.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield loopback
    loopback.released.set()
    loopback.shutdown()
    loopback.server_close()
    thread.join()
