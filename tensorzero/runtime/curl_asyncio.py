"""HTTP for the asyncio runtime: libcurl's sockets and timer on the running loop, one pool a loop."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

import pycurl

from tensorzero.runtime.curl_disposal import dispose
from tensorzero.runtime.curl_faults import FAULTS, TIMED_OUT, broken
from tensorzero.runtime.curl_handle import Handle
from tensorzero.runtime.curl_transfer import Transfer
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.header_lines import HeaderLines
from tensorzero.runtime.limits import limits_of_environment
from tensorzero.runtime.loop_sockets import sockets_on
from tensorzero.runtime.redirects import REDIRECTS, following
from tensorzero.runtime.running_loop import running_loop
from tensorzero.runtime.runtime import Http, HttpReply, HttpRequest, HttpStream
from tensorzero.runtime.sizes import Limits

_SWEEP_S = 5.0
_KEPT_HANDLES = 256
_KEPT_CONNECTIONS = 256  # else libcurl closes what is more than four times the calls of the moment
_PAUSE_LOOK = 64  # pieces, at most 16 KB each: fewer are not worth adding up
_PAUSE_ABOVE = 1 << 19  # bytes that may wait for a slow reader; what one turn of the loop brings comes on top


class LoopPool:
    """All transfers of one event loop: one multi handle, so connections are shared."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        self.loop = loop
        self.limits = limits
        self.idle: deque[Handle] = deque(maxlen=_KEPT_HANDLES)
        self._multi = pycurl.CurlMulti()
        self._sockets = sockets_on(loop, self._act)
        self._timer: asyncio.Handle | None = None
        self._starting = False
        self._sweep: asyncio.TimerHandle | None = None
        self._retired = False
        self._resolving = False  # a transfer was given up while its host's name was looked up
        self._pid = os.getpid()
        self._running: dict[pycurl.Curl, AsyncTransfer] = {}
        self._connecting: deque[AsyncTransfer] = deque()
        self.streams: set[AsyncTransfer] = set()  # those with a reader to be woken before the end
        self._multi.setopt(pycurl.M_MAXCONNECTS, _KEPT_CONNECTIONS)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def begin(self, request: HttpRequest) -> AsyncTransfer:
        handle = self.idle.pop() if self.idle else Handle(self.limits)
        transfer = AsyncTransfer(self, handle, request)
        self._starting = True
        try:
            self._multi.add_handle(handle.curl)
        finally:
            self._starting = False
        self._running[handle.curl] = transfer
        self._act(pycurl.SOCKET_TIMEOUT, 0)
        if not handle.begun:
            self._connecting.append(transfer)
        if self._sweep is None:
            self._sweep = self.loop.call_later(min(_SWEEP_S, request.timeout_s), self._end_overdue)
        elif request.timeout_s < _SWEEP_S and self.loop.time() + request.timeout_s < self._sweep.when():
            self._sweep.cancel()
            self._sweep = self.loop.call_later(request.timeout_s, self._end_overdue)
        return transfer

    def _end_overdue(self) -> None:
        """One timer for all the time-outs of whole exchanges, which are usually many minutes long."""
        self._sweep = None
        now = time.monotonic()
        for transfer in list(self._running.values()):
            if transfer.ends_at <= now:
                self._end(transfer.handle.curl, TIMED_OUT)
        if self._left():
            return
        if self._running:
            first = min(transfer.ends_at for transfer in self._running.values())
            self._sweep = self.loop.call_later(min(_SWEEP_S, max(0.0, first - now)), self._end_overdue)
        else:
            self._sockets.rest()

    def finish(self, transfer: AsyncTransfer) -> None:
        """Take a transfer out; before its end this drops its connection."""
        self.streams.discard(transfer)
        if self._running.pop(transfer.handle.curl, None) is not None:
            self._resolving = self._resolving or transfer.resolving
            self._multi.remove_handle(transfer.handle.curl)
        handle = transfer.handle
        handle.release(failed=transfer.error is not None or not transfer.done)
        self.idle.append(handle)

    def retire(self) -> None:
        """Close everything without touching the loop, which is closed."""
        self._retired = True
        for transfer in list(self._running.values()):
            self.finish(transfer)
        dispose(self._multi) if self._resolving else self._multi.close()

    def _left(self) -> bool:
        """Whether the loop is not ours to touch any more; a forked child shares what its parent's loop watches."""
        return self._retired or self._pid != os.getpid() or self.loop.is_closed()

    def _on_socket(self, what: int, fd: int, _multi: object, _data: object) -> Literal[-1, 0]:
        """-1 makes libcurl give up what it is at."""
        if not self._left():
            try:
                self._sockets.watch(fd, 0 if what == pycurl.POLL_REMOVE else what)
            except (OSError, ValueError):
                return -1
        return 0

    def _on_timer(self, timeout_ms: int) -> None:
        if self._left():
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._starting and timeout_ms == 0:
            return  # `begin` does at once what is due
        if timeout_ms == 0:
            self._timer = self.loop.call_soon(self._act, pycurl.SOCKET_TIMEOUT, 0)
        elif timeout_ms > 0:
            self._timer = self.loop.call_later(timeout_ms / 1000, self._act, pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, fd: int, mask: int) -> None:
        try:
            _, running = self._multi.socket_action(fd, mask)
        except pycurl.error as error:  # of all transfers: no memory, or a socket that cannot be watched
            for curl in list(self._running):
                self._end(curl, (int(error.args[0]), str(error.args[-1])))
            return
        if running < len(self._running):
            self._collect()  # first: what has ended cannot be paused
        if self.streams:
            for transfer in tuple(self.streams):
                transfer.tell()

    def _collect(self) -> None:
        _, ended, failed = self._multi.info_read()
        for curl in ended:
            self._end(curl, None)
        for curl, code, text in failed:
            self._end(curl, (code, text))
        if self._connecting:
            self._hand_over(len(ended))

    def _hand_over(self, free: int) -> None:
        """Give connections that have become free to calls that still wait for one of their own: a server whose queue of new
        connections is full answers the next attempt a second later (llama.cpp's server queues five)."""
        for _ in range(len(self._connecting)):
            if not free:
                return
            transfer = self._connecting.popleft()
            curl = transfer.handle.curl
            if self._running.get(curl) is transfer and not transfer.handle.begun:
                free -= 1
                self._connecting.append(transfer)
                self._multi.remove_handle(curl)
                self._multi.add_handle(curl)

    def _end(self, curl: pycurl.Curl, error: tuple[int, str] | None) -> None:
        transfer = self._running.pop(curl, None)
        if transfer is not None:
            self.streams.discard(transfer)
            transfer.end(error)
            transfer.wake()
            self._multi.remove_handle(curl)


