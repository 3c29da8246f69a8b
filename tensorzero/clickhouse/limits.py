"""How long a call may wait for the database.

A limit is a moment on `time.monotonic()`, `until`, that travels with the call: to the locks it waits for, and to every request
that it makes. Whoever names none gets one of ours, so that a database that hangs holds nobody up for ever.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tensorzero.clickhouse.errors import DatabaseUnavailable

CONNECT_SECONDS = 3.0
LOOKUP_SECONDS = 30.0
"""For small questions, such as what a feedback is about."""
ANSWER_SECONDS = 300.0
"""For reads of any size, for inserts, and for what makes a database."""

OPENING_SECONDS = 60.0
"""For all that a start asks, making a new database included: it waits for no server that hangs."""

_until: contextvars.ContextVar[float | None] = contextvars.ContextVar("until", default=None)


def within(seconds: float, until: float | None = None) -> float:
    """The moment `seconds` from now, or `until` where that comes first."""
    moment = time.monotonic() + seconds
    return moment if until is None else min(moment, until)


def left(until: float) -> float:
    """Seconds until then, never negative."""
    return max(0.0, until - time.monotonic())


@contextmanager
def holding(lock: threading.Lock | threading.RLock, until: float | None, where: str) -> Generator[None]:
    """The lock, waited for no longer than that: whoever has it may be waiting for a database that hangs."""
    if until is None:  # an interrupt cannot come between taking the lock and seeing that it is let go
        with lock:
            yield
        return
    if not lock.acquire(timeout=left(until)):
        raise DatabaseUnavailable(f"{where} does not answer")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def limited(until: float) -> Generator[None]:
    """Requests of this thread to pools made by `limited_pool` end then."""
    token = _until.set(until)
    try:
        yield
    finally:
        _until.reset(token)


def limited_pool(pool: Any) -> Any:
    """A urllib3 pool that obeys `limited`. The driver knows one limit for all calls of a client, and none for a call."""
    from urllib3 import Timeout

    request = pool.request

    def request_within(method: str, url: str, **options: Any) -> Any:
        until = _until.get()
        if until is not None:
            # urllib3 takes no 0; a moment that has passed ends at once.
            seconds = max(0.001, left(until))
            options["timeout"] = Timeout(total=seconds, connect=min(CONNECT_SECONDS, seconds))
        return request(method, url, **options)

    pool.request = request_within
    return pool
