"""HTTP for the blocking face: `poll` on the calling thread.

Every wait is Python's own `poll`, so Ctrl-C and deadlines end it at once, and dropping a transfer closes its connection.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections import deque
from typing import Any

import pycurl

from tensorzero.faces.curl_transfer import TIMED_OUT, Handle, HeaderLines, Transfer
from tensorzero.faces.deadline import Deadline, DeadlineExceeded
from tensorzero.faces.face import HttpReply, HttpRequest

_SHORT_MS = 20
_SLICE_MS = 50
_TICK_MS = 5
_LIBCURL_S = 0.001


class Waiter:
    """Readiness of sockets; `select` where there is no `poll` (Windows)."""

    def __init__(self) -> None:
        self._fd = -1
        self._poll: Any = None if sys.platform == "win32" else select.poll()

    def answer(self, fd: int, timeout_ms: int) -> None:
        """Until this one socket can be read, or the time-out."""
        if self._poll is None:
            _select([fd], [], timeout_ms)
            return
        if fd != self._fd:
            if self._fd >= 0:
                self._poll.unregister(self._fd)
            self._poll.register(fd, select.POLLIN)
            self._fd = fd
        self._poll.poll(timeout_ms)

    def any(self, readers: list[int], writers: list[int], timeout_ms: int) -> None:
        """Until one of them is ready, or the time-out."""
        if self._poll is None:
            _select(readers, writers, timeout_ms)
            return
        poll = select.poll()
        for fd in {*readers, *writers}:
            poll.register(fd, (select.POLLIN if fd in readers else 0) | (select.POLLOUT if fd in writers else 0))
        poll.poll(timeout_ms)


def _select(readers: list[int], writers: list[int], timeout_ms: int) -> None:
    # A short slice at a time: Ctrl-C does not interrupt select on Windows, which also wants one socket at least.
    seconds = min(timeout_ms, 2 * _SLICE_MS) / 1000
    if readers or writers:
        select.select(readers, writers, [], seconds)
    else:
        time.sleep(seconds)


class Line:
    """One transfer at a time with its own kept-alive connections. Used by one thread at a time."""

    def __init__(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._handle = Handle()
        self._waiter = Waiter()
        self._transfer: Transfer | None = None
        self._asked = False

    def begin(self, request: HttpRequest) -> Transfer:
        transfer = self._transfer = Transfer(self._handle, request)
        self._asked = False
        self._multi.add_handle(self._handle.curl)
        return transfer

    def exchange(self, request: HttpRequest, deadline: Deadline | None) -> HttpReply:
        """One whole exchange."""
        transfer = self.begin(request)
        perform = self._multi.perform
        while perform()[1]:
            self._wait(transfer, deadline)
            if transfer.done:
                break
        else:
            self._end(transfer)
        return transfer.reply()

    def _end(self, transfer: Transfer) -> None:
        _, _, failed = self._multi.info_read()
        transfer.end((failed[0][1], failed[0][2]) if failed else None)

    def step(self, transfer: Transfer, deadline: Deadline | None) -> None:
        """Let libcurl do what is due; if that brought nothing, wait once."""
        pieces, lines = len(transfer.parts), len(transfer.lines)
        _, running = self._multi.perform()
        if not running:
            self._end(transfer)
        elif len(transfer.parts) == pieces and len(transfer.lines) == lines:
            self._wait(transfer, deadline)

    def _wait(self, transfer: Transfer, deadline: Deadline | None) -> None:
        timeout_ms = int((transfer.ends_at - time.monotonic()) * 1000) + 1
        if timeout_ms <= 0:
            transfer.end(TIMED_OUT)
            return
        if deadline is not None:
            left = int(deadline.remaining() * 1000 + 0.999)
            if left <= 0:
                raise DeadlineExceeded(deadline)
            timeout_ms = min(left, timeout_ms)
        if not self._asked and self._handle.sent:
            self._asked = True
            fd = self._handle.curl.getinfo(pycurl.ACTIVESOCKET)
            if fd >= 0:
                self._waiter.answer(fd, min(timeout_ms, _SHORT_MS))
                return
        self._wait_long(timeout_ms)

    def _wait_long(self, timeout_ms: int) -> None:
        """Ask libcurl for all that it waits for, which costs more than a quick answer's whole wait."""
        due_ms = self._multi.timeout()
        if 0 <= due_ms < timeout_ms:
            timeout_ms = due_ms
        readers, writers, _ = self._multi.fdset()
        fd = self._handle.curl.getinfo(pycurl.ACTIVESOCKET)
        if fd < 0:  # no connection yet, or one that `fdset` cannot tell
            timeout_ms = min(timeout_ms, _TICK_MS)
        elif fd not in readers and fd not in writers:  # a number beyond what `fdset` can tell
            timeout_ms = min(timeout_ms, _SLICE_MS)
            readers, writers = [*readers, fd], [] if self._handle.sent else [fd]
        self._waiter.any(readers, writers, timeout_ms)

    def finish(self) -> None:
        """Make the line ready for the next transfer. Before the end of a transfer this drops its connection."""
        if self._transfer is not None:
            self._transfer = None
            self._multi.remove_handle(self._handle.curl)


