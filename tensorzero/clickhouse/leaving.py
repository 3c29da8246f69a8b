"""Leaving the process while threads are inside the engine: they are waited for.

The interpreter may not end under a thread that is in native code: the thread would come back to an interpreter that is gone,
and the process would end with a crash instead of its own exit status. So whoever enters the engine is counted, and at the end
nobody new is let in, reads are cancelled (nobody will see their rows) and inserts are waited for, though not for ever: after
`INSERT_SECONDS` they are cancelled too, for their rows are in the spool.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator

from tensorzero.clickhouse.errors import DatabaseUnavailable

INSERT_SECONDS = 30.0
LEAVING_SECONDS = 60.0
"""After that a thread counts as stuck for ever, and the process ends without it."""
LATE_SECONDS = 5.0
KILL_EVERY_SECONDS = 0.5

_lock = threading.RLock()
_inside = 0
_leaving = False
_depth = threading.local()


@contextlib.contextmanager
def inside() -> Generator[None]:
    """Around every stay in the engine. Raises DatabaseUnavailable in a thread that comes when the process is ending."""
    global _inside
    depth = getattr(_depth, "value", 0)
    if not depth:
        _enter()
    _depth.value = depth + 1
    try:
        yield
    finally:
        _depth.value = depth
        if not depth:
            _exit()


def _enter() -> None:
    global _inside
    with _lock:
        # The main thread ends the process itself, after this call.
        if not _leaving or threading.current_thread() is threading.main_thread():
            _inside += 1
            return
    time.sleep(LATE_SECONDS)  # most likely the process is gone by then, and nobody reads of an error
    raise DatabaseUnavailable("This process is ending")


def _exit() -> None:
    global _inside
    with _lock:
        _inside -= 1
        late = _leaving and threading.current_thread() is not threading.main_thread()
    if late and not getattr(_depth, "finishes", False):
        time.sleep(LATE_SECONDS)  # what it would do with a cancelled read is print a traceback


def finish_here() -> None:
    """This thread has something to put in order when it comes out of the engine for the last time."""
    _depth.finishes = True


def leave(cancel: Callable[[str], None]) -> None:
    """Let nobody in any more and wait until everybody is out, or until `LEAVING_SECONDS` have passed.

    `cancel(condition)` cancels the engine's statements for which the SQL condition on `system.processes` holds.
    """
    global _leaving
    with _lock:
        _leaving = True
    began = time.monotonic()
    killed = 0.0
    while _inside:
        now = time.monotonic()
        if now - began > LEAVING_SECONDS:
            return
        if now - killed > KILL_EVERY_SECONDS:
            killed = now
            cancel("query_kind != 'Insert'" if now - began < INSERT_SECONDS else "1")
        time.sleep(0.01)


def end_at_once() -> None:
    """Ctrl-C while the end is waited for: die of it, as if there were no handler, without finishing the interpreter."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)


def reset_after_fork() -> None:
    """In a forked child: the parent's threads are not here."""
    global _lock, _inside, _depth
    _lock = threading.RLock()
    _depth = threading.local()
    _inside = 0
