"""The database as the rest of the package uses it: accept rows, answer questions, find what feedback is about.

    database = Database.open("chdb://./.tensorzero/db")
    database.write([("ChatInference", {...}), ("ModelInference", {...})])    # in the spool when this returns
    database.query(Query("SELECT count() AS n FROM ChatInference"))          # flushes first
    database.close()                                                         # flushes; a later call opens it again

What is promised about rows stands in docs/durability.md.
"""

# pyarrow has no types.
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import uuid
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tensorzero.clickhouse.engine import leave
from tensorzero.clickhouse.errors import QueryRefused, SpoolError
from tensorzero.clickhouse.fork import can_skip_destructors, leave_running, leave_to_the_parent
from tensorzero.clickhouse.guard import Guard
from tensorzero.clickhouse.holder import forget_after_fork
from tensorzero.clickhouse.leaving import end_at_once
from tensorzero.clickhouse.limits import ANSWER_SECONDS, LOOKUP_SECONDS, OPENING_SECONDS, left, within
from tensorzero.clickhouse.link import Link
from tensorzero.clickhouse.neighbours import WAIT_SECONDS, Neighbours
from tensorzero.clickhouse.pending import Target
from tensorzero.clickhouse.places import spool_directory
from tensorzero.clickhouse.private import check_private
from tensorzero.clickhouse.queries.asked import asked_query
from tensorzero.clickhouse.queries.cache import cache_entry_query
from tensorzero.clickhouse.queries.targets import episode_target_query, inference_target_query
from tensorzero.clickhouse.queries.text_ids import UNKNOWN_TYPE, column_types_query, with_text_ids
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.segment import encode_record
from tensorzero.clickhouse.spool import MemorySpool, Spool
from tensorzero.clickhouse.url import EngineAddress, parse_url
from tensorzero.clickhouse.writer import Writer, join_abandoned
from tensorzero.ending import at_the_end
from tensorzero.masking.log import quiet
from tensorzero.runtime.staying import stay, staying

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Database", "Query", "Target"]

EXIT_SECONDS = 2.0
CLOSE_SECONDS = 30.0

logger = quiet("tensorzero")

_open_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_exited = False
"""Whether this process has closed its databases because it ends."""


class _Parts:
    """What an open database consists of; made again after `close` and after a fork."""

    def __init__(self, link: Link, *, directory: Path | None, delivers: bool = True) -> None:
        self.link = link
        fsync = os.environ.get("TENSORZERO_SPOOL_FSYNC") == "1"
        self.store = Spool(directory, fsync=fsync) if directory else MemorySpool()
        self.writer = Writer(self.store, link, directory, delivers=delivers)
        self.neighbours = Neighbours(self.store.directory, self.store.stem) if isinstance(self.store, Spool) else None
        self.dropped: weakref.finalize[..., Any] | None = None
        self.stopped = False
        self.text_ids = False
        """Whether the engine's Arrow output has no UUID."""

    def begin(self) -> None:
        """Take over what dead processes left, and deliver."""
        self.writer.claim()
        self.writer.start()

    def close(self, timeout: float) -> None:
        """Flush for at most `timeout` seconds, then let go of everything; rows that are left stay in the spool.

        May be called again after it was interrupted.
        """
        self.stop(timeout)
        self.let_go()

    def stop(self, timeout: float) -> None:
        """The first half of `close`: no row moves any more."""
        self.stopped = self.writer.stop(timeout)

    def let_go(self) -> None:
        if self.stopped:  # else the writer's thread does it, when it comes out of what holds it up
            self.link.close()
        if self.dropped is not None:
            self.dropped.detach()
        if isinstance(self.store, MemorySpool) and self.writer.directory is not None:
            with contextlib.suppress(OSError):
                self.writer.directory.rmdir()


