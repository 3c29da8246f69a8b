"""A database's connection as it is now: found again after an outage, or after the holder of a chdb directory went away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tensorzero.clickhouse import schema
from tensorzero.clickhouse.connection import Connection, EngineConnection, HolderConnection, ServerConnection
from tensorzero.clickhouse.engine import Engine
from tensorzero.clickhouse.errors import AfterFork, DatabaseUnavailable
from tensorzero.clickhouse.holder import Elsewhere, Holder, borrow, give_back
from tensorzero.clickhouse.limits import holding
from tensorzero.clickhouse.url import Address, EngineAddress, ServerAddress

T = TypeVar("T")

IDLE_SECONDS = 0.2
"""A holder in another process is asked whether it still answers after this long without a call."""


class Link:
    """Thread-safe. `connection` gives a working connection with the schema made or checked; `lost` forgets one that failed."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.forked = False
        self._lock = threading.RLock()
        self._inside: set[int] = set()
        self._holder: Holder | None = None
        self._connection: Connection | None = None
        self._elsewhere: Elsewhere | None = None
        self._prepared: schema.Prepared | None = None
        self._used = 0.0

    @property
    def prepared(self) -> schema.Prepared | None:
        return self._prepared

    @property
    def where(self) -> str:
        """Who has the database: for messages and `status`."""
        if isinstance(self.address, ServerAddress):
            return self.address.label
        if self._elsewhere is not None:
            return f"{self.address.label} (held by process {self._elsewhere.pid})"
        return self.address.label

    @property
    def nested(self) -> bool:
        """Whether this thread is asking the database already: then a signal handler or a finalizer calls."""
        return threading.get_ident() in self._inside or self._owned()

    def _owned(self) -> bool:
        owned: Callable[[], bool] = self._lock._is_owned  # type: ignore[attr-defined]  # pyright: ignore
        return owned()

    def connection(self, until: float | None = None) -> Connection:
        """Waits no longer than `until` (see limits.py), for the database or for another thread that waits for it."""
        if self._owned() and (self._connection is None or self._prepared is None):
            raise DatabaseUnavailable("The database is just being opened, by the call that this one interrupted")
        with holding(self._lock, until, self.where):
            self._check_elsewhere(until)
            for last in (False, False, True):
                connection = self._connection or self._connect(until)
                try:
                    if self._prepared is None:
                        self._prepared = connection.prepare(self.address.database, until)
                except DatabaseUnavailable:
                    if not self.lost(connection, until) or last:
                        raise
                else:
                    self._used = time.monotonic()
                    return connection
        raise AssertionError("unreachable")

    def probe(self) -> None:
        """Whether a database in another process answers; raises DatabaseUnavailable, naming a holder that hangs."""
        elsewhere, holder, connection = self._elsewhere, self._holder, self._connection
        if elsewhere is not None and holder is not None:
            holder.check(elsewhere)
        elif isinstance(connection, ServerConnection):
            connection.ping()

    def check_schema_again(self) -> None:
        """The next connection looks whether the tables are there, as at the start."""
        self._prepared = None

    def _connect(self, until: float | None) -> Connection:
        address = self.address
        if isinstance(address, ServerAddress):
            connection = ServerConnection(address)
            connection.ping(until)
        else:
            connection = self._connect_to_engine(address, until)
        self._connection = connection
        return connection

    def _connect_to_engine(self, address: EngineAddress, until: float | None) -> Connection:
        if self._holder is None:
            self._holder = borrow(address.directory)
        place = self._holder.settle(until)
        if isinstance(place, Engine):
            self._elsewhere = None
            return EngineConnection(place, address.database)
        self._elsewhere = place
        return HolderConnection(place.address(address.database))

    def _check_elsewhere(self, until: float | None) -> None:
        if self._elsewhere is None or self._holder is None or time.monotonic() - self._used < IDLE_SECONDS:
            return
        if not self._holder.check(self._elsewhere, until):
            self._drop()

    def lost(self, connection: Connection, until: float | None = None) -> bool:
        """`connection` failed: the next call looks for the database again. The engine in this process is kept.

        True when the database was at another process: its successor may serve at once.
        """
        with holding(self._lock, until, self.where):
            moved = isinstance(self.address, EngineAddress) and not isinstance(connection, EngineConnection)
            if connection is self._connection and not isinstance(connection, EngineConnection):
                self._drop()
            return moved

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._elsewhere = None
        if connection is not None:
            connection.close()

    def read(self, ask: Callable[[Connection], T], until: float | None = None) -> T:
        """Run a read; one that failed because the holder went away is run again at its successor. Raises AfterFork."""
        if self.forked:
            raise AfterFork(
                "This process was forked from one that has a chdb database open, and chdb cannot be read across a fork",
                hint="Read in the parent, or start workers with the `spawn` method; what a forked child writes is kept.",
            )
        if self.nested:
            return self._read(ask, until)
        thread = threading.get_ident()
        try:
            self._inside.add(thread)
            return self._read(ask, until)
        finally:
            self._inside.discard(thread)

    def _read(self, ask: Callable[[Connection], T], until: float | None) -> T:
        for last in (False, False, True):
            connection = self.connection(until)
            try:
                return ask(connection)
            except DatabaseUnavailable:
                if not self.lost(connection, until) or last:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        with self._lock:
            self._drop()
            holder, self._holder = self._holder, None
        if holder is not None:
            give_back(holder)

    def forget_after_fork(self) -> list[Any]:
        """In a forked child: nothing of the parent's connections is used or freed; returns what must never be freed."""
        kept: list[Any] = [self._connection]
        if isinstance(self._connection, EngineConnection):
            kept += self._connection.forget_after_fork()
        self._lock = threading.RLock()
        self._connection = None
        self._elsewhere = None
        self.forked = isinstance(self.address, EngineAddress)
        return kept
