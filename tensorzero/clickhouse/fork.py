"""chdb across a fork: its threads stay in the parent, so whatever waits for them in the child waits for ever.

Freeing a handle does, and so do the engine's own destructors when the child's `exit` runs. Therefore nothing of it is freed in
the child, and the child leaves through `_exit` once Python has finished (its output flushed, its exit handlers run).
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterable
from typing import Any

from tensorzero.clickhouse import engine


def leave_to_the_parent(kept: Iterable[Any]) -> None:
    """In a forked child: never free `kept`, and never run the engine's destructors."""
    engine.reset_after_fork()
    for value in kept:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
    if "chdb" in sys.modules:
        skip_destructors()


def leave_running(handles: Iterable[Any]) -> None:
    """At the end of a process whose engine still runs: never free `handles`, and never run the engine's destructors."""
    found = list(handles)
    for value in found:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
    if found:
        skip_destructors()


def can_skip_destructors() -> bool:
    """Whether this system can do so and keep the exit status."""
    return sys.platform != "win32" and hasattr(ctypes.CDLL(None), "on_exit")


def skip_destructors() -> None:
    """Have the C library's `exit` end in `_exit` before it reaches what chdb registered; the exit status is kept."""
    process = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):
        process.on_exit(ctypes.cast(process._exit, ctypes.c_void_p), None)
        return
    # Without on_exit (macOS) the status is not known there: leave from Python's last exit handler instead.
    callback = ctypes.CFUNCTYPE(None)(lambda: process._exit(0))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(callback))
    process.atexit(callback)
