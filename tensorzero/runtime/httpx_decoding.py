"""An answer's bytes as they were before compression, a bounded piece at a time: a kilobyte may hold a gigabyte."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from tensorzero.runtime.limits import ANSWER, too_large
from tensorzero.runtime.runtime import HttpError
from tensorzero.runtime.sizes import Limits

ACCEPTED = "gzip, deflate"
_PIECE = 1 << 20
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class Decoding:
    """One answer's. Raises `HttpError` for what it cannot read, and for more than `limits.answer` bytes."""

    def __init__(self, encoding: str, limits: Limits, url: str, status: int) -> None:
        self._limit = limits.answer
        self._url = url
        self._status = status
        self._size = 0
        named = encoding.strip().lower()
        if named not in ("", "identity", *_WINDOWS):
            raise self._unreadable(f"its content-encoding `{named}` was not asked for")
        self._window = _WINDOWS.get(named)
        self._reader = None if self._window is None else zlib.decompressobj(self._window)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data` holds; no piece is empty."""
        if self._reader is None:
            yield from self._counted(data)
            return
        while data:
            try:
                piece = self._reader.decompress(data, _PIECE)
            except zlib.error as error:
                if self._window == -zlib.MAX_WBITS or self._window != zlib.MAX_WBITS or self._size:
                    raise self._unreadable(str(error)) from None
                self._window = -zlib.MAX_WBITS  # servers also call raw deflate so
                self._reader = zlib.decompressobj(self._window)
                continue
            data = self._reader.unconsumed_tail
            if self._reader.eof:
                data = self._reader.unused_data
                self._reader = zlib.decompressobj(self._window or zlib.MAX_WBITS)
            yield from self._counted(piece)

    def _counted(self, piece: bytes) -> Iterator[bytes]:
        self._size += len(piece)
        if self._size > self._limit:
            raise too_large("answer", self._limit, ANSWER, url=self._url, status=self._status)
        if piece:
            yield piece

    def _unreadable(self, reason: str) -> HttpError:
        short = f"error sending request for url ({self._url})"
        return HttpError(short, (short, f"the answer cannot be read: {reason}"), in_body=True, status=self._status)
