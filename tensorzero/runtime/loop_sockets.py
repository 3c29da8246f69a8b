"""The sockets that libcurl waits for, on an event loop.

On Linux they are in an epoll set of our own, and the loop watches that one: what comes and goes with each call costs a
system call then, not a reader of the loop. Elsewhere each is a reader or writer of the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import stat
import sys
from collections.abc import Callable
from typing import Any, Protocol

import pycurl

Act = Callable[[int, int], None]  # (socket, CURL_CSELECT_ mask)


class Sockets(Protocol):
    def watch(self, fd: int, wanted: int) -> None:
        """`wanted`: CURL_POLL_IN and _OUT, or 0 for no more."""
        ...

    def rest(self) -> None:
        """Nothing is watched: leave the loop, so that it keeps nobody alive. `watch` comes back."""
        ...


def sockets_on(loop: asyncio.AbstractEventLoop, act: Act) -> Sockets:
    return EpollSockets(loop, act) if sys.platform == "linux" else LoopSockets(loop, act)


class EpollSockets:
    def __init__(self, loop: asyncio.AbstractEventLoop, act: Act) -> None:
        self._loop = loop
        self._act = act
        self._epoll: Any = select.epoll()
        self._known: dict[int, int] = {}
        self._own = -1  # what libcurl's threads wake it by; stays here, as it comes and goes with every call
        self._on_loop = False

    def watch(self, fd: int, wanted: int) -> None:
        if fd == self._own:
            return
        if wanted:
            events = (select.EPOLLIN if wanted & pycurl.POLL_IN else 0) | (select.EPOLLOUT if wanted & pycurl.POLL_OUT else 0)
            if fd in self._known:
                self._epoll.modify(fd, events)
            else:
                self._epoll.register(fd, events)
                if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                    self._own = fd
            self._known[fd] = wanted
            if not self._on_loop:
                self._loop.add_reader(self._epoll.fileno(), self._ready)
                self._on_loop = True
        elif self._known.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def _ready(self) -> None:
        for fd, events in self._epoll.poll(0):
            if fd in self._known:  # what one has done may have ended another
                if fd == self._own:
                    _drain(fd)  # first: a thread that ends while libcurl acts wakes it again
                read = pycurl.CSELECT_IN if events & ~select.EPOLLOUT else 0
                self._act(fd, read | (pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0))

    def rest(self) -> None:
        if self._on_loop:
            self._loop.remove_reader(self._epoll.fileno())
            self._on_loop = False


def _drain(fd: int) -> None:
    """Nothing may be running that would read it, and the loop would never sleep again."""
    with contextlib.suppress(OSError):
        os.read(fd, 8)


class LoopSockets:
    def __init__(self, loop: asyncio.AbstractEventLoop, act: Act) -> None:
        self._loop = loop
        self._act = act
        self._known: dict[int, int] = {}

    def watch(self, fd: int, wanted: int) -> None:
        before = self._known.get(fd, 0)
        if wanted & pycurl.POLL_IN and not before & pycurl.POLL_IN:
            self._loop.add_reader(fd, self._act, fd, pycurl.CSELECT_IN)
        elif before & pycurl.POLL_IN and not wanted & pycurl.POLL_IN:
            self._loop.remove_reader(fd)
        if wanted & pycurl.POLL_OUT and not before & pycurl.POLL_OUT:
            self._loop.add_writer(fd, self._act, fd, pycurl.CSELECT_OUT)
        elif before & pycurl.POLL_OUT and not wanted & pycurl.POLL_OUT:
            self._loop.remove_writer(fd)
        if wanted:
            self._known[fd] = wanted
        else:
            self._known.pop(fd, None)

    def rest(self) -> None:
        pass
