"""clickhouse-connect, loaded by the first call that needs it, and by one thread at a time.

Its modules import each other in a circle, so two threads that load it together meet modules that are half done.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tensorzero.clickhouse.errors import DatabaseUnavailable

_loading = threading.RLock()


def load_driver() -> Any:
    """The module `clickhouse_connect` with what we use of it. Raises DatabaseUnavailable within an import of it."""
    owned: Callable[[], bool] = _loading._is_owned  # type: ignore[attr-defined]  # pyright: ignore
    if owned():
        raise DatabaseUnavailable("The database's driver is just being loaded, by the call that this one interrupted")
    with _loading:
        for module in ("binding", "exceptions", "httputil"):
            import_module(f"clickhouse_connect.driver.{module}")
        return import_module("clickhouse_connect")


def _after_fork() -> None:
    global _loading
    _loading = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
