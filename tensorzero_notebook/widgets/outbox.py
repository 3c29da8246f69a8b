"""Threads between a page and the state it shows: one that tells all pages what is new, one each for what users do.

What a page sees is made of state that changes in many threads. Whoever changes it only says so; the picture is made here, one
after another, of the state as it then is. So an older picture never follows a newer one, nothing is drawn under an answer's
lock, and the thread that hands a message to ipykernel is there until it is sent.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable

from tensorzero.masking.log import quiet

_LOG = quiet(__name__)


class Outbox:
    """Runs the work of each key in order. Work that waits already is not queued again."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._queue: queue.SimpleQueue[tuple[Hashable, contextvars.Context, Callable[[], None]]] = queue.SimpleQueue()
        self._waiting: set[Hashable] = set()
        self._thread: threading.Thread | None = None

    def put(self, key: Hashable, context: contextvars.Context, work: Callable[[], None]) -> None:
        """Have `work` done soon, in a copy of `context`. Returns at once, in any thread."""
        with self._lock:
            if key in self._waiting:
                return
            self._waiting.add(key)
            self._queue.put((key, context, work))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send, name="tensorzero-outbox", daemon=True)
                self._thread.start()

    def _send(self) -> None:
        while True:
            key, context, work = self._queue.get()
            with self._lock:
                self._waiting.discard(key)  # before the work: what changes from now on needs another round
            try:
                context.copy().run(work)
            except Exception:  # noqa: BLE001 - the next page is to get its news all the same
                _LOG.exception("A notebook panel could not be brought up to date")


OUTBOX = Outbox()


class InOrder:
    """Work done one after another in a thread of its own, which is there only while there is some."""

    def __init__(self, context: contextvars.Context) -> None:
        self._context = context
        self._lock = threading.RLock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._working = False

    def put(self, work: Callable[[], None]) -> None:
        with self._lock:
            self._waiting.append(work)
            if self._working:
                return
            self._working = True
        in_thread(self._context, self._work)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._working = False
                    return
                work = self._waiting.popleft()
            try:
                work()
            except Exception:  # noqa: BLE001 - what the user does next is to be done all the same
                _LOG.exception("A notebook panel's action failed")


def in_thread(context: contextvars.Context, work: Callable[[], None]) -> None:
    threading.Thread(target=context.copy().run, args=(work,), name="tensorzero-panel-action", daemon=True).start()
