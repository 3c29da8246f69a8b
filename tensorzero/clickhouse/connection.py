"""One way to talk to the database, over a server (HTTP) or in this process (chdb), both through clickhouse-connect.

Statements that start-up, delivery and look-ups need go round clickhouse-connect in process: it costs 0.2 s to load, and is
loaded by the first query that a user makes.
"""

# pyarrow has no types.
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false

from __future__ import annotations

import http.client
import logging
import threading
import uuid
import weakref
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

import orjson

from tensorzero.clickhouse import schema
from tensorzero.clickhouse.driver import load_driver
from tensorzero.clickhouse.engine import ENGINE_SETTINGS, Engine, close_handle, counted, refusal, run_on
from tensorzero.clickhouse.errors import DatabaseUnavailable, QueryRefused, SchemaMismatch
from tensorzero.clickhouse.leaving import inside
from tensorzero.clickhouse.limits import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    LOOKUP_SECONDS,
    OPENING_SECONDS,
    holding,
    limited,
    limited_pool,
    within,
)
from tensorzero.clickhouse.query import Query
from tensorzero.clickhouse.tables import is_table_name
from tensorzero.clickhouse.url import ServerAddress

if TYPE_CHECKING:
    import pyarrow

INSERT_SETTINGS = {"input_format_skip_unknown_fields": "0", "input_format_null_as_default": "0"}
SERVER_INSERT_SETTINGS = {**INSERT_SETTINGS, "async_insert": "1", "wait_for_async_insert": "1"}
JSON_SETTINGS = {"output_format_json_quote_64bit_integers": "1"}
PREPARE = "/tensorzero/prepare"
"""What a holder does for others instead of running definitions: see holder_endpoint.py."""

# With no handler anywhere, Python would print the driver's own warning at every attempt of an outage; ours says it once.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())


class Connection(Protocol):
    """Thread-safe. Raises DatabaseUnavailable where nothing answers, QueryRefused where ClickHouse says no.

    `until`: a server is waited for no longer; see limits.py for what holds without it. The engine in this process answers.
    """

    def run(self, sql: str, until: float | None = None) -> list[dict[str, Any]]:
        """One statement outside any database; its rows as JSON gives them."""
        ...

    def prepare(self, database: str, until: float | None = None) -> schema.Prepared:
        """Make, complete or check the database: see schema.py. Raises SchemaMismatch."""
        ...

    def fetch(self, query: Query, until: float | None = None, seconds: float = LOOKUP_SECONDS) -> list[dict[str, Any]]:
        """Rows as JSON gives them: ids and 64-bit or longer integers are text. A server may be silent for so many `seconds`."""
        ...

    def query(self, query: Query, until: float | None = None) -> list[dict[str, Any]]:
        """Rows as Python values: UUID, int, Decimal, datetime."""
        ...

    def arrow(self, query: Query, until: float | None = None) -> pyarrow.Table: ...

    def insert(self, table: str, lines: bytes) -> None:
        """Insert JSONEachRow lines."""
        ...

    def close(self) -> None: ...


class EngineConnection:
    """The engine in this process."""

    def __init__(self, engine: Engine, database: str) -> None:
        self._engine = engine
        self._database = database
        self._lock = threading.RLock()
        self._clients: list[Any] = []
        self._closed = False

    def run(self, sql: str, until: float | None = None) -> list[dict[str, Any]]:
        with self._engine.handle() as handle:
            return json_rows(run_on(handle, sql, "JSONEachRow"))

    def prepare(self, database: str, until: float | None = None) -> schema.Prepared:
        return schema.prepare(self.run, database)

    def fetch(self, query: Query, until: float | None = None, seconds: float = LOOKUP_SECONDS) -> list[dict[str, Any]]:
        with self._engine.handle(self._database) as handle:
            return json_rows(run_on(handle, query.sql, "JSONEachRow", bound(query.parameters)))

    def insert(self, table: str, lines: bytes) -> None:
        settings = ", ".join(f"{name} = {value}" for name, value in INSERT_SETTINGS.items())
        head = f"INSERT INTO {checked(table)} SETTINGS {settings} FORMAT JSONEachRow\n"
        with self._engine.handle(self._database) as handle:
            run_on(handle, head.encode() + lines, "Null")

    def query(self, query: Query, until: float | None = None) -> list[dict[str, Any]]:
        with self._client() as client, driver_errors():
            return list(client.query(query.sql, parameters=dict(query.parameters)).named_results())

    def arrow(self, query: Query, until: float | None = None) -> pyarrow.Table:
        with self._client() as client, driver_errors():
            return client.query_arrow(query.sql, parameters=dict(query.parameters))

    @contextmanager
    def _client(self) -> Generator[Any]:
        """A clickhouse-connect client for one call: each serialises its own calls, so threads take different ones."""
        with inside():
            yield from self._client_inside()

    def _client_inside(self) -> Generator[Any]:
        try:
            client = self._clients.pop()
        except IndexError:
            client = counted(self._engine.path, self._open)
        try:
            yield client
        finally:
            with self._lock:
                keep = not self._closed and len(self._clients) < 8
                if keep:
                    self._clients.append(client)
            if not keep:
                close_handle(client)

    def _open(self) -> Any:
        with driver_errors():
            client: Any = load_driver().get_client(
                interface="chdb", path=self._engine.path, database=self._database, settings=dict(ENGINE_SETTINGS)
            )
        for finalizer in _finalizers(client):
            finalizer.atexit = False  # it would close the handle under a thread that reads
        return client

    def close(self) -> None:
        with self._lock:
            self._closed = True
            clients, self._clients = self._clients, []
        for client in clients:
            close_handle(client)

    def forget_after_fork(self) -> list[Any]:
        """In a forked child: keep the driver from closing its handles at exit; returns what must never be freed here."""
        for client in self._clients:
            for finalizer in _finalizers(client):
                finalizer.detach()
        return list(self._clients)


