"""Why a text is not JSON, in the words of the original's reader, with line and column (1-based, in bytes).

Two readers share the work, so that a large text costs about what reading it costs. orjson says where it stops; up to there
the text is sound, and what is expected at that place is asked of orjson too. From the last token before it the reader below
goes on, byte by byte, to the fault, and has the words for it.
"""

from __future__ import annotations

import re
from itertools import accumulate

import orjson

EXACT_UP_TO = 16 * 1024 * 1024
"""Bytes. The fault of a longer text is told in orjson's words."""

_MAX_DEPTH = 127
_BLOCK = 65_536
_SPACE = re.compile(rb"[ \n\t\r]*")
_IDENTIFIERS = {ord("n"): b"null", ord("t"): b"true", ord("f"): b"false"}
_OF_A_WORD = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-."
_DIGITS = re.compile(rb"[0-9]*")
_FOUR_HEX = re.compile(rb"[0-9A-Fa-f]{4}")
_SOUND_CONTENT = re.compile(
    rb"""(?:[^"\\\x00-\x1f]+|\\["\\/bfnrt]"""
    rb"|\\u(?![dD][89a-fA-F])[0-9A-Fa-f]{4}"
    rb"|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}){0,1000}"
)
_STRING = re.compile(rb'"[^"]*(?:"|\Z)')
_STRING_OR_BRACKET = re.compile(rb'"[^"]*(?:"|\Z)|[][{}]')
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: one deeper, one less deep
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_ASCII = bytes(byte if byte < 0x80 else ord("x") for byte in range(256))


