"""HTTP for the blocking runtime: `poll` on the calling thread.

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

from tensorzero.runtime.curl_disposal import dispose
from tensorzero.runtime.curl_faults import FAULTS, TIMED_OUT, broken
from tensorzero.runtime.curl_handle import Handle
from tensorzero.runtime.curl_transfer import Transfer
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.header_lines import HeaderLines
from tensorzero.runtime.limits import limits_of_environment
from tensorzero.runtime.redirects import REDIRECTS, following
from tensorzero.runtime.runtime import HttpReply, HttpRequest
from tensorzero.runtime.sizes import Limits

_SHORT_MS = 20
_SLICE_MS = 50
_TICK_MS = 5
_LIBCURL_S = 0.001
_KEPT_LINES = 64
_KEPT_CONNECTIONS = 4  # of a line; by itself libcurl keeps some hundreds


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

    def __init__(self, limits: Limits) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, _KEPT_CONNECTIONS)
        self._handle = Handle(limits)
        self._waiter = Waiter()
        self._transfer: Transfer | None = None
        self._asked = False
        self.ends_at = 0.0
        self.usable = True

    def begin(self, request: HttpRequest) -> Transfer:
        transfer = Transfer(self._handle, request)
        self._asked = False
        self._multi.add_handle(self._handle.curl)
        self._transfer = transfer
        self.ends_at = transfer.ends_at
        return transfer

    def exchange(self, request: HttpRequest, deadline: Deadline | None) -> HttpReply:
        """One whole exchange."""
        transfer = self.begin(request)
        if not self._handle.piling:
            self._handle.pile(True)
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

    def check_time(self, transfer: Transfer, deadline: Deadline | None) -> None:
        """End the transfer if its time is up. Raises `DeadlineExceeded` at the deadline."""
        now = time.monotonic()
        if now >= transfer.ends_at:
            transfer.parts.clear()
            transfer.end(TIMED_OUT)
        elif deadline is not None and now >= deadline.at:
            raise DeadlineExceeded(deadline)

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
        transfer, self._transfer = self._transfer, None
        if transfer is None:
            return
        handle = self._handle
        if transfer.done and transfer.error is None:
            self._multi.remove_handle(handle.curl)
            handle.release(failed=False)
            return
        resolving = not transfer.done and transfer.resolving
        self._multi.remove_handle(handle.curl)
        handle.release(failed=True)
        if resolving:
            self.usable = False
            dispose(self._multi)


class BlockingHttp:
    """A pool of lines. Safe in any number of threads; after a fork the child starts with an empty pool."""

    def __init__(self) -> None:
        self._idle: deque[Line] = deque(maxlen=_KEPT_LINES)
        self._limits: Limits | None = None
        self._pid = os.getpid()

    def _take(self) -> Line:
        if self._pid != os.getpid():
            _FORGOTTEN.append(self._idle)
            self._idle, self._pid = deque(maxlen=_KEPT_LINES), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return Line(self._settings())

    def _settings(self) -> Limits:
        self._limits = self._limits or limits_of_environment()
        return self._limits

    async def send(self, request: HttpRequest, deadline: Deadline | None = None) -> HttpReply:
        try:
            line = self._take()
            try:
                reply = line.exchange(request, deadline)
            finally:
                line.finish()
        except FAULTS as error:
            raise broken(error, request.url) from error
        self._idle.append(line)
        if reply.status in REDIRECTS:
            onward = following(request, reply.status, reply.headers, line.ends_at)
            if onward is not None:
                return await self.send(onward, deadline)
        return reply

    async def open_stream(self, request: HttpRequest, deadline: Deadline | None = None) -> BlockingStream:
        try:
            line = self._take()
            transfer = line.begin(request)
            transfer.handle.pile(False)
            stream = BlockingStream(line, transfer, self._idle, self._settings())
        except FAULTS as error:
            raise broken(error, request.url) from error
        onward = None
        try:
            stream.open(deadline)
            if stream.status in REDIRECTS:
                onward = following(request, stream.status, stream.headers, line.ends_at)
        except BaseException:
            stream.drop()
            raise
        if onward is None:
            return stream
        stream.drop()
        return await self.open_stream(onward, deadline)

    def close(self) -> None:
        self._idle.clear()


class BlockingStream:
    """A body that is read as far as the caller asks, and no further."""

    def __init__(self, line: Line, transfer: Transfer, idle: deque[Line], limits: Limits) -> None:
        self._line: Line | None = line
        self._transfer = transfer
        self._idle = idle
        self._lock = threading.RLock()
        self._reading = False
        self._reader = 0
        self._dropped = False
        self._url = transfer.handle.place.shown
        self.limits = limits
        self.status = 0
        self.headers: HeaderLines = HeaderLines([])

    def open(self, deadline: Deadline | None) -> None:
        """Wait for the head of the answer."""
        transfer, line = self._transfer, self._line
        assert line is not None
        try:
            while not (whole := transfer.has_headers) and not transfer.done:
                line.step(transfer, deadline)
            if not whole:  # what came before a break is still to be read
                transfer.check()
            transfer.begin_stream()
            self.status, self.headers = transfer.status, HeaderLines(transfer.lines.copy())
        except FAULTS as error:
            raise broken(error, self._url, transfer.lines) from error

    async def read(self, deadline: Deadline | None = None) -> bytes:
        with self._lock:
            line = self._line
            self._reading = line is not None
            self._reader = threading.get_ident()
        if line is None:  # what arrives on its handle belongs to another transfer
            return b""
        try:
            if self._await_bytes(line, deadline):
                return self._transfer.take()
            fault = self._transfer.fault()
        except FAULTS as error:
            fault = broken(error, self._url, self._transfer.lines)
        finally:
            self._reading = False
        self.drop()
        if fault is not None and not self._dropped:
            raise fault
        return b""

    def _await_bytes(self, line: Line, deadline: Deadline | None) -> bool:
        """Whether there are any; False at the end, or where another thread has dropped the stream."""
        transfer = self._transfer
        if not transfer.done:  # a stream that never pauses is never waited for either
            line.check_time(transfer, deadline)
        while not transfer.parts:
            if transfer.done or self._dropped:
                return False
            line.step(transfer, deadline)
        return not self._dropped

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
            if line.usable and not self._dropped:  # else a connection of it was ended, perhaps one that it would use again
                self._idle.append(line)

    def __del__(self) -> None:
        try:
            self.drop()
        except pycurl.error:  # both were in a cycle, and the collector closed the line first
            return


_FORGOTTEN: list[object] = []  # a parent's connections, kept from being shut down by its forked child
