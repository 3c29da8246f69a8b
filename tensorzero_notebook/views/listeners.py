"""Who wants to hear that something changed, known only as long as somebody else knows them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable


class Listeners:
    """Bound methods, called in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._methods: list[weakref.WeakMethod[Callable[[], None]]] = []

    def add(self, method: Callable[[], None]) -> None:
        with self._lock:
            self._methods = [one for one in self._methods if one() is not None]
            self._methods.append(weakref.WeakMethod(method))

    def tell(self) -> None:
        with self._lock:
            methods = list(self._methods)
        for reference in methods:
            method = reference()
            if method is not None:
                method()

    def __len__(self) -> int:
        with self._lock:
            return sum(one() is not None for one in self._methods)