def json_fault(text: str | bytes) -> str | None:
    """`EOF while parsing an object at line 1 column 1` and so on; None if `text` is JSON."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    plain = data if data.isascii() else data.translate(_ASCII)  # which bytes they are does not matter here
    stop, words = _stop(plain)
    deep = _too_deep(plain if stop is None else plain[:stop])
    if deep is not None:
        return _worded("recursion limit exceeded", deep + 1, data)
    if stop is None:
        return None
    if len(plain) > EXACT_UP_TO:
        return _worded(words, stop, data)
    try:
        _Reader(plain, *_restart(plain, stop)).read()
    except _FaultError as fault:
        return _worded(fault.reason, fault.index, data)
    return _worded(words, stop, data)


def _worded(reason: str, index: int, data: bytes) -> str:
    line = data.count(b"\n", 0, index) + 1
    column = index - (data.rfind(b"\n", 0, index) + 1)
    return f"{reason} at line {line} column {column}"


def _stop(plain: bytes) -> tuple[int | None, str]:
    """Where orjson stops, and why; None at the end of a whole text."""
    try:
        orjson.loads(plain)
    except orjson.JSONDecodeError as error:
        return min(error.pos, len(plain)), error.msg
    return None, ""


def _accepts(start: bytes, more: bytes) -> bool:
    """Whether a JSON text may begin with `start` and `more`, where it may begin with `start`."""
    stop, _ = _stop(start + more)
    return stop is None or stop >= len(start) + len(more)


def _without_escapes(plain: bytes) -> bytes:
    """As long as `plain`; each quote that is left begins or ends a string."""
    if b"\\" not in plain:
        return plain
    return plain.replace(b"\\\\", b"__").replace(b'\\"', b"__")


def _too_deep(sound: bytes) -> int | None:
    """The place of the first bracket that opens the level which is one too many."""
    if sound.count(b"[") + sound.count(b"{") <= _MAX_DEPTH:
        return None
    flat, begin, depth = _without_escapes(sound), 0, 0
    while begin < len(flat):
        end = begin + _BLOCK
        if flat.count(b'"', begin, end) % 2:  # a block ends where its last string ends
            close = flat.find(b'"', end)
            end = len(flat) if close < 0 else close + 1
        steps = memoryview(_STRING.sub(b"", flat[begin:end]).translate(_STEPS, _NO_BRACKETS)).cast("b")
        if depth + len(steps) > _MAX_DEPTH and max(accumulate(steps, initial=depth)) > _MAX_DEPTH:
            return _first_too_deep(flat, begin, depth)
        depth += sum(steps)
        begin = end
    return None


def _first_too_deep(flat: bytes, begin: int, depth: int) -> int | None:
    for match in _STRING_OR_BRACKET.finditer(flat, begin):
        if match[0] in b"[{":
            depth += 1
            if depth > _MAX_DEPTH:
                return match.start()
        elif match[0] in b"]}":
            depth -= 1
    return None


def _restart(plain: bytes, stop: int) -> tuple[int, str]:
    """Where the last token before `stop` begins, and what is expected there."""
    flat = _without_escapes(plain[:stop])
    in_string = flat.count(b'"') % 2
    index = flat.rfind(b'"') if in_string else len(flat.rstrip(_OF_A_WORD))
    return index, _expected(plain[:index].rstrip(b" \n\t\r"))


def _expected(before: bytes) -> str:
    match before[-1:]:
        case b"":
            return "value"
        case b"[":
            return "first item"
        case b"{":
            return "first key"
        case b":":
            return "member"
        case b",":
            return "item" if _accepts(before, b"0") else "key"
        case _:
            if _accepts(before, b":"):
                return "colon"
            if not _accepts(before, b","):
                return "end"
            return "next item" if _accepts(before, b"]") else "next key"


class _FaultError(Exception):
    def __init__(self, reason: str, index: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.index = index


_AT_THE_END = {
    "end": None,
    "first item": "EOF while parsing a list",
    "next item": "EOF while parsing a list",
    "first key": "EOF while parsing an object",
    "colon": "EOF while parsing an object",
    "next key": "EOF while parsing an object",
}  # elsewhere a value is missing
_AFTER_SCALAR = {"value": "end", "first item": "next item", "item": "next item", "member": "next key"}


class _Reader:
    """Reads and keeps nothing, up to the end of the list or object that it starts in. `index` counts the bytes consumed."""

    def __init__(self, data: bytes, index: int, expected: str) -> None:
        self.data = data
        self.index = index
        self.expected = expected

    def read(self) -> None:
        """Raises _FaultError for the first fault. Returns where a list or an object begins or ends."""
        while True:
            byte = self.peek()
            if byte is None:
                reason = _AT_THE_END.get(self.expected, "EOF while parsing a value")
                if reason is None:
                    return
                raise self.ahead(reason)
            if self.expected in _AFTER_SCALAR:
                if byte in b"[{" or (byte == ord("]") and self.expected == "first item"):
                    return
                if byte == ord("]") and self.expected == "item":
                    raise self.ahead("trailing comma")
                self.scalar(byte)
                self.expected = _AFTER_SCALAR[self.expected]
            elif self.expected == "end":
                raise self.ahead("trailing characters")
            elif self.expected == "colon":
                self.mark(byte, b":", "expected `:`", "member")
            elif self.expected == "next item":
                if byte == ord("]"):
                    return
                self.mark(byte, b",", "expected `,` or `]`", "item")
            elif self.expected == "next key":
                if byte == ord("}"):
                    return
                self.mark(byte, b",", "expected `,` or `}`", "key")
            else:
                if byte == ord("}"):
                    if self.expected == "first key":
                        return
                    raise self.ahead("trailing comma")
                self.key(byte)

    def peek(self) -> int | None:
        """The next byte that is not white space."""
        space = _SPACE.match(self.data, self.index)
        self.index = self.index if space is None else space.end()
        return self.data[self.index] if self.index < len(self.data) else None

    def ahead(self, reason: str) -> _FaultError:
        return _FaultError(reason, min(self.index + 1, len(self.data)))

    def here(self, reason: str) -> _FaultError:
        return _FaultError(reason, self.index)

    def mark(self, byte: int, wanted: bytes, reason: str, expected: str) -> None:
        if byte != wanted[0]:
            raise self.ahead(reason)
        self.index += 1
        self.expected = expected

    def key(self, byte: int) -> None:
        if byte != ord('"'):
            raise self.ahead("key must be a string")
        self.index += 1
        self.string()
        self.expected = "colon"

    def scalar(self, byte: int) -> None:
        if byte == ord('"'):
            self.index += 1
            self.string()
        elif byte in _IDENTIFIERS:
            self.identifier(_IDENTIFIERS[byte])
        elif byte in b"-0123456789":
            self.number()
        else:
            raise self.ahead("expected value")

    def identifier(self, word: bytes) -> None:
        for expected in word:
            if self.index >= len(self.data):
                raise self.here("EOF while parsing a value")
            self.index += 1
            if self.data[self.index - 1] != expected:
                raise self.here("expected ident")

    def string(self) -> None:
        while True:
            content = _SOUND_CONTENT.match(self.data, self.index)
            if content is not None and content.end() > self.index:
                self.index = content.end()
                continue
            byte = self.next_or_eof("EOF while parsing a string")
            if byte == ord('"'):
                return
            if byte != ord("\\"):
                raise self.here("control character (\\u0000-\\u001F) found while parsing a string")
            self.faulty_escape()

    def faulty_escape(self) -> None:
        if self.next_or_eof("EOF while parsing a string") != ord("u"):
            raise self.here("invalid escape")
        if 0xD800 <= self.four_hex() <= 0xDBFF:
            for expected in b"\\u":
                if self.next_or_eof("EOF while parsing a string") != expected:
                    raise self.here("unexpected end of hex escape")
            self.four_hex()
        raise self.here("lone leading surrogate in hex escape")

    def four_hex(self) -> int:
        digits = _FOUR_HEX.match(self.data, self.index)
        whole = self.index + 4 <= len(self.data)
        self.index = min(self.index + 4, len(self.data))
        if digits is not None:
            return int(digits[0], 16)
        raise self.here("invalid escape" if whole else "EOF while parsing a string")

    def next_or_eof(self, reason: str) -> int:
        if self.index >= len(self.data):
            raise self.here(reason)
        self.index += 1
        return self.data[self.index - 1]

    def number(self) -> None:
        start = self.index
        if self.data[self.index] == ord("-"):
            self.index += 1
        first = self.next_or_eof("EOF while parsing a value")
        if first not in b"0123456789":
            raise self.here("invalid number")
        if first == ord("0"):
            if self.at(b"0123456789"):
                raise self.ahead("invalid number")
        else:
            self.digits()
        if self.at(b"."):
            self.index += 1
            if not self.at(b"0123456789"):
                raise self.ahead("EOF while parsing a value" if self.index >= len(self.data) else "invalid number")
            self.digits()
        if self.at(b"eE"):
            self.index += 1
            if self.at(b"+-"):
                self.index += 1
            if self.next_or_eof("EOF while parsing a value") not in b"0123456789":
                raise self.here("invalid number")
            self.digits()
        if float(self.data[start : self.index]) in (float("inf"), float("-inf")):
            raise self.here("number out of range")

    def at(self, among: bytes) -> bool:
        return self.index < len(self.data) and self.data[self.index] in among

    def digits(self) -> None:
        digits = _DIGITS.match(self.data, self.index)
        self.index = self.index if digits is None else digits.end()