class BlockingHttp:
    """A pool of lines. Safe in any number of threads; after a fork the child starts with an empty pool."""

    def __init__(self) -> None:
        self._idle: deque[Line] = deque()
        self._pid = os.getpid()

    def _take(self) -> Line:
        if self._pid != os.getpid():
            _FORGOTTEN.append(self._idle)
            self._idle, self._pid = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return Line()

    async def send(self, request: HttpRequest, deadline: Deadline | None = None) -> HttpReply:
        line = self._take()
        try:
            reply = line.exchange(request, deadline)
        finally:
            line.finish()
        self._idle.append(line)
        return reply

    async def open_stream(self, request: HttpRequest, deadline: Deadline | None = None) -> BlockingStream:
        line = self._take()
        transfer = line.begin(request)
        stream = BlockingStream(line, transfer, self._idle)
        try:
            while not (transfer.has_headers or transfer.done):
                line.step(transfer, deadline)
            if not transfer.has_headers:  # what came before a break is still to be read
                transfer.check()
            transfer.begin_stream()
        except BaseException:
            stream.drop()
            raise
        stream.status, stream.headers = transfer.status, HeaderLines(transfer.lines.copy())
        return stream

    def close(self) -> None:
        self._idle.clear()


class BlockingStream:
    """A body that is read as far as the caller asks, and no further."""

    def __init__(self, line: Line, transfer: Transfer, idle: deque[Line]) -> None:
        self._line: Line | None = line
        self._transfer = transfer
        self._idle = idle
        self._lock = threading.RLock()
        self._reading = False
        self._reader = 0
        self._dropped = False
        self.status = 0
        self.headers: HeaderLines = HeaderLines([])

    async def read(self, deadline: Deadline | None = None) -> bytes:
        transfer = self._transfer
        with self._lock:
            line = self._line
            self._reading = line is not None
            self._reader = threading.get_ident()
        if line is not None:  # else what arrives on its handle belongs to another transfer
            try:
                while not transfer.parts:
                    if transfer.done or self._dropped:
                        break
                    line.step(transfer, deadline)
                else:
                    if not self._dropped:
                        return transfer.take()
            finally:
                self._reading = False
            self.drop()
        if not self._dropped:
            transfer.check()
        return b""

    async def close(self) -> None:
        while not self._closed():
            if self._reader == threading.get_ident():  # a signal handler closes what its own thread reads, which drops it
                return
            time.sleep(_LIBCURL_S)

    def _closed(self) -> bool:
        """Where another thread waits for data, it wakes, and drops the stream itself; False while it is inside libcurl."""
        with self._lock:
            if self._reading and self._line is not None:
                self._dropped = True
                return self._transfer.hang_up()
            line, self._line = self._line, None
        self._give_back(line)
        return True

    def drop(self) -> None:
        """Give the line back; before the end of the body that closes the connection."""
        with self._lock:
            line, self._line = self._line, None
        self._give_back(line)

    def _give_back(self, line: Line | None) -> None:
        if line is not None:
            line.finish()
            if not self._dropped:  # else a connection of it was ended, perhaps one that it would use again
                self._idle.append(line)

    def __del__(self) -> None:
        try:
            self.drop()
        except pycurl.error:  # both were in a cycle, and the collector closed the line first
            return


_FORGOTTEN: list[object] = []  # a parent's connections, kept from being shut down by its forked child