class AsyncTransfer(Transfer):
    """A transfer that somebody awaits."""

    __slots__ = ("_paused", "_pool", "_seen_lines", "_waiter")

    def __init__(self, pool: LoopPool, handle: Handle, request: HttpRequest) -> None:
        super().__init__(handle, request)
        self._pool = pool
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        self._seen_lines = 0

    @property
    def limits(self) -> Limits:
        return self._pool.limits

    def stream(self) -> None:
        """Wake the reader as data arrives."""
        self.handle.pile(False)
        self._pool.streams.add(self)

    def tell(self) -> None:
        """Wake the reader if something has come, and leave the socket alone while too much waits for it."""
        if self._waiter is not None:
            if self.parts or len(self.lines) != self._seen_lines:
                self.wake()
        elif len(self.parts) > _PAUSE_LOOK and not self._paused and sum(map(len, self.parts)) > _PAUSE_ABOVE:
            self._paused = True
            self.handle.curl.pause(pycurl.PAUSE_RECV)

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self.handle.curl.pause(pycurl.PAUSE_CONT)

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def wait(self, deadline: Deadline | None) -> None:
        """Until something arrives or the exchange ends."""
        loop = self._pool.loop
        waiter = self._waiter = loop.create_future()
        self._seen_lines = len(self.lines)
        timer = None
        if deadline is not None:
            timer = loop.call_later(deadline.remaining(), _expire, waiter, deadline)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def finish(self) -> None:
        """Give the handle back; before the end this drops the connection."""
        self._pool.finish(self)

    def abandon(self) -> None:
        """Finish it, and let a task that still waits for it see the end."""
        self._pool.finish(self)
        self.parts = []  # the handle's own list belongs to its next transfer
        self.done = True
        self.wake()


def _expire(waiter: asyncio.Future[None], deadline: Deadline) -> None:
    if not waiter.done():
        waiter.set_exception(DeadlineExceeded(deadline))


