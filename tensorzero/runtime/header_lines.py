"""The head of an answer as libcurl hands it over: lines, those of earlier 1xx answers included."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_STATUS = re.compile(rb"HTTP/[\d.]+ +(\d{3})")
_ENDS = (b"\r\n", b"\n")
_FIRST_FINAL = 200


def status_in(line: bytes) -> int | None:
    """The status of a status line; None for any other line."""
    if line[:5] != b"HTTP/":
        return None
    found = _STATUS.match(line)
    return None if found is None else int(found[1])


def whole_head(lines: Sequence[bytes]) -> int | None:
    """The status of the final answer if its head is there, to its empty line; None before that."""
    ended = False
    for line in reversed(lines):
        if line in _ENDS:
            ended = True
        elif line[:5] == b"HTTP/" and (status := status_in(line)) is not None:
            return status if ended and status >= _FIRST_FINAL else None
    return None


class HeaderLines(Mapping[str, str]):
    """Header lines as they came, parsed when somebody looks. Names are lower case, values bytes as Latin-1."""

    __slots__ = ("_lines", "_parsed")

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines
        self._parsed: dict[str, str] | None = None

    def _headers(self) -> dict[str, str]:
        if self._parsed is None:
            parsed: dict[str, str] = {}
            for line in self._lines:
                name, colon, value = line.partition(b":")
                if status_in(line) is not None:
                    parsed.clear()  # a 1xx came before this block
                elif colon:
                    parsed[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
            self._parsed = parsed
        return self._parsed

    def __getitem__(self, name: str) -> str:
        return self._headers()[name]

    def get(self, name: str, default: Any = None) -> Any:
        """One header without looking at the others."""
        if self._parsed is not None:
            return self._parsed.get(name, default)
        start = name.encode("latin-1", "replace") + b":"
        size = len(start)
        for line in reversed(self._lines):
            if line[:size].lower() == start:
                return line[size:].decode("latin-1").strip()
            if line[:5] == b"HTTP/" and status_in(line) is not None:
                break
        return default

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers())

    def __len__(self) -> int:
        return len(self._headers())
