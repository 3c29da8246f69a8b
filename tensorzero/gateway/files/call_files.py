"""The files of one call: where each is kept, and its bytes for whoever needs them.

A URL goes to a provider that takes it as it is; the gateway fetches the file for the others, and once for its own store.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Iterator
from dataclasses import replace

from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.files.object_storage import ObjectStore
from tensorzero.gateway.values import ProviderCall
from tensorzero.inputs.blocks import File, Input, RequestBlock, RequestMessage, content_path
from tensorzero.inputs.file_types import sniffed
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.fetch import MAX_SECONDS, Fetched, FetchError, fetch
from tensorzero.runtime.runtime import Runtime
from tensorzero.version import USER_AGENT

logger = logging.getLogger("tensorzero")

STORE_SECONDS = 10.0
"""How long a file may take that is fetched for the store only: the answer waits for it."""
_ROUNDING_S = 0.02
"""libcurl counts in milliseconds, and may give up a moment before the deadline that it was given."""

_WITHOUT_FILES = frozenset(("dummy",))
_WITHOUT_URLS = frozenset(("aws_bedrock", "gcp_vertex_gemini", "google_ai_studio_gemini"))
_NO_TYPE = "`mime_type` not provided, and unable to infer from file content or Content-Type header"


class CallFiles:
    """`always`: no provider is given a URL (`gateway.fetch_and_encode_input_files_before_inference`)."""

    def __init__(self, given: Input, store: ObjectStore, *, always: bool) -> None:
        self._files = list(files_of(given))
        self._store = store
        self._always = always
        self._tried: set[int] = set()
        for file in self._files:
            if file.data is not None and file.storage_path is None:
                file.storage_path = content_path(file.data, file.mime_type, store.kind)

    async def provide(self, call: ProviderCall, provider_type: str) -> None:
        """Put the bytes that this provider needs into the attempt's request. Raises `GatewayError`, `DeadlineExceeded`."""
        if provider_type in _WITHOUT_FILES:
            return
        messages = [await self._with_bytes(message, call, provider_type) for message in call.request.messages]
        call.request = replace(call.request, messages=tuple(messages))

    async def _with_bytes(self, message: RequestMessage, call: ProviderCall, provider_type: str) -> RequestMessage:
        content: list[RequestBlock] = []
        for block in message.content:
            if isinstance(block, File) and self._must_be_read(block, provider_type):
                block = await self._read(block, call.runtime, MAX_SECONDS, call.deadline)
            content.append(block)
        return RequestMessage(message.role, tuple(content))

    def _must_be_read(self, file: File, provider_type: str) -> bool:
        if file.data is not None:
            return False
        if file.file_type != "url" or self._always or provider_type in _WITHOUT_URLS:
            return True
        return file.mime_type is not None and not file.mime_type.startswith("image/")

    async def _read(self, file: File, runtime: Runtime, seconds: float, deadline: Deadline | None = None) -> File:
        """The file with its data, which is remembered for the rows."""
        if file.fetched is None:
            read = self._download if file.file_type == "url" else self._look_up
            file.fetched = await read(file, runtime, seconds, deadline)
        return file.fetched

    async def _download(self, file: File, runtime: Runtime, seconds: float, deadline: Deadline | None) -> File:
        url = file.url or ""
        if deadline is not None:
            seconds = min(seconds, deadline.remaining())
        try:
            found: Fetched = await runtime.blocking(fetch, url, USER_AGENT, seconds, deadline=deadline)
        except FetchError as error:
            if deadline is not None and deadline.remaining() < _ROUNDING_S:
                raise DeadlineExceeded(deadline) from None
            raise GatewayError(f"Error fetching file from {url}: {error}", hint=error.hint) from None
        mime_type = file.mime_type or sniffed(found.content) or found.content_type
        if mime_type is None:
            raise GatewayError(f"Error fetching file from {url}: {_NO_TYPE}")
        data = base64.b64encode(found.content).decode()
        path = content_path(data, mime_type, self._store.kind)
        return File("url", url, mime_type, data, file.detail, file.filename, path)

    async def _look_up(self, file: File, runtime: Runtime, _seconds: float, deadline: Deadline | None) -> File:
        place = file.storage_path or {}
        if place["kind"]["type"] == "disabled":
            raise GatewayError("Object store was disabled")
        if place["kind"] != self._store.kind:
            raise GatewayError(
                "Internal error: Error getting object: the file lies in another object store than the configured one",
                hint="Files are read from the store that `[object_storage]` describes.",
            )
        try:
            content = await runtime.blocking(self._store.get, place["path"], deadline=deadline)
        except (OSError, ValueError) as error:
            raise GatewayError(f"Internal error: Error getting object: {error}") from None
        return replace(file, data=base64.b64encode(content).decode())

    def passed_on(self) -> list[File]:
        """Files that most providers get by URL, so that only the store needs their bytes."""
        return [file for file in self._unread() if not self._must_be_read(file, "")]

    def _unread(self) -> list[File]:
        """Files nobody has fetched or tried to fetch for the store."""
        return [file for file in self._files if _is_unread(file) and id(file) not in self._tried]

    async def fetch(self, unread: list[File], runtime: Runtime, deadline: Deadline | None) -> None:
        """Get these for the store. One that cannot be had in time is logged, and its row names no data."""
        self._tried.update(map(id, unread))
        results = await runtime.gather(*(self._read(file, runtime, STORE_SECONDS, deadline) for file in unread))
        for result in results:
            if isinstance(result, Exception):
                logger.warning("A file was not stored: %s", result)

    async def store(self, runtime: Runtime, deadline: Deadline | None) -> None:
        """Write every file to the store, once. Failures are logged, lateness too: there is an answer, and it counts more."""
        await self.fetch(self._unread(), runtime, deadline)
        files, self._files = self._files, []
        for file in files:
            here = file.fetched or file
            if here.data is None or here.storage_path is None or file.file_type == "object_storage_pointer":
                continue
            try:
                content = base64.b64decode(here.data)
                await runtime.blocking(self._store.put, here.storage_path["path"], content, deadline=deadline)
            except (OSError, ValueError, binascii.Error, GatewayError, DeadlineExceeded) as error:
                logger.warning("The file `%s` could not be stored: %s", here.storage_path["path"], error)


def _is_unread(file: File) -> bool:
    return file.file_type == "url" and file.data is None and file.fetched is None


def files_of(given: Input) -> Iterator[File]:
    """Every file of an input, in order."""
    for message in given.messages:
        for block in message.content:
            if isinstance(block, File):
                yield block
