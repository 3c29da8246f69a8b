"""The blocking face: everything happens on the calling thread, so Ctrl-C lands where the work is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tensorzero.faces.deadline import Deadline, DeadlineExceeded
from tensorzero.faces.drive import drive
from tensorzero.faces.face import Http
from tensorzero.faces.http_choice import blocking_http

T = TypeVar("T")


class BlockingFace:
    """See `Face`. One for any number of threads."""

    def __init__(self) -> None:
        self.http: Http = blocking_http()

    async def sleep(self, seconds: float, deadline: Deadline | None = None) -> None:
        if deadline is not None and deadline.remaining() < seconds:
            time.sleep(deadline.remaining())
            raise DeadlineExceeded(deadline)
        time.sleep(seconds)

    async def blocking(self, function: Callable[..., T], *args: Any) -> T:
        if threading.current_thread() is not threading.main_thread():
            return function(*args)
        return _elsewhere(function, *args)

    async def gather(self, *coroutines: Coroutine[Any, Any, T]) -> list[T | Exception]:
        if len(coroutines) < 2:
            return [_result(coroutine) for coroutine in coroutines]
        with ThreadPoolExecutor(len(coroutines), "tensorzero-gather") as pool:
            futures = [pool.submit(_result, coroutine) for coroutine in coroutines]
            return [future.result() for future in futures]


def _result(coroutine: Coroutine[Any, Any, T]) -> T | Exception:
    try:
        return drive(coroutine)
    except Exception as error:  # noqa: BLE001 - an exception is a result here
        return error


def _elsewhere(function: Callable[..., T], *args: Any) -> T:
    """Run on a thread of its own while this one waits on a lock, which a signal can interrupt; native code it could not."""
    outcome: list[T] = []
    failure: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            outcome.append(function(*args))
        except BaseException as error:  # noqa: BLE001 - raised again on the calling thread
            failure.append(error)
        finally:
            ended.set()

    threading.Thread(target=run, name="tensorzero-blocking", daemon=True).start()
    ended.wait()
    if failure:
        raise failure[0]
    return outcome[0]
