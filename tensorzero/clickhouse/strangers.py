"""Connections that have not shown a password yet: few at a time, and not for long.

Every user of the machine can open connections to a port on loopback. Silent ones must not take the threads and descriptors of
the notebook behind it, nor keep its own processes out.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from typing import Any

MOST = 32
"""One more, and the oldest is cut: who has the password shows it at once."""
SECONDS = 5.0
"""For the whole head of a request, however slowly it comes."""
BYTES = 256 * 1024


class Strangers:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._until: dict[socket.socket, float] = {}

    def admit(self, client: socket.socket) -> None:
        """A new connection."""
        with self._lock:
            oldest = next(iter(self._until)) if len(self._until) >= MOST else None
            if oldest is not None:
                del self._until[oldest]
            self._until[client] = time.monotonic() + SECONDS
        if oldest is not None:
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)

    def known(self, client: socket.socket) -> None:
        """It has shown the password, or is gone."""
        with self._lock:
            self._until.pop(client, None)

    def until(self, client: socket.socket) -> float | None:
        return self._until.get(client)

    def reader(self, client: socket.socket) -> io.RawIOBase:
        """What the connection sends, as long as it may."""
        return _Reader(client, self)


class _Reader(io.RawIOBase):
    def __init__(self, client: socket.socket, strangers: Strangers) -> None:
        self._client = client
        self._strangers = strangers
        self._stranger = True
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises TimeoutError or ConnectionAbortedError for a stranger that takes too long or sends too much."""
        until = self._strangers.until(self._client) if self._stranger else None
        if self._stranger and until is None:
            self._stranger = False  # or cut, which reading tells
            self._client.settimeout(None)
        if until is not None:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if self._read > BYTES:
                raise ConnectionAbortedError
            self._client.settimeout(left)
        count = self._client.recv_into(buffer)
        self._read += count
        return count
