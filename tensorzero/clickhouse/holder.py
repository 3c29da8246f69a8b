"""Several processes on one chdb directory: one holds it, the others ask it.

The lock file `<directory>.lock` lies beside the directory, mode 0600. Whoever has it locked runs the engine, serves it on
loopback and writes `{"pid", "port", "token"}` into it. The lock dies with its process, so the next one that needs the database
takes over; a file left by a dead process is never in the way. A process that was forked from one that ran chdb only ever asks:
chdb does not survive a fork.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorzero.clickhouse.engine import Engine
from tensorzero.clickhouse.errors import DatabaseHeld, DatabaseUnavailable, EngineMissing, StorageError
from tensorzero.clickhouse.file_lock import try_lock
from tensorzero.clickhouse.limits import holding, left, within
from tensorzero.clickhouse.private import open_private, private_directory, still_there
from tensorzero.clickhouse.url import ServerAddress
from tensorzero.masking.known import learn
from tensorzero.masking.reprs import discreet

if TYPE_CHECKING:
    from tensorzero.clickhouse.holder_endpoint import Endpoint

USER = "tensorzero"
PING_SECONDS = 5.0
ELECTION_SECONDS = 15.0


@discreet("token")
@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another process holds the directory and serves it here."""

    pid: int
    port: int
    token: str = field(repr=False)

    def address(self, database: str) -> ServerAddress:
        learn(self.token)
        return ServerAddress("127.0.0.1", self.port, secure=False, database=database, user=USER, password=self.token)


