"""The blocking runtime: everything happens on the calling thread, so Ctrl-C lands where the work is."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.drive import drive
from tensorzero.runtime.http_choice import blocking_http
from tensorzero.runtime.runtime import Http
from tensorzero.runtime.staying import must_stay

T = TypeVar("T")


class BlockingRuntime:
    """See `Runtime`. One for any number of threads."""

    def __init__(self) -> None:
        self.http: Http = blocking_http()

    async def sleep(self, seconds: float, deadline: Deadline | None = None) -> None:
        if deadline is not None and deadline.remaining() < seconds:
            time.sleep(deadline.remaining())
            raise DeadlineExceeded(deadline)
        time.sleep(seconds)

    async def blocking(self, function: Callable[..., T], *args: Any, deadline: Deadline | None = None) -> T:
        if must_stay() or sys.is_finalizing():
            return function(*args)
        if deadline is None and threading.current_thread() is not threading.main_thread():
            return function(*args)
        try:
            elsewhere = _Elsewhere(function, *args)
        except RuntimeError:  # no thread to be had, or the interpreter is ending
            return function(*args)
        return elsewhere.result(deadline)

    async def gather(self, *coroutines: Coroutine[Any, Any, T]) -> list[T | Exception]:
        if len(coroutines) < 2:
            return [_result(coroutine) for coroutine in coroutines]
        pending = [_Elsewhere(_result, coroutine) for coroutine in coroutines]
        return [one.result() for one in pending]


def _result(coroutine: Coroutine[Any, Any, T]) -> T | Exception:
    try:
        return drive(coroutine)
    except Exception as error:  # noqa: BLE001 - an exception is a result here
        return error


class _Elsewhere(Generic[T]):
    """A call on a daemon thread. Its result is waited for on a lock, which a signal can interrupt; native code it could not."""

    def __init__(self, function: Callable[..., T], *args: Any) -> None:
        self._outcome: list[T] = []
        self._failure: list[BaseException] = []
        self._ended = threading.Event()
        thread = threading.Thread(target=self._run, args=(function, args), name="tensorzero-blocking", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread can be started: rather deaf to Ctrl-C than not at all
            self._run(function, args)

    def _run(self, function: Callable[..., T], args: tuple[Any, ...]) -> None:
        try:
            self._outcome.append(function(*args))
        except BaseException as error:  # noqa: BLE001 - raised again on the calling thread
            self._failure.append(error)
        finally:
            self._ended.set()

    def result(self, deadline: Deadline | None = None) -> T:
        if not self._ended.wait(None if deadline is None else deadline.remaining()):
            assert deadline is not None
            raise DeadlineExceeded(deadline)
        if self._failure:
            raise self._failure[0]
        return self._outcome[0]
