"""What is done when the process ends: after the exit handlers that anybody registered since this package was imported.

The rooms that have something to finish load late, and a handler of the user's may still want to call a client.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable

_last: list[Callable[[], None]] = []


def at_the_end(work: Callable[[], None]) -> Callable[[], None]:
    """Decorator: have `work` run then."""
    _last.append(work)
    return work


@atexit.register
def _end() -> None:
    for work in _last:
        work()
