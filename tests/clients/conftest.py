from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator

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


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was printed since the last call; not what a stream of an earlier test says when it is collected."""
    gc.collect()
    capsys.readouterr()
    return lambda: capsys.readouterr().out