class Database:
    """One database, behind its spool. Every method is thread-safe and blocking."""

    def __init__(self, url: str) -> None:
        self._address = parse_url(url)
        self._guard = Guard()
        self._parts: _Parts | None = None
        self._making: _Parts | None = None
        """While they are opened: a signal handler that calls meanwhile leaves its rows there."""
        self._leaving: list[_Parts] = []
        """To be closed; what an interrupted `close` did not get to stays here for the next one."""
        self._closers: set[int] = set()
        _open_databases.add(self)

    @classmethod
    def open(cls, url: str) -> Database:
        """Connect, make or check the schema, take over what dead processes left.

        Raises InvalidDatabaseUrl, EngineMissing, DatabaseUnavailable, SchemaMismatch.
        """
        database = cls(url)
        database._open_anew(asking=True)
        return database

    def __repr__(self) -> str:
        address = getattr(self, "_address", None)  # none where the URL was refused
        return f"Database({address and address.label!r})"

    @property
    def in_memory(self) -> bool:
        """Whether `close` would be the end of the rows."""
        return isinstance(self._address, EngineAddress) and self._address.directory is None

    def _opened(self) -> _Parts:
        """What a call needs, made again after `close`. The database itself is asked by whoever needs it: rows do not."""
        parts = self._parts
        if parts is not None:
            return parts
        return self._open_anew(asking=False)

    def _open_anew(self, *, asking: bool) -> _Parts:
        nested = self._guard.mine or threading.get_ident() in self._closers
        with staying():
            return self._guard.run(self._open, nested, asking)

    def _open(self, nested: bool, asking: bool) -> _Parts:
        """`nested`: this call interrupted an opening or a closing of its own thread; its rows are kept, and delivered later.

        `asking`: see whether the database answers; else that is left to whoever needs it, which rows do not.
        """
        if self._parts is not None:
            return self._parts
        parts = self._making
        if parts is None:
            parts = self._making = _Parts(Link(self._address), directory=spool_directory(self._address))
            parts.dropped = weakref.finalize(self, parts.writer.abandon)
            parts.dropped.atexit = False
        if not nested:
            try:
                if asking:
                    parts.link.connection(within(OPENING_SECONDS))
                check_private(parts.writer.directory)  # what lies there is delivered as ours
                parts.begin()
            except BaseException:
                self._leaving.append(parts)
                self._making = None
                self._close_leaving(0.0)
                raise
            self._parts = parts
            self._making = None
        return parts

    def before_fork(self) -> None:
        """A database in memory gets a directory where forked children can leave rows for it."""
        parts = self._parts
        if parts is not None and parts.writer.directory is None:
            parts.writer.directory = Path(tempfile.mkdtemp(prefix="tensorzero-"))

    def after_fork(self) -> list[Any]:
        """In a forked child: a spool and connections of its own; returns what must never be freed here."""
        self._guard = Guard()
        self._making, self._leaving = None, []
        old = self._parts
        if old is None:
            return []
        kept = [old, *old.link.forget_after_fork()]
        old.writer.forget_after_fork()
        in_memory = isinstance(old.store, MemorySpool)
        self._parts = _Parts(old.link, directory=old.writer.directory, delivers=not in_memory)
        return kept

    def write(self, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Keep rows (table name, JSONEachRow object), all or none; they are in the spool file when this returns.

        They reach the database within about 0.3 s, a second under steady load, or when it is there again.

        Raises SpoolError (a full disk, a value that is
        not JSON): then nothing is kept.
        """
        record = encode_record([table.encode() + b"\t" + encode_row(row) + b"\n" for table, row in rows])
        parts = self._parts or self._opened()
        while not parts.writer.write(record, rows):
            parts = self._opened()  # another thread closed it meanwhile
        if _exited:
            self.close(EXIT_SECONDS)  # an exit handler that runs after ours: nobody else would

    def query(self, query: Query, *, flush: bool = True, until: float | None = None) -> list[dict[str, Any]]:
        """Rows as dicts of Python values (UUID, int of any size, Decimal, datetime). Own rows are flushed first, and
        what other processes on this machine have accepted meanwhile is waited for, 10 s at most.

        `until`: a moment on `time.monotonic()` by which a database that hangs is given up. Raises DatabaseUnavailable,
        QueryRefused, AfterFork.
        """
        parts = self._opened()
        self._before_read(parts, flush, until)
        return parts.link.read(lambda connection: connection.query(query, until), until)

    def fetch(self, query: Query, *, until: float | None = None) -> list[dict[str, Any]]:
        """Rows as JSON has them: ids and 64-bit or longer integers are text. Flushes and raises like `query`."""
        parts = self._opened()
        self._before_read(parts, True, until)
        return parts.link.read(lambda connection: connection.fetch(query, until, ANSWER_SECONDS), until)

    def arrow(self, query: Query, *, flush: bool = True) -> pyarrow.Table:
        """The result as an Arrow table; raises like `query`.

        UUID columns arrive as bytes, or as text from an engine whose Arrow output has no UUID; 128-bit ones as bytes.
        """
        parts = self._opened()
        self._before_read(parts, flush)
        if not parts.text_ids:
            try:
                return parts.link.read(lambda connection: connection.arrow(query))
            except QueryRefused as error:
                if error.code != UNKNOWN_TYPE:
                    raise
        (types,) = parts.link.read(lambda connection: connection.fetch(column_types_query(query)))
        asked = with_text_ids(query, types)
        table = parts.link.read(lambda connection: connection.arrow(asked))
        parts.text_ids = True
        return table

    def _before_read(self, parts: _Parts, flush: bool, until: float | None = None) -> None:
        if flush and not parts.link.forked:
            parts.writer.flush(None if until is None else left(until), all_rows=False)
            if parts.neighbours is not None:
                parts.neighbours.wait(left(within(WAIT_SECONDS, until)))

    def find_inference(self, inference_id: uuid.UUID, until: float | None = None) -> Target | None:
        """What feedback on the inference is about; None when nobody knows the id.

        An inference that waits in the spool is found there, whatever the database does. `until`: a moment on
        `time.monotonic()` by which a database that hangs is given up, 30 s from now at most.

        Raises DatabaseUnavailable, AfterFork.
        """
        parts = self._opened()
        writer = parts.writer
        found = writer.pending.inference(inference_id) or writer.orphans.inference(inference_id)
        return found or self._find(parts, inference_target_query(inference_id), until)

    def asked_of(self, inference_id: uuid.UUID, target: Target, until: float | None = None) -> Mapping[str, Any]:
        """The inference's output, and what its row says about its tools or about the schema that its output had to fit.

        Empty when there is no such row; columns at their default may be missing. Raises like `find_inference`.
        """
        parts = self._opened()
        found = parts.writer.pending.asked(inference_id)
        if found is None:
            found = parts.writer.orphans.asked(inference_id)
        if found is not None:
            return found
        query = asked_query(target.function_type, target.function_name, target.variant_name, target.episode_id, inference_id)
        rows = self._look_up(parts, query, until)
        return rows[0] if rows else {}

    def find_episode(self, episode_id: uuid.UUID, until: float | None = None) -> Target | None:
        """The latest inference of the episode; like `find_inference` otherwise."""
        parts = self._opened()
        writer = parts.writer
        found = writer.pending.episode(episode_id) or writer.orphans.episode(episode_id)
        return found or self._find(parts, episode_target_query(episode_id), until)

    def find_cache_entry(self, long_key: str, since: int | None = None, until: float | None = None) -> Mapping[str, Any] | None:
        """The newest row of `ModelInferenceCache` under a key; `since`: only if newer than this Unix time, in seconds.

        A row that waits in the spool is found there. Otherwise like `find_inference`.
        """
        parts = self._opened()
        found = parts.writer.pending.cache_entry(long_key) or parts.writer.orphans.cache_entry(long_key)
        if found is not None and (since is None or int(found["timestamp"]) > since):
            return found
        rows = self._look_up(parts, cache_entry_query(long_key, since), until)
        return rows[0] if rows else None

    def _look_up(self, parts: _Parts, query: Query, until: float | None) -> list[dict[str, Any]]:
        moment = within(LOOKUP_SECONDS, until)
        return parts.link.read(lambda connection: connection.query(query, moment), moment)

    def _find(self, parts: _Parts, query: Query, until: float | None) -> Target | None:
        moment = within(LOOKUP_SECONDS, until)
        rows = parts.link.read(lambda connection: connection.fetch(query, moment), moment)
        if not rows:
            return None
        row = rows[0]
        return Target(row["function_name"], row["variant_name"], uuid.UUID(row["episode_id"]), row["function_type"])

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all accepted rows are in the database; raises DatabaseUnavailable when they cannot get there now."""
        parts = self._parts or self._making
        if parts is not None:
            parts.writer.flush(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Flush and let go of the connection, the chdb directory and the spool. The next call opens everything again.

        A database in memory ends here. Rows that the database does not take now stay in the spool, which is logged.
        """
        if not self._guard.mine:  # else a signal handler closes what its own thread is just opening
            self._guard.run(self._take_leave)
        self._close_leaving(timeout)

    def _take_leave(self) -> None:
        for parts in (self._parts, self._making):
            if parts is not None and parts not in self._leaving:
                self._leaving.append(parts)
        self._parts = self._making = None

    def _close_leaving(self, timeout: float) -> None:
        thread = threading.get_ident()
        try:
            self._closers.add(thread)
            with staying():
                for parts in list(self._leaving):
                    parts.close(timeout)
                    with contextlib.suppress(ValueError):
                        self._leaving.remove(parts)
        finally:
            self._closers.discard(thread)

    def taken(self) -> list[_Parts]:
        """What is open, for the caller to close; the next call opens it anew."""
        if not self._guard.mine:
            self._guard.run(self._take_leave)
        found, self._leaving = self._leaving, []
        return found

    def status(self) -> dict[str, Any]:
        """`database`, `spool` (directory or None), `pending_rows`, `refused_rows`, `last_error`, `open`."""
        parts = self._parts
        if parts is None:
            return {
                "database": self._address.label,
                "spool": None,
                "pending_rows": 0,
                "refused_rows": 0,
                "last_error": None,
                "open": False,
            }
        delivery = parts.writer.delivery
        return {
            "database": parts.link.where,
            "spool": str(parts.writer.directory) if parts.writer.directory else None,
            "pending_rows": parts.writer.waiting_rows,
            "refused_rows": delivery.refused_rows,
            "last_error": delivery.last_error or delivery.last_refusal,
            "open": True,
        }


def encode_row(row: Mapping[str, Any]) -> bytes:
    """A row as one line of JSON. Lone surrogates become U+FFFD, as the database would store no such text."""
    try:
        return orjson.dumps(row)
    except TypeError:
        try:
            return orjson.dumps(_clean(row))
        except TypeError as error:
            raise SpoolError(f"A row cannot be written as JSON: {error}") from error


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


@at_the_end
def _close_at_exit() -> None:
    """Deliver what a short moment allows. The rest waits in the spool, and the log says so."""
    global _exited
    try:
        open_ones = [parts for database in list(_open_databases) for parts in database.taken()]
        for parts in open_ones:
            parts.stop(EXIT_SECONDS)
        _exited = True
        stay()
        leave_running(leave(running=can_skip_destructors()))
        for parts in open_ones:
            parts.let_go()
        join_abandoned(EXIT_SECONDS)
    except KeyboardInterrupt:
        end_at_once()


def _before_fork() -> None:
    for database in list(_open_databases):
        database.before_fork()


def _after_fork() -> None:
    kept = forget_after_fork()
    for database in list(_open_databases):
        kept += database.after_fork()
    leave_to_the_parent(kept)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