class AsyncHttp:
    """One pool a running loop. A pool whose loop is closed is dropped when the next loop comes."""

    def __init__(self, fallback: Callable[[], Http] | None = None) -> None:
        self._fallback = fallback
        self._other: Http | None = None
        self._limits: Limits | None = None
        self._pools: dict[int, LoopPool] = {}
        self._pid = os.getpid()

    def _elsewhere(self) -> Http | None:
        """Another implementation, for a loop that cannot watch sockets (Windows' default one)."""
        if sys.platform != "win32" or self._fallback is None or hasattr(running_loop(), "_add_reader"):
            return None
        self._other = self._other or self._fallback()
        return self._other

    def _pool(self) -> LoopPool:
        loop = running_loop()
        pool = self._pools.get(id(loop))
        if pool is not None and pool.loop is loop and self._pid == os.getpid():
            return pool
        self._forget_dead_pools()
        self._limits = self._limits or limits_of_environment()
        pool = self._pools[id(loop)] = LoopPool(loop, self._limits)
        return pool

    def _forget_dead_pools(self) -> None:
        if self._pid != os.getpid():
            _FORGOTTEN.append(self._pools)
            self._pools, self._pid = {}, os.getpid()
        for key, pool in list(self._pools.items()):
            if pool.loop.is_closed() and self._pools.pop(key, None) is not None:  # another thread may be here too
                pool.retire()

    async def send(self, request: HttpRequest, deadline: Deadline | None = None) -> HttpReply:
        other = self._elsewhere()
        if other is not None:
            return await other.send(request, deadline)
        try:
            transfer = self._pool().begin(request)
            try:
                if not transfer.handle.piling:
                    transfer.handle.pile(True)
                while not transfer.done:
                    await transfer.wait(deadline)
                reply = transfer.reply()
            finally:
                transfer.finish()
        except FAULTS as error:
            raise broken(error, request.url) from error
        if reply.status in REDIRECTS:
            onward = following(request, reply.status, reply.headers, transfer.ends_at)
            if onward is not None:
                return await self.send(onward, deadline)
        return reply

    async def open_stream(self, request: HttpRequest, deadline: Deadline | None = None) -> HttpStream:
        other = self._elsewhere()
        if other is not None:
            return await other.open_stream(request, deadline)
        try:
            stream = await self._opened(request, deadline)
        except FAULTS as error:
            raise broken(error, request.url) from error
        onward = None
        try:
            if stream.status in REDIRECTS:
                onward = following(request, stream.status, stream.headers, stream.ends_at)
        except BaseException:
            stream.drop()
            raise
        if onward is None:
            return stream
        stream.drop()
        return await self.open_stream(onward, deadline)

    async def _opened(self, request: HttpRequest, deadline: Deadline | None) -> AsyncStream:
        """Once the head of the answer is there."""
        transfer = self._pool().begin(request)
        transfer.stream()
        try:
            while not (whole := transfer.has_headers) and not transfer.done:
                await transfer.wait(deadline)
            if not whole:  # what came before a break is still to be read
                transfer.check()
            transfer.begin_stream()
            return AsyncStream(transfer)
        except BaseException:
            transfer.finish()
            raise

    def close(self) -> None:
        self._forget_dead_pools()


class AsyncStream:
    """A body that is read as it arrives; the socket is left alone while a megabyte waits."""

    def __init__(self, transfer: AsyncTransfer) -> None:
        self._transfer: AsyncTransfer | None = transfer
        self.ends_at = transfer.ends_at
        self.limits = transfer.limits
        self.status = transfer.status
        self.headers = HeaderLines(transfer.lines.copy())

    async def read(self, deadline: Deadline | None = None) -> bytes:
        transfer = self._transfer
        if transfer is None:
            return b""
        try:
            if deadline is not None and not transfer.done and time.monotonic() >= deadline.at:
                raise DeadlineExceeded(deadline)  # a stream that never pauses is never waited for either
            while not transfer.parts:
                if transfer.done:
                    fault = transfer.fault()
                    self.drop()
                    if fault is not None:
                        raise fault
                    return b""
                transfer.resume()
                await transfer.wait(deadline)
            return transfer.take()
        except FAULTS as error:
            raise broken(error, transfer.handle.place.shown, transfer.lines) from error

    async def close(self) -> None:
        self.drop()

    def drop(self) -> None:
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            transfer.abandon()


_FORGOTTEN: list[object] = []  # a parent's connections, kept from being shut down by its forked child
