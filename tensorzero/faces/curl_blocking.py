"""HTTP for the blocking face: `poll` on the calling thread.

Every wait is Python's own `poll`, so Ctrl-C and deadlines end it at once, and dropping a transfer closes its connection.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections import deque
from typing import Any

import pycurl

from tensorzero.faces.curl_transfer import TIMED_OUT, Handle, HeaderLines, Transfer
from tensorzero.faces.deadline import Deadline, DeadlineExceeded
from tensorzero.faces.face import HttpReply, HttpRequest

_IN, _OUT = 1, 2  # CURL_CSELECT_IN and _OUT, also the bits of CURL_POLL_*


class Waiter:
    """Readiness of a few sockets; `select` where there is no `poll` (Windows)."""

    def __init__(self) -> None:
        self._sockets: dict[int, int] = {}
        self._poll: Any = None if sys.platform == "win32" else select.poll()

    def watch(self, fd: int, mask: int) -> None:
        if self._sockets.get(fd) != mask:
            self._sockets[fd] = mask
            if self._poll is not None:
                self._poll.register(fd, (select.POLLIN if mask & _IN else 0) | (select.POLLOUT if mask & _OUT else 0))

    def forget(self, fd: int) -> None:
        if self._sockets.pop(fd, None) is not None and self._poll is not None:
            self._poll.unregister(fd)

    def wait(self, timeout_ms: int) -> list[tuple[int, int]]:
        """(socket, mask) of those that are ready; empty at the time-out. A negative time-out waits for ever."""
        if self._poll is None:
            return self._select(timeout_ms)
        return [
            (fd, (_IN if event & ~select.POLLOUT else 0) | (_OUT if event & select.POLLOUT else 0))
            for fd, event in self._poll.poll(None if timeout_ms < 0 else timeout_ms)
        ]

    def _select(self, timeout_ms: int) -> list[tuple[int, int]]:
        readers = [fd for fd, mask in self._sockets.items() if mask & _IN]
        writers = [fd for fd, mask in self._sockets.items() if mask & _OUT]
        # A short slice at a time: Ctrl-C does not interrupt select on Windows.
        seconds = 0.1 if timeout_ms < 0 else min(timeout_ms / 1000, 0.1)
        ready_in, ready_out, _ = select.select(readers, writers, [], seconds)
        return [(fd, _IN) for fd in ready_in] + [(fd, _OUT) for fd in ready_out]


class Line:
    """One transfer at a time with its own kept-alive connections. Used by one thread at a time."""

    def __init__(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._handle = Handle()
        self._waiter = Waiter()
        self._timer_ms = -1
        self._transfer: Transfer | None = None
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def _on_socket(self, what: int, fd: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._waiter.forget(fd)
        else:
            self._waiter.watch(fd, what)

    def _on_timer(self, timeout_ms: int) -> None:
        self._timer_ms = timeout_ms

    def begin(self, request: HttpRequest) -> Transfer:
        transfer = self._transfer = Transfer(self._handle, request)
        self._multi.add_handle(self._handle.curl)
        return transfer

    def step(self, transfer: Transfer, deadline: Deadline | None) -> None:
        """Let libcurl do what is due, then wait once."""
        if self._timer_ms == 0:
            self._act(transfer, pycurl.SOCKET_TIMEOUT, 0)
            return
        timeout_ms = int((transfer.ends_at - time.monotonic()) * 1000) + 1
        if timeout_ms <= 0:
            transfer.end(TIMED_OUT)
            return
        if 0 < self._timer_ms < timeout_ms:
            timeout_ms = self._timer_ms
        if deadline is not None:
            left = int(deadline.remaining() * 1000 + 0.999)
            if left <= 0:
                raise DeadlineExceeded(deadline)
            timeout_ms = min(left, timeout_ms)
        ready = self._waiter.wait(timeout_ms)
        for fd, mask in ready:
            self._act(transfer, fd, mask)
        if not ready and self._timer_ms > 0:
            self._act(transfer, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, transfer: Transfer, fd: int, mask: int) -> None:
        if fd == pycurl.SOCKET_TIMEOUT:
            self._timer_ms = -1
        _, running = self._multi.socket_action(fd, mask)
        if not running and not transfer.done:
            _, _, failed = self._multi.info_read()
            transfer.end((failed[0][1], failed[0][2]) if failed else None)

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
        transfer = line.begin(request)
        try:
            while not transfer.done:
                line.step(transfer, deadline)
            reply = transfer.reply()
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
        self._reading = False
        self._dropped = False
        self.status = 0
        self.headers: HeaderLines = HeaderLines([])

    async def read(self, deadline: Deadline | None = None) -> bytes:
        transfer, line = self._transfer, self._line
        self._reading = True
        try:
            while not transfer.parts:
                if line is None or transfer.done or self._dropped:
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
        if not self._reading:
            self.drop()
        elif not self._dropped:  # another thread waits for data: it wakes, and drops the stream itself
            self._dropped = True
            self._transfer.hang_up()

    def drop(self) -> None:
        """Give the line back; before the end of the body that closes the connection."""
        line, self._line = self._line, None
        if line is not None:
            line.finish()
            self._idle.append(line)

    def __del__(self) -> None:
        try:
            self.drop()
        except pycurl.error:  # both were in a cycle, and the collector closed the line first
            return


_FORGOTTEN: list[object] = []  # a parent's connections, kept from being shut down by its forked child
