"""The chdb engine in this process: one directory (or memory) at a time, any number of handles to it.

chdb keeps its engine alive while a handle is open, so handles are counted here by directory, and another directory is refused
in words that name both. Two threads never share a handle at one moment: a call takes an idle one or opens one (0.3 ms).
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorzero.clickhouse import leaving
from tensorzero.clickhouse.errors import DatabaseHeld, DatabaseUnavailable, EngineMissing, QueryRefused, StorageError
from tensorzero.clickhouse.tables import quoted

_lock = threading.RLock()
_released = threading.Condition(_lock)
_directory: str | None = None
_handles: dict[int, Any] = {}
_abandoned = False
_ending = False

ABANDONED_SECONDS = 15.0
"""How long a database that was dropped without `close` may take to let go of its directory."""

ENGINE_SETTINGS = {"max_threads": 1}
"""For every statement. With more threads chdb 26.5 stops for ever in about one of fifty large sorted reads."""


class Engine:
    """Handles to the engine on `directory` (None: in memory). The engine itself ends with its last handle."""

    def __init__(self, directory: Path | None) -> None:
        self.path = str(directory) if directory else ":memory:"
        self._lock = threading.RLock()
        self._idle: list[tuple[str | None, Any]] = []
        self._closed = False
        self._keeper = open_handle(self.path)

    @contextmanager
    def handle(self, database: str | None = None) -> Generator[Any]:
        """One handle for one call. With a database, names are looked up there and JSON quotes 64-bit integers."""
        with self._lock:
            if self._closed:
                raise DatabaseUnavailable(f"The database at {self.path} is closed")
        handle = self._take_idle(database) or self._open(database)
        try:
            yield handle
        finally:
            with self._lock:
                keep = not self._closed and len(self._idle) < 8
                if keep:
                    self._idle.append((database, handle))
            if not keep:
                close_handle(handle)

    def _take_idle(self, database: str | None) -> Any:
        """In one step, which a signal handler that takes one too cannot divide."""
        for pair in list(self._idle):
            if pair[0] == database:
                with contextlib.suppress(ValueError):
                    self._idle.remove(pair)
                    return pair[1]
        return None

    def _open(self, database: str | None) -> Any:
        handle = open_handle(self.path)
        if database is not None:
            try:
                run_on(handle, f"USE {quoted(database)}", "Null")
                run_on(handle, "SET output_format_json_quote_64bit_integers = 1", "Null")
            except BaseException:
                close_handle(handle)
                raise
        return handle

    def close(self) -> None:
        """Calls under way finish on their own handles; the engine ends with the last of them."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            handles, self._idle = [*(handle for _, handle in self._idle), self._keeper], []
        for handle in handles:
            close_handle(handle)

    def raw_handles(self) -> list[Any]:
        """What must never be freed in a forked child: see fork.py."""
        return [*(handle for _, handle in self._idle), self._keeper]


def open_handle(path: str) -> Any:
    """A chdb connection. Raises EngineMissing, DatabaseHeld, or StorageError for a second directory."""
    chdb = _load()

    def connect() -> Any:
        try:
            handle = chdb.connect(path)
            for name, value in ENGINE_SETTINGS.items():
                handle.query(f"SET {name} = {value}", "Null")
        except RuntimeError as error:
            raise _opening_error(path, str(error)) from error
        return handle

    return counted(path, connect)


def counted(path: str, connect: Callable[[], Any]) -> Any:
    """What `connect` opens on the engine at `path`, to be closed by `close_handle`."""
    global _directory
    with leaving.inside(), _lock:
        if _handles and _directory != path and _abandoned:
            _released.wait_for(lambda: not _handles, ABANDONED_SECONDS)
        if _handles and _directory != path:
            raise StorageError(
                f"chdb is open on `{_directory}` in this process and cannot open `{path}` too: one directory a process",
                hint="Close the clients of the first one, use another process, or ?database= for a second database in one.",
            )
        handle = connect()
        _directory = path
        _handles[id(handle)] = handle
    return handle


def close_handle(handle: Any) -> None:
    global _abandoned
    with leaving.inside(), _lock:
        if _ending:
            return
        handle.close()
        del _handles[id(handle)]
        if not _handles:
            _abandoned = False
            _released.notify_all()


def expect_release() -> None:
    """A database was dropped without `close`, or its `close` gave up: its thread lets go of the engine soon. Takes no lock."""
    global _abandoned
    _abandoned = True


def reset_after_fork() -> None:
    """In a forked child: no handle of the parent's counts, and none may be opened."""
    global _lock, _released
    _lock = threading.RLock()
    _released = threading.Condition(_lock)
    _handles.clear()
    leaving.reset_after_fork()


def run_on(handle: Any, sql: str | bytes, form: str, parameters: Mapping[str, str] | None = None) -> bytes:
    """One statement on one handle; its result in the given format. Raises QueryRefused."""
    try:
        with leaving.inside():
            return handle.query(sql, form, params=dict(parameters or {})).bytes()
    except RuntimeError as error:
        raise refusal(str(error)) from error


def leave(*, running: bool) -> list[Any]:
    """At the end of the process: wait until no thread is in the engine any more (see leaving.py).

    `running`: from now on no handle is closed. Those that are open are returned, and must never be freed: an engine that has
    cancelled a statement may stop for ever when it is to end, and what it has written needs no such end.
    """
    global _ending
    leaving.leave(_cancel)
    _ending = running
    return list(_handles.values()) if running else []


def _cancel(condition: str) -> None:
    if _directory is None or not _lock.acquire(timeout=1):
        return
    _lock.release()
    with contextlib.suppress(StorageError):
        handle = open_handle(_directory)
        try:
            run_on(handle, f"KILL QUERY WHERE query_id != queryID() AND {condition} ASYNC", "Null")
        finally:
            close_handle(handle)


def refusal(text: str) -> QueryRefused:
    """ClickHouse's error text as an exception with its code."""
    start = text.find("Code: ")
    text = text[start:] if start > 0 else text
    digits = text[len("Code: ") :].partition(".")[0] if text.startswith("Code: ") else ""
    return QueryRefused(text.strip(), code=int(digits) if digits.isdigit() else None)


def _load() -> Any:
    if sys.platform == "win32":
        raise EngineMissing("chdb does not exist for Windows", hint="Use a ClickHouse server, or run this in WSL.")
    try:
        import chdb
    except ImportError as error:
        raise EngineMissing(
            "A chdb:// database needs the package `chdb`",
            hint="pip install 'tensorzero[notebook]', or use a ClickHouse server.",
        ) from error
    return chdb


def _opening_error(path: str, text: str) -> StorageError:
    if "cannot connect with different path" in text:
        return StorageError(
            f"chdb is open in this process on another directory than `{path}`: {text.strip()}", hint="One directory a process."
        )
    if "Error initializing EmbeddedServer" in text:
        return DatabaseHeld(
            f"The chdb directory `{path}` could not be opened: another program holds it, or it is read-only. ({text.strip()})",
            hint="Close the program that uses chdb on that directory.",
        )
    return StorageError(f"The chdb directory `{path}` could not be opened: {text.strip()}")