class Holder:
    """This process's part in one directory, shared by all its databases. `settle` says where the engine is now."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.users = 0
        self.may_hold = not _forked
        self._lock = threading.RLock()
        self._engine: Engine | None = None
        self._endpoint: Endpoint | None = None
        self._descriptor = -1

    @property
    def lock_path(self) -> Path:
        assert self.directory is not None
        return self.directory.with_name(self.directory.name + ".lock")

    def settle(self, until: float | None = None) -> Engine | Elsewhere:
        """The engine in this process, or where another process serves it. Raises DatabaseHeld, DatabaseUnavailable."""
        with holding(self._lock, until, f"The chdb directory `{self.directory}`"):
            if self._engine is not None:
                return self._engine
            if self.directory is None:
                return self._open_in_memory()
            return self._elect(self.directory, until)

    def _open_in_memory(self) -> Engine:
        if not self.may_hold:
            raise DatabaseUnavailable("A chdb database in memory belongs to the process that made it, not to a forked child")
        self._engine = Engine(None)
        return self._engine

    def _elect(self, directory: Path, until: float | None) -> Engine | Elsewhere:
        if sys.platform == "win32":
            raise EngineMissing("chdb does not exist for Windows", hint="Use a ClickHouse server, or run this in WSL.")
        give_up = within(ELECTION_SECONDS, until)
        while True:
            if self.may_hold and self._try_hold(directory):
                assert self._engine is not None
                return self._engine
            other = read_holder(self.lock_path)
            if other is not None and self.check(other, until):
                return other
            if not self.may_hold:
                raise DatabaseUnavailable(
                    f"No process serves the chdb directory `{directory}`, and a forked child cannot open it"
                )
            if time.monotonic() > give_up:
                who = f"process {other.pid}" if other else "another process"
                raise DatabaseHeld(
                    f"The chdb directory `{directory}` is held by {who}, which does not serve it",
                    hint=f"End {who}, or use another directory.",
                )
            time.sleep(0.05)

    def _try_hold(self, directory: Path) -> bool:
        descriptor = self._lock_descriptor(directory)
        if descriptor is None:
            return False
        try:
            private_directory(directory)
            os.ftruncate(descriptor, 0)
            from tensorzero.clickhouse.holder_endpoint import Endpoint

            self._engine = Engine(directory)
            token = secrets.token_urlsafe(32)
            self._endpoint = Endpoint(
                self._engine, lambda user, given: user == USER and hmac.compare_digest(given.encode(), token.encode())
            )
            os.write(descriptor, json.dumps({"pid": os.getpid(), "port": self._endpoint.port, "token": token}).encode())
        except BaseException:
            self._let_go()
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def _lock_descriptor(self, directory: Path) -> int | None:
        """The lock file, locked by this process; None while another one has it. Raises StorageError."""
        try:
            directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = open_private(self.lock_path, create=True)
        except OSError as error:
            raise StorageError(
                f"The chdb directory `{directory}` cannot be used: {error.strerror} ({self.lock_path})",
                hint="Use a directory that you can write to.",
            ) from error
        try:
            locked = try_lock(descriptor) and still_there(descriptor, self.lock_path)
        except OSError as error:
            os.close(descriptor)
            raise StorageError(
                f"The chdb directory `{directory}` is on a file system that has no file locks: {error.strerror}",
                hint="Use a directory on a local disk, or a ClickHouse server: set TENSORZERO_CLICKHOUSE_URL.",
            ) from error
        if not locked:
            os.close(descriptor)
            return None
        return descriptor

    def check(self, other: Elsewhere, until: float | None = None) -> bool:
        """Whether the holder serves. One that lives and does not answer is named in DatabaseHeld."""
        import http.client

        seconds = max(0.01, left(within(PING_SECONDS, until)))  # a socket with 0 would not wait at all
        connection = http.client.HTTPConnection("127.0.0.1", other.port, timeout=seconds)
        try:
            connection.request("GET", "/ping", headers={"X-ClickHouse-User": USER, "X-ClickHouse-Key": other.token})
            return connection.getresponse().status == 200
        except TimeoutError as error:
            raise DatabaseHeld(
                f"The chdb directory `{self.directory}` is held by process {other.pid}, which does not answer",
                hint=f"Wait for it, or end it (kill {other.pid}); its rows and yours are kept.",
            ) from error
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _let_go(self) -> None:
        endpoint, self._endpoint = self._endpoint, None
        engine, self._engine = self._engine, None
        if endpoint is not None:
            endpoint.close()
        if engine is not None:
            engine.close()

    def release(self) -> None:
        """Close the engine and give the directory free."""
        with self._lock:
            self._let_go()
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def forget_after_fork(self) -> list[Any]:
        """In a forked child: drop the parent's lock and sockets; returns what must never be freed here."""
        self._lock = threading.RLock()
        kept: list[Any] = []
        if self._engine is not None:
            kept = [self._engine, *self._engine.raw_handles()]
        self._engine = None
        if self._endpoint is not None:
            self._endpoint.forget_after_fork()
            kept.append(self._endpoint)
            self._endpoint = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self.may_hold = False
        return kept


_registry: dict[str, Holder] = {}
_registry_lock = threading.RLock()
_forked = False


def borrow(directory: Path | None) -> Holder:
    """This process's holder for the directory, with one user more."""
    with _registry_lock:
        holder = _registry.setdefault(str(directory), Holder(directory))
        holder.users += 1
        return holder


def give_back(holder: Holder) -> None:
    """One user less; the last one closes the engine and frees the directory."""
    with _registry_lock:
        holder.users -= 1
        if holder.users > 0:
            return
        if _registry.get(str(holder.directory)) is holder:
            del _registry[str(holder.directory)]
    holder.release()


def forget_after_fork() -> list[Any]:
    """In a forked child: hold nothing, now or later; returns what must never be freed here."""
    global _registry_lock, _forked
    _registry_lock = threading.RLock()
    _forked = True
    return [kept for holder in _registry.values() for kept in holder.forget_after_fork()]


def read_holder(lock_path: Path) -> Elsewhere | None:
    """What the holder wrote into its lock file; None where nothing readable stands there (yet).

    Raises NotPrivate for a file that others could have written, or read.
    """
    with (
        contextlib.suppress(OSError, ValueError, KeyError, TypeError),
        os.fdopen(open_private(lock_path, create=False)) as file,
    ):
        found = json.load(file)
        return Elsewhere(int(found["pid"]), int(found["port"]), str(found["token"]))
    return None
