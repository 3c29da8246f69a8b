"""Enough of ClickHouse's HTTP interface, over the chdb engine of this process, for clickhouse-connect and our own delivery.

The process that holds a chdb directory serves it to the other processes of the same user: on loopback only, with a token that
stands in a file of mode 0600. Run as a program it is a small ClickHouse server for tests:

    python -m tensorzero.clickhouse.holder_endpoint --path DIR --port N [--user U --password P]
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import hmac
import io
import json
import re
import signal
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from tensorzero.clickhouse import schema
from tensorzero.clickhouse.connection import PREPARE, json_rows
from tensorzero.clickhouse.engine import Engine, close_handle, open_handle, refusal, run_on
from tensorzero.clickhouse.errors import QueryRefused, SchemaMismatch, StorageError
from tensorzero.clickhouse.holder_statements import SETTINGS, Allowed, allowed
from tensorzero.clickhouse.leaving import inside
from tensorzero.clickhouse.strangers import Strangers
from tensorzero.clickhouse.tables import quoted

# What clients of ClickHouse put beside the settings in a request's query string; the engine knows none of it.
TRANSPORT_KEYS = frozenset(
    [
        "query",
        "database",
        "default_format",
        "user",
        "password",
        "session_id",
        "session_timeout",
        "session_check",
        "query_id",
        "quota_key",
        "compress",
        "decompress",
        "wait_end_of_query",
        "client_protocol_version",
        "role",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "enable_http_compression",
        "buffer_size",
    ]
)
_STREAMED = re.compile(rb"\bFORMAT\s+(Native|TabSeparated|TSV|CSV|RowBinary|JSONEachRow)\s*;?\s*\Z", re.IGNORECASE)
_READS = re.compile(rb"\s*(SELECT|WITH)\b", re.IGNORECASE)
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OWN_HOSTS = frozenset(["127.0.0.1", "localhost", "::1"])
BREATH_SECONDS = 0.05
STRANGERS_BYTES = 64 * 1024
_HTTP_STATUS = {60: 404, 81: 404, 16: 404, 47: 404, 62: 400, 516: 403, 117: 400}


class Endpoint:
    """A listening socket on 127.0.0.1 with a thread for each connection. `check(user, password)` lets a request in.

    Who has not shown a password yet gets little time, and few connections at a time (strangers.py). `anything`: run every
    statement, as a server does, and not only what other processes need of a holder (holder_statements.py).
    """

    def __init__(
        self,
        engine: Engine,
        check: Callable[[str, str], bool],
        *,
        port: int = 0,
        open_ping: bool = False,
        anything: bool = False,
    ) -> None:
        self.engine = engine
        self.check = check
        self.open_ping = open_ping
        self.anything = anything
        self.strangers = Strangers()
        self._table_functions: list[str] | None = None
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._sockets: set[socket.socket] = set()
        self._busy = 0
        self._quiet = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name="tensorzero-chdb-endpoint", daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, address = self._listener.accept()
            except OSError:
                if self._closing or self._listener.fileno() < 0:
                    return
                time.sleep(BREATH_SECONDS)  # a client that gave up, or a process out of descriptors
                continue
            if self._closing:
                client.close()
                return
            self._welcome(client, address)

    def _welcome(self, client: socket.socket, address: Any) -> None:
        thread = threading.Thread(target=self._serve, args=(client, address), name="tensorzero-chdb-client", daemon=True)
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.strangers.admit(client)
            with self._quiet:
                self._sockets.add(client)
            thread.start()
        except (OSError, RuntimeError):  # gone already, or no thread to be had
            self.strangers.known(client)
            with self._quiet:
                self._sockets.discard(client)
            client.close()

    def table_functions(self) -> list[str]:
        """Those that this engine has."""
        if self._table_functions is None:
            with self.engine.handle() as handle:
                names = run_on(handle, "SELECT name FROM system.table_functions", "TabSeparated").decode().split("\n")
            self._table_functions = [name for name in names if name]
        return self._table_functions

    def _serve(self, client: socket.socket, address: Any) -> None:
        try:
            with contextlib.suppress(OSError, ValueError, EOFError, zlib.error):  # gone, or talking nonsense
                _Handler(client, address, self)  # type: ignore[arg-type] - it only reads our attributes
        finally:
            self.strangers.known(client)
            with self._quiet:
                self._sockets.discard(client)
            client.close()

    @contextlib.contextmanager
    def working(self) -> Any:
        """Counts a request under way, so that closing waits for it. While closing, connections are cut: a successor serves."""
        with self._quiet:
            if self._closing:
                raise ConnectionAbortedError
            self._busy += 1
        try:
            yield
        finally:
            with self._quiet:
                self._busy -= 1
                self._quiet.notify_all()

    def close(self, timeout: float = 2.0) -> None:
        """Stop listening, let requests under way finish (up to `timeout` seconds), cut every connection."""
        with self._quiet:
            self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._quiet:
            self._quiet.wait_for(lambda: self._busy == 0, timeout)
            sockets = list(self._sockets)
        for client in sockets:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout)

    def forget_after_fork(self) -> None:
        """In a forked child: close the copies of the parent's sockets, so that they end with the parent."""
        self._listener.close()
        for client in list(self._sockets):
            client.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Any

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(self.server.strangers.reader(self.request))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Nothing: a query is not news."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        target = urlsplit(self.path)
        arguments = dict(parse_qsl(target.query, keep_blank_values=True))
        if not self._meant_for_us():
            self._refuse_body()
            self._send(421, b"This host is not served here.\n")
        elif target.path == "/ping" and self.server.open_ping:
            self._send(200, b"Ok.\n")
        elif not self._allowed(arguments):
            self._refuse_body()
            self._send_error(QueryRefused("Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)", code=516))
        elif target.path == "/ping":
            self._send(200, b"Ok.\n")
        elif target.path == PREPARE:
            self.server.strangers.known(self.request)
            self._prepare(arguments)
        else:
            self.server.strangers.known(self.request)
            self._execute(arguments, self._read_body() if self.command == "POST" else b"")

    def _meant_for_us(self) -> bool:
        """A page in a browser can have a name of its own lead here; the browser then says that name."""
        with contextlib.suppress(ValueError):
            return urlsplit(f"//{self.headers.get('Host', '')}").hostname in _OWN_HOSTS
        return False

    def _prepare(self, arguments: Mapping[str, str]) -> None:
        """Make or check a database of ours, so that nobody needs definitions through here."""
        try:
            with self.server.working(), self.server.engine.handle() as handle:
                prepared = schema.prepare(lambda sql: json_rows(run_on(handle, sql, "JSONEachRow")), arguments["database"])
            self._send(200, json.dumps(asdict(prepared)).encode())
        except SchemaMismatch as error:
            self._send(409, json.dumps({"message": error.message, "hint": error.hint}).encode())
        except StorageError as error:
            self._send_error(error)

    def _allowed(self, arguments: Mapping[str, str]) -> bool:
        user, password = arguments.get("user", ""), arguments.get("password", "")
        if "X-ClickHouse-User" in self.headers:
            user, password = self.headers["X-ClickHouse-User"], self.headers.get("X-ClickHouse-Key", "")
        elif self.headers.get("Authorization", "").startswith("Basic "):
            try:
                plain = base64.b64decode(self.headers["Authorization"][6:]).decode()
            except ValueError:
                return False
            user, _, password = plain.partition(":")
        return self.server.check(user, password)

    def _refuse_body(self) -> None:
        """A stranger's body is not kept, nor read beyond what lets a short one's sender see the answer."""
        self.close_connection = True
        length = self.headers.get("Content-Length", "")
        if length.isdecimal():
            self.rfile.read(min(int(length), STRANGERS_BYTES))

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces: list[bytes] = []
            while length := int(self.rfile.readline().split(b";")[0], 16):
                piece = self.rfile.read(length)
                if len(piece) != length:
                    raise ConnectionAbortedError
                pieces.append(piece)
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(pieces)
        else:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(max(0, length))
            if len(body) != length:
                raise ConnectionAbortedError  # the sender died: nothing of half a request is done
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _execute(self, arguments: dict[str, str], body: bytes) -> None:
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            arguments |= multipart_fields(kind, body)
            body = b""
        parts = [part for part in (arguments.get("query", "").encode(), body) if part]
        statement = b"\n".join(parts)
        try:
            limits = None
            if not self.server.anything:
                limits = allowed(statement, arguments.get("database", ""), self.server.table_functions())
            with self.server.working(), inside():
                handle = open_handle(self.server.engine.path)
                try:
                    prepare_handle(handle, arguments, limits)
                    parameters = {name[6:]: value for name, value in arguments.items() if name.startswith("param_")}
                    self._run(handle, statement, parameters, arguments.get("default_format", "TabSeparated"))
                finally:
                    close_handle(handle)
        except StorageError as error:
            self._send_error(error)

    def _run(self, handle: Any, statement: bytes, parameters: dict[str, str], form: str) -> None:
        if _READS.match(statement) and (found := _STREAMED.search(statement)):
            self._stream(handle, statement.decode(), parameters, found[1].decode())
        else:
            self._send(200, run_on(handle, statement, form, parameters), form)

    def _stream(self, handle: Any, statement: str, parameters: dict[str, str], form: str) -> None:
        """Send the result block by block: a large one never stands in memory whole."""
        try:
            stream = handle.send_query(statement, form, params=parameters)
            first = next(stream, None)
        except RuntimeError as error:
            raise refusal(str(error)) from error
        self.send_response(200)
        self._send_clickhouse_headers(form)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while first is not None:
                self._send_chunk(first.bytes())
                first = next(stream, None)
        except RuntimeError:
            self.close_connection = True  # without the last chunk the client knows that the result is cut
            return
        finally:
            stream.close()
        self.wfile.write(b"0\r\n\r\n")

    def _send_chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n" % len(data))
            self.wfile.write(data)
            self.wfile.write(b"\r\n")

    def _send(self, status: int, body: bytes, form: str = "TabSeparated", code: int | None = None) -> None:
        self.send_response(status)
        self._send_clickhouse_headers(form)
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_clickhouse_headers(self, form: str) -> None:
        self.send_header("X-ClickHouse-Summary", "{}")
        self.send_header("X-ClickHouse-Format", form)
        self.send_header("Content-Type", "application/octet-stream")

    def _send_error(self, error: StorageError) -> None:
        code = error.code if isinstance(error, QueryRefused) and error.code is not None else 1001
        self._send(_HTTP_STATUS.get(code, 500), error.message.encode(), code=code)


