"""Server-sent events, decoded incrementally: bytes in, the data of whole events out."""

from __future__ import annotations

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SseDecoder:
    """Feed it bytes as they arrive, cut anywhere; it returns the data of every event that became whole.

    Lines end at CR, LF or CRLF only (U+2028 and friends are ordinary text). Data lines of one event are joined by LF;
    comments and the fields `event`, `id` and `retry` are skipped; an event that the end of the stream cuts short is dropped,
    as the specification says. Bytes are never decoded here, so a character cut in two is whole again in the event.
    """

    __slots__ = ("_after_cr", "_at_start", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of the event that is not whole yet, line ends already LF
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that ends in `chunk`, in order, without its final line end."""
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_line_feeds(chunk)
        pieces = self._pieces
        if b"\n" not in chunk:
            if chunk:
                pieces.append(chunk)
            return []
        if pieces:
            pieces.append(chunk)
            chunk = b"".join(pieces)
        if self._at_start:
            self._at_start = False
            chunk = chunk.removeprefix(_BYTE_ORDER_MARK)
        blocks = chunk.split(b"\n\n")
        rest = blocks.pop()
        self._pieces = [rest] if rest else []
        found: list[bytes] = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                found.append(block[6:])
            elif (data := _data_of(block)) is not None:
                found.append(data)
        return found

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