def _finalizers(client: Any) -> Iterator[weakref.finalize[..., Any]]:
    """What closes a chdb client of the driver by itself."""
    for value in list(vars(client._backend).values()):
        if isinstance(value, weakref.finalize):
            yield value


class ServerConnection:
    """A ClickHouse server, or the loopback endpoint of the process that holds a chdb directory."""

    def __init__(
        self, address: ServerAddress, *, insert_settings: Mapping[str, str] = SERVER_INSERT_SETTINGS, compress: bool = True
    ) -> None:
        self._address = address
        self._insert_settings = dict(insert_settings)
        self._compress = compress
        self._lock = threading.RLock()
        self._opened: dict[str | None, Any] = {}
        self._pool: Any = None

    def run(self, sql: str, until: float | None = None) -> list[dict[str, Any]]:
        command = is_command(sql)
        with self._client(None, ANSWER_SECONDS if command else LOOKUP_SECONDS, until) as client:
            return json_rows(client.raw_query(sql, fmt=None if command else "JSONEachRow", settings=JSON_SETTINGS))

    def prepare(self, database: str, until: float | None = None) -> schema.Prepared:
        return schema.prepare(partial(self.run, until=until), database)

    def fetch(self, query: Query, until: float | None = None, seconds: float = LOOKUP_SECONDS) -> list[dict[str, Any]]:
        with self._client(self._address.database, seconds, until) as client:
            parameters, command = dict(query.parameters), is_command(query.sql)
            body = client.raw_query(query.sql, parameters, fmt=None if command else "JSONEachRow", settings=JSON_SETTINGS)
            return json_rows(body)

    def insert(self, table: str, lines: bytes) -> None:
        with self._client(self._address.database, ANSWER_SECONDS) as client:
            # `command` is the call that the driver never repeats by itself: whether a cut insert arrived is asked first.
            client.command(f"INSERT INTO {checked(table)} FORMAT JSONEachRow", data=lines, settings=self._insert_settings)

    def query(self, query: Query, until: float | None = None) -> list[dict[str, Any]]:
        with self._client(self._address.database, ANSWER_SECONDS, until) as client:
            return list(client.query(query.sql, parameters=dict(query.parameters)).named_results())

    def arrow(self, query: Query, until: float | None = None) -> pyarrow.Table:
        with self._client(self._address.database, ANSWER_SECONDS, until) as client:
            return client.query_arrow(query.sql, parameters=dict(query.parameters))

    @contextmanager
    def _client(self, database: str | None, seconds: float, until: float | None = None) -> Generator[Any]:
        """The driver's client for the database (None: for none), for one call. Making one asks the server a few questions."""
        moment = within(seconds, until)
        with driver_errors(), limited(moment):
            client = self._opened.get(database)
            if client is None:
                with holding(self._lock, moment, self._address.label):
                    client = self._opened.get(database)
                    if client is None:
                        client = self._opened[database] = self._open(database)
            yield client

    def _open(self, database: str | None) -> Any:
        address = self._address
        client: Any = load_driver().get_client(
            host=address.url_host,
            port=address.port,
            username=address.user or "default",
            password=address.password or "",
            interface=address.scheme,
            database=database or "__default__",
            settings=dict(address.settings),
            compress=self._compress,
            autogenerate_session_id=False,
            pool_mgr=self._connections(),
        )
        client.http_retries = 0
        return client

    def _connections(self) -> Any:
        """This connection's own sockets: none is shared with another database, or with the parent after a fork."""
        if self._pool is None:
            load_driver()
            from clickhouse_connect.driver.httputil import check_env_proxy, get_pool_manager

            from tensorzero.clickhouse.sockets import let_handlers_in

            address = self._address
            proxy = None if address.on_loopback else check_env_proxy(address.scheme, address.host, address.port)
            options: dict[str, Any] = {f"{address.scheme}_proxy": proxy} if proxy else {}
            self._pool = limited_pool(get_pool_manager(maxsize=16, **options))
            let_handlers_in(self._pool)
        return self._pool

    def ping(self, until: float | None = None) -> None:
        """Raises DatabaseUnavailable, in the original's words, unless the server is there."""
        answer = self._request("GET", "/ping", within(CONNECT_SECONDS, until))
        if answer.status != 200:
            reason = http.client.responses.get(answer.status, "")
            raise DatabaseUnavailable(
                f"ClickHouse is not healthy (status code {answer.status} {reason}): {self._address.label}"
            )

    def _request(self, method: str, path: str, until: float) -> Any:
        import urllib3

        address = self._address
        url = f"{address.scheme}://{address.url_host}:{address.port}{path}"
        try:
            with limited(until):
                return self._connections().request(method, url, headers=self._login(), retries=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise DatabaseUnavailable(
                f"ClickHouse is not healthy: {address.label}: {_reason(error)}", hint="Is the server running?"
            ) from error

    def _login(self) -> dict[str, str]:
        """Gateways in front of a server may want it even for `/ping`. Header text is Latin-1, what it carries UTF-8."""
        given = {"X-ClickHouse-User": self._address.user, "X-ClickHouse-Key": self._address.password}
        return {name: value.encode().decode("latin-1") for name, value in given.items() if value is not None}

    def close(self) -> None:
        with self._lock:
            self._opened.clear()
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.clear()


class HolderConnection(ServerConnection):
    """The loopback endpoint of the process that holds a chdb directory."""

    def __init__(self, address: ServerAddress) -> None:
        super().__init__(address, insert_settings=INSERT_SETTINGS, compress=False)

    def prepare(self, database: str, until: float | None = None) -> schema.Prepared:
        answer = self._request("POST", f"{PREPARE}?{urlencode({'database': database})}", within(OPENING_SECONDS, until))
        if answer.status == 409:
            raise SchemaMismatch(**orjson.loads(answer.data))
        if answer.status != 200:
            raise refusal(answer.data.decode(errors="replace"))
        found = orjson.loads(answer.data)
        return schema.Prepared(found["created"], tuple(found["newer"]), found["digest"])


def bound(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Values as the engine reads them for typed placeholders."""
    plain = {name: str(value) for name, value in parameters.items() if isinstance(value, (uuid.UUID, int))}
    if len(plain) == len(parameters):
        return plain
    load_driver()
    from clickhouse_connect.driver.binding import bind_query

    placeholders = " ".join(f"{{{name}:String}}" for name in parameters)
    _, values = bind_query(placeholders, dict(parameters))
    return {name.removeprefix("param_"): value for name, value in values.items()}


def json_rows(body: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in body.split(b"\n") if line]


def is_command(sql: str) -> bool:
    """Whether the statement gives no rows, so that no FORMAT may follow it."""
    return sql.lstrip().partition(" ")[0].upper() not in ("SELECT", "WITH", "SHOW", "DESCRIBE", "EXISTS", "EXPLAIN")


def checked(table: str) -> str:
    """A table name that may stand in a statement."""
    if not is_table_name(table):
        raise QueryRefused(f"`{table}` is no table name", code=60)
    return table


@contextmanager
def driver_errors() -> Generator[None]:
    """clickhouse-connect's exceptions as ours."""
    load_driver()
    from clickhouse_connect.driver import exceptions

    try:
        yield
    except exceptions.Error as error:
        code = getattr(error, "code", None)
        if code is not None:
            raise QueryRefused(str(error), code=code) from error
        found = refusal(str(error))
        if found.code is not None:
            raise found from error
        raise DatabaseUnavailable(f"The database does not answer: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The innermost cause in few words: the driver's own text repeats the whole request."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = getattr(error, "reason", None)
    text = str(reason if isinstance(reason, BaseException) else error)
    return text.rpartition("object at")[2].partition(": ")[2] or text.partition(" (")[0]
