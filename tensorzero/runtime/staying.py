"""Threads whose call must be finished on them: another thread would wait for what they hold.

A signal handler may call the client in the middle of an opening, say. What it asks of the database is then not handed to a
thread that can be interrupted, as `BlockingRuntime` does otherwise.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

_here: set[int] = set()


@contextmanager
def staying() -> Generator[None]:
    """Inside the block, what this thread calls stays on it."""
    thread = threading.get_ident()
    before = thread in _here
    try:
        _here.add(thread)
        yield
    finally:
        if not before:
            _here.discard(thread)


def stay() -> None:
    """From now on what this thread calls stays on it: the process ends, and other threads are let into the engine no more."""
    _here.add(threading.get_ident())


def must_stay() -> bool:
    return threading.get_ident() in _here
