"""A way to a server that can stop passing things on: the connections stay, and nothing comes any more."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Relay:
    """Forwards what comes to `port` on loopback to `server_port`, until it is frozen."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._flows = threading.Event()
        self._flows.set()
        self._closed = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def freeze(self) -> None:
        """From now on new connections are accepted, and no byte passes."""
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self.thaw()
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep(self, one: socket.socket) -> socket.socket:
        """Raises OSError once the relay is closed."""
        with self._lock:
            if not self._closed:
                self._sockets.append(one)
                return one
        one.close()
        raise OSError("closed")

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._connect, self._keep(self._listener.accept()[0]))

    def _connect(self, client: socket.socket) -> None:
        """While nothing passes the server hears of nobody: it would cut strangers that say nothing."""
        with contextlib.suppress(OSError):
            self._flows.wait()
            server = self._keep(socket.create_connection(("127.0.0.1", self._server_port)))
            self._start(self._pass_on, server, client)
            self._pass_on(client, server)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                self._flows.wait()
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
