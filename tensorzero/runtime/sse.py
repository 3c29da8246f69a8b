"""Server-sent events, decoded incrementally: bytes in, the data of whole events out."""

from __future__ import annotations

from tensorzero.runtime.limits import EVENT, too_large
from tensorzero.runtime.sizes import Limits

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PILE = 256


class SseDecoder:
    """Feed it bytes as they arrive, cut anywhere; it returns the data of every event that became whole.

    Lines end at CR, LF or CRLF only (U+2028 and friends are ordinary text). Data lines of one event are joined by LF;
    comments and the fields `event`, `id` and `retry` are skipped; an event that the end of the stream cuts short is dropped,
    as the specification says. Bytes are never decoded here, so a character cut in two is whole again in the event.
    """

    __slots__ = ("_after_cr", "_at_start", "_limit", "_pieces", "_size")

    def __init__(self, limit: int = Limits().event) -> None:
        self._limit = limit
        self._pieces: list[bytes | bytearray] = []  # of the event that is not whole yet, line ends already LF
        self._size = 0  # of them together
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that ends in `chunk`, in order, without its final line end.

        Raises `HttpError` for an event of more than `limit` bytes.
        """
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_line_feeds(chunk)
        pieces = self._pieces
        if pieces:
            if not self._ends_event(chunk):
                self._keep(chunk)
                return []
            pieces.append(chunk)
            chunk = b"".join(pieces)
        elif b"\n\n" not in chunk:
            self._keep(chunk)
            return []
        if self._at_start:
            self._at_start = False
            chunk = chunk.removeprefix(_BYTE_ORDER_MARK)
        blocks = chunk.split(b"\n\n")
        if len(chunk) > self._limit and max(map(len, blocks)) > self._limit:
            raise too_large("event", self._limit, EVENT)
        rest = blocks.pop()
        self._pieces, self._size = [], 0
        self._keep(rest)
        found: list[bytes] = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                found.append(block[6:])
            elif (data := _data_of(block)) is not None:
                found.append(data)
        return found

    def _ends_event(self, chunk: bytes) -> bool:
        """Whether an event that has begun ends in `chunk`: nothing before it is looked at again."""
        return b"\n\n" in chunk or (chunk[:1] == b"\n" and self._pieces[-1][-1:] == b"\n")

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._size += len(piece)
            if self._size > self._limit:
                self._pieces = []
                raise too_large("event", self._limit, EVENT)
            self._pieces.append(piece)
            if len(self._pieces) > _PILE:
                self._pile()

    def _pile(self) -> None:
        """Many small pieces as one: that takes no more than their bytes."""
        first, *others = self._pieces
        pile = first if isinstance(first, bytearray) else bytearray(first)
        for piece in others:
            pile += piece
        self._pieces = [pile]

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        if not chunk:
            return chunk
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF whose first half was taken as the line's end
            self._after_cr = False
            if not chunk:
                return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data_of(block: bytes) -> bytes | None:
    """The joined data lines of one event's text; None if it has none."""
    lines: list[bytes] = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines) if lines else None
