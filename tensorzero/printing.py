"""Printing that no text breaks: what a terminal's encoding has no sign for is shown as its number, such as \\u732b."""

from __future__ import annotations

import sys
from typing import Any, TextIO


def say(text: object = "", *, end: str = "\n", file: TextIO | None = None, flush: bool = False) -> None:
    """As `print`."""
    stream: Any = sys.stdout if file is None else file
    print(printable(str(text), stream), end=end, file=stream, flush=flush)


def printable(text: str, stream: Any = None) -> str:
    """The text in what `stream` (standard output) can encode; lone surrogates are numbers everywhere."""
    if text.isascii():
        return text
    stream = sys.stdout if stream is None else stream
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except (LookupError, UnicodeError):  # an encoding of a stream's own making
        return text.encode("ascii", "backslashreplace").decode("ascii")
