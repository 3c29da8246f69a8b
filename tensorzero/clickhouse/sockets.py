"""Idle sockets to a ClickHouse server, which a signal handler may take while the call that it interrupted is taking one.

urllib3 keeps them in a queue whose lock belongs to nobody twice: a call from within would wait for itself.
"""

from __future__ import annotations

import queue
from typing import Any

import urllib3


class IdleSockets:
    """The part of `queue.LifoQueue` that urllib3 uses, without waiting. Every method is one step."""

    def __init__(self, maxsize: int = 0) -> None:
        self._most = maxsize
        self._sockets: list[Any] = []

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if 0 < self._most <= len(self._sockets):
            raise queue.Full
        self._sockets.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return self._sockets.pop()
        except IndexError:
            raise queue.Empty from None

    def qsize(self) -> int:
        return len(self._sockets)


class _Http(urllib3.HTTPConnectionPool):
    QueueCls = IdleSockets


class _Https(urllib3.HTTPSConnectionPool):
    QueueCls = IdleSockets


def let_handlers_in(manager: urllib3.PoolManager) -> None:
    """Have `manager` keep its idle sockets that way."""
    classes: dict[str, type[urllib3.HTTPConnectionPool]] = {"http": _Http, "https": _Https}
    manager.pool_classes_by_scheme = classes  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
