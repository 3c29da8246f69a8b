"""The panels that live: of each cell those of its last run, and altogether a limited number.

A panel holds an answer, a comm of the kernel and a module's state in the page. One whose cell is run again or deleted goes with
its output; the oldest one beyond the limit becomes the record that it leaves anyhow.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

DEFAULT_LIVE_PANELS = 50


class Panel(Protocol):
    """What the shelf knows of a panel."""

    def can_retire(self) -> bool:
        """Whether nothing is going on in it."""
        ...

    def retire(self) -> None:
        """Leave the record, and close."""
        ...

    def close(self) -> None: ...


def live_panels() -> int:
    """`TENSORZERO_LIVE_PANELS`, a whole number above zero; anything else means 50."""
    with contextlib.suppress(ValueError):
        return max(1, int(os.environ.get("TENSORZERO_LIVE_PANELS", "")))
    return DEFAULT_LIVE_PANELS


class Shelf:
    """Panels with their cells, the one that was used last at the end."""

    def __init__(self, limit: Callable[[], int] = live_panels) -> None:
        self._limit = limit
        self._lock = threading.RLock()
        self._panels: OrderedDict[str, tuple[Panel, str | None, Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._panels)

    def put(self, live: str, panel: Panel, cell: str | None, run: Any) -> None:
        """A panel, known as `live`, displayed in `cell` (None: not known) by its execution `run`; room is made for it."""
        if cell is not None:
            self.clear_cell(cell, but_run=run)
        with self._lock:
            self._panels[live] = (panel, cell, run)
            left = len(self._panels) - self._limit()
            candidates = list(self._panels.items())[:-1]
        for name, (old, _, _) in candidates:
            if left <= 0:
                break
            if old.can_retire() and self._take(name):
                old.retire()
                left -= 1

    def used(self, live: str) -> None:
        with self._lock, contextlib.suppress(KeyError):
            self._panels.move_to_end(live)

    def clear_cell(self, cell: str, but_run: Any = None) -> None:
        """The cell runs again, or is gone: so is what it displayed."""
        with self._lock:
            gone = [
                (live, panel)
                for live, (panel, of, run) in self._panels.items()
                if of == cell and (but_run is None or run != but_run)
            ]
            for live, _ in gone:
                del self._panels[live]
        for _, panel in gone:
            panel.close()

    def _take(self, live: str) -> bool:
        with self._lock:
            return self._panels.pop(live, None) is not None


SHELF = Shelf()
_watched: list[Any] = []


def put_on_shelf(panel: Panel, live: str) -> None:
    """A panel of the running cell. From the first one on, the shelf hears of cells that run again or are deleted."""
    shell = _shell()
    if shell is not None and shell not in _watched:
        _watched.append(shell)
        shell.events.register("pre_run_cell", _cell_runs)
    cell, run = running_cell()
    SHELF.put(live, panel, cell, run)


def _shell() -> Any:
    with contextlib.suppress(ImportError):
        from IPython.core.getipython import get_ipython

        return get_ipython()
    return None


def _request() -> Mapping[str, Any]:
    """The message that has the cell run; empty outside a kernel."""
    shell = _shell()
    try:
        return shell.get_parent() or {}
    except (AttributeError, LookupError):
        return {}


def running_cell() -> tuple[str | None, Any]:
    """(the notebook's id for the cell, the id of this execution), as far as the page tells them."""
    request = _request()
    cell = (request.get("metadata") or {}).get("cellId")
    return (str(cell) if cell else None), (request.get("header") or {}).get("msg_id")


def _cell_runs(_info: Any) -> None:
    metadata = _request().get("metadata") or {}
    cell, run = running_cell()
    if cell is not None:
        SHELF.clear_cell(cell, but_run=run)
    for deleted in metadata.get("deletedCells") or ():
        SHELF.clear_cell(str(deleted))