def prepare_handle(handle: Any, arguments: Mapping[str, str], limits: Allowed | None = None) -> None:
    """Apply a request's database, settings and limits to its own fresh handle."""
    if database := arguments.get("database"):
        run_on(handle, f"USE {quoted(database)}", "Null")
    for name, value in [*arguments.items(), *(limits.settings.items() if limits else ())]:
        if name in TRANSPORT_KEYS or name.startswith("param_") or not _SETTING.match(name):
            continue
        if limits is not None and name not in SETTINGS:
            continue
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        run_on(handle, f"SET {name} = '{escaped}'", "Null")
    if limits is not None and limits.readonly:
        run_on(handle, "SET readonly = 1", "Null")


def multipart_fields(content_type: str, body: bytes) -> dict[str, str]:
    """The plain fields of a form: how long parameters travel."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not found:
        return {}
    fields: dict[str, str] = {}
    for part in body.split(b"--" + found[1].encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if name:
            fields[unquote_plus(name[1].decode())] = value[:-2].decode()
    return fields


def main() -> None:
    """Serve a directory until SIGTERM: a real ClickHouse engine behind HTTP, for tests."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--path", required=True, type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user", default="default")
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    expected = f"{options.user}:{options.password}".encode()
    engine = Engine(options.path.resolve())
    endpoint = Endpoint(
        engine,
        lambda user, password: hmac.compare_digest(f"{user}:{password}".encode(), expected),
        port=options.port,
        open_ping=True,
        anything=True,
    )
    print(json.dumps({"port": endpoint.port}), flush=True)
    stopped = threading.Event()

    def stop(_signal: int, _frame: object) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    stopped.wait()
    endpoint.close()
    engine.close()


if __name__ == "__main__":
    main()
