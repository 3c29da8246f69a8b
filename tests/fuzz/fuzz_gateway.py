"""A gateway for fuzzing: upstream and database in memory, every call looked at from outside.

What a call may do is in `outcome_of`: answer, or raise what the client documents. Its rows are checked against that.
"""

from __future__ import annotations

import contextlib
import re
import socket
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import orjson

from tensorzero import TensorZeroError, TensorZeroGateway, TensorZeroInternalError
from tensorzero.clients.embedded_transport import EmbeddedTransport
from tensorzero.gateway.config.loading import load_config
from tensorzero.gateway.opening import gateway_on
from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.drive import drive
from tensorzero.runtime.runtime import HttpError, HttpReply, HttpRequest
from tensorzero.runtime.sizes import Limits

JSON_COLUMNS = ("input", "output", "inference_params", "tool_params", "input_messages", "extra_body", "auxiliary_content")


PYTHON_WORDS = re.compile(
    r"object has no attribute|not subscriptable|indices must be|object is not|unhashable|Traceback|unsupported operand"
    r"|NoneType|KeyError|can only concatenate|expected str instance|Type is not JSON|maximum recursion"
)


class Finding(AssertionError):
    """Something that no call may do."""


class FakeHttp:
    """Answers every request with `status`, `headers` and `parts`; then breaks off if `breaks`."""

    def __init__(self, status: int = 200, parts: list[bytes] | None = None, breaks: bool = False, kind: str = "") -> None:
        self.status, self.parts, self.breaks = status, parts or [], breaks
        self.headers = {"content-type": kind} if kind else {}

    async def send(self, request: HttpRequest, deadline: Any = None) -> HttpReply:
        if self.breaks:
            raise HttpError("connection reset", in_body=True)
        return HttpReply(self.status, self.headers, b"".join(self.parts))

    async def open_stream(self, request: HttpRequest, deadline: Any = None) -> FakeStream:
        return FakeStream(self)

    def close(self) -> None:
        pass


class FakeStream:
    limits = Limits()

    def __init__(self, http: FakeHttp) -> None:
        self.status, self.headers, self._breaks = http.status, http.headers, http.breaks
        self._parts = list(http.parts)

    async def read(self, deadline: Any = None) -> bytes:
        if self._parts:
            return self._parts.pop(0)
        if self._breaks:
            raise HttpError("connection reset", in_body=True)
        return b""

    async def close(self) -> None:
        pass


class FuzzRuntime(BlockingRuntime):
    """Waits for nothing and starts no thread."""

    def __init__(self, http: FakeHttp) -> None:
        self.http = http  # type: ignore[assignment]

    async def sleep(self, seconds: float, deadline: Any = None) -> None:
        pass

    async def blocking(self, function: Callable[..., Any], *args: Any, deadline: Any = None) -> Any:
        return function(*args)

    async def gather(self, *coroutines: Any) -> list[Any]:
        found: list[Any] = []
        for coroutine in coroutines:
            try:
                found.append(drive(coroutine))
            except Exception as error:
                found.append(error)
        return found


class RowsInMemory:
    """Takes rows as the database does: one call is one record, and each row is JSON."""

    in_memory = True

    def __init__(self) -> None:
        self.records: list[list[tuple[str, dict[str, Any]]]] = []

    def write(self, rows: Any) -> None:
        self.records.append([(table, orjson.loads(orjson.dumps(row))) for table, row in rows])

    def query(self, query: Any, flush: bool = True) -> list[Any]:
        return []

    def find_cache_entry(self, *args: Any, **kwargs: Any) -> None:
        return None

    def flush(self, timeout: float | None = None) -> None:
        pass


def client_on(config: Any, http: FakeHttp, database: Any = None) -> TensorZeroGateway:
    """An embedded client. Raises `GatewayError` where the configuration needs something that is not there."""
    gateway = gateway_on(config, database)
    client: Any = TensorZeroGateway._of(EmbeddedTransport(gateway), http=False)  # type: ignore[arg-type]
    client._runtime = FuzzRuntime(http)
    return client


def load(files: Mapping[str, str]) -> Any:
    """The configuration of these files; raises what `load_config` does."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, text in files.items():
            Path(folder, name).write_bytes(text.encode("utf-8", "surrogatepass"))
        with contextlib.chdir(folder) if hasattr(contextlib, "chdir") else contextlib.nullcontext():
            return load_config(str(Path(folder, "tensorzero.toml")))


@contextlib.contextmanager
def no_names() -> Iterator[None]:
    """No host name resolves: nothing leaves this machine."""
    with mock.patch.object(socket, "getaddrinfo", side_effect=socket.gaierror(socket.EAI_NONAME, "no names here")):
        yield


def outcome_of(client: Any, database: RowsInMemory, arguments: Mapping[str, Any]) -> str:
    """One `inference` call, streamed to its end; `answered` or the error's name. Raises `Finding`."""
    before = len(database.records)
    raised: Exception | None = None
    unfinished = False
    try:
        answer = client.inference(**arguments)
        if not hasattr(answer, "inference_id"):
            unfinished = True
            unfinished, raised = _drain(answer)
    except Exception as error:
        raised = error
    if raised is not None:
        check_error(raised)
    records = [record for record in database.records[before:] if any(table != "ModelInferenceCache" for table, _ in record)]
    check_records(records)
    expected = 0 if arguments.get("dryrun") else 1
    if (raised is None and len(records) != expected) or (raised is not None and not unfinished and records):
        raise Finding(f"{len(records)} records after {raised!r}")
    return "answered" if raised is None else type(raised).__name__


def _drain(stream: Any) -> tuple[bool, Exception | None]:
    """Read a stream to its end, past errors that it goes on after."""
    first: Exception | None = None
    for _ in range(10_000):
        try:
            next(stream)
        except StopIteration:
            return True, first
        except Exception as error:
            check_error(error)
            first = first or error
    raise Finding("a stream without an end")


def check_error(error: Exception) -> None:
    """TypeError and ValueError are about arguments: inside the gateway they are bugs. No message speaks of Python."""
    if isinstance(error, TensorZeroError | TensorZeroInternalError) and (words := PYTHON_WORDS.search(str(error))):
        raise Finding(f"{words[0]} in {error}")
    if isinstance(error, TensorZeroInternalError):
        return
    if isinstance(error, TensorZeroError):
        if not isinstance(orjson.loads(error.text).get("error"), str):
            raise Finding(f"no error text: {error}")
        return
    inside = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, TypeError | ValueError) and not any("/tensorzero/gateway/" in name for name in inside):
        return
    raise Finding("".join(traceback.format_exception(error))) from error


def check_records(records: list[list[tuple[str, dict[str, Any]]]]) -> None:
    """One answer, its model inferences before it, and JSON where JSON belongs."""
    for record in records:
        *models, (table, answer) = record
        if table not in ("ChatInference", "JsonInference"):
            raise Finding(f"a record that ends with {table}")
        if not models or any(name != "ModelInference" or row["inference_id"] != answer["id"] for name, row in models):
            raise Finding(f"half an inference: {[name for name, _ in record]}")
        for _, row in record:
            for column in JSON_COLUMNS:
                if row.get(column):
                    orjson.loads(row[column])
