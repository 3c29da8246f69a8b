"""Closing a libcurl multi handle that was given up while a name was being looked up.

The system's resolver knows no time limit, and libcurl waits for it when the handle is closed: for half a minute, where no
name server answers. A thread that keeps no process alive waits in our place.
"""

from __future__ import annotations

import threading

import pycurl

_KEPT: list[pycurl.CurlMulti] = []  # where no thread can be started


def dispose(multi: pycurl.CurlMulti) -> None:
    try:
        threading.Thread(target=multi.close, name="tensorzero-resolver", daemon=True).start()
    except RuntimeError:
        _KEPT.append(multi)
