"""Exclusion and signals between threads that hold wherever a call is interrupted.

A signal handler, a finalizer or a callback of the garbage collector may call the client on a thread that is inside it already,
and an interrupt may end a call between any two bytecodes. So locks are re-entrant and are let go in one place, what a thread
waits for is not waited for under a lock, and whoever sets a signal does it in one step.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

SLICE_SECONDS = 1.0


class Guard:
    """Lets one thread at a time run a function. A function that runs may be entered again by its own thread."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def run(self, function: Callable[..., T], *args: object) -> T:
        """Call `function` when no other thread is inside."""
        with self._lock:
            return function(*args)

    def run_two(self, function: Callable[[A, B], T], first: A, second: B) -> T:
        """`run` with two arguments, which costs half: every inference passes here."""
        with self._lock:
            return function(first, second)

    def attempt(self, seconds: float, function: Callable[..., T], *args: object) -> T | None:
        """The same, if it can begin within `seconds`; else None. For a thread that others may wait for."""
        if not self._lock.acquire(timeout=seconds):
            return None
        try:
            return function(*args)
        finally:
            self._lock.release()

    @property
    def mine(self) -> bool:
        """Whether this thread is inside, which a call can only see that interrupted another one."""
        owned: Callable[[], bool] = self._lock._is_owned  # type: ignore[attr-defined]  # pyright: ignore
        return owned()


class Wake:
    """Wakes one thread. Set twice is set once; waiting clears it."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._lock.release()

    def clear(self) -> None:
        self._lock.acquire(blocking=False)

    def wait(self, seconds: float) -> None:
        self._lock.acquire(timeout=max(0.0, seconds))


class Bell:
    """Tells everybody who waits to look again."""

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: list[threading.Lock] = []

    def ring(self) -> None:
        while self._waiters:
            with contextlib.suppress(IndexError, RuntimeError):
                self._waiters.pop().release()

    def wait_for(self, true: Callable[[], object], seconds: float) -> bool:
        """Wait until `true()` holds, `seconds` at most; whether it holds."""
        until = time.monotonic() + seconds
        while not true():
            waiter = threading.Lock()
            waiter.acquire()
            self._waiters.append(waiter)
            left = until - time.monotonic()
            if not true() and left > 0:
                waiter.acquire(timeout=min(left, SLICE_SECONDS))
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
            if left <= 0:
                return bool(true())
        return True
