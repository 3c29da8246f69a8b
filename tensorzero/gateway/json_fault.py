"""Why a text is not JSON, in the words of the original's reader, with line and column (1-based, in bytes)."""

from __future__ import annotations

_MAX_DEPTH = 127
_ESCAPES = frozenset(b'"\\/bfnrt')
_IDENTIFIERS = {ord("n"): b"null", ord("t"): b"true", ord("f"): b"false"}


def json_fault(text: str | bytes) -> str | None:
    """`EOF while parsing an object at line 1 column 1` and so on; None if `text` is JSON."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    reader = _Reader(data)
    try:
        reader.document()
    except _FaultError as fault:
        line = data.count(b"\n", 0, fault.index) + 1
        column = fault.index - (data.rfind(b"\n", 0, fault.index) + 1)
        return f"{fault.reason} at line {line} column {column}"
    return None


class _FaultError(Exception):
    def __init__(self, reason: str, index: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.index = index


class _Reader:
    """Reads and keeps nothing. `index` counts the bytes consumed."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.index = 0

    def document(self) -> None:
        self.value(0)
        if self.peek() is not None:
            raise self.ahead("trailing characters")

    def peek(self) -> int | None:
        """The next byte that is not white space."""
        data, index = self.data, self.index
        while index < len(data) and data[index] in b" \n\t\r":
            index += 1
        self.index = index
        return data[index] if index < len(data) else None

    def ahead(self, reason: str) -> _FaultError:
        return _FaultError(reason, min(self.index + 1, len(self.data)))

    def here(self, reason: str) -> _FaultError:
        return _FaultError(reason, self.index)

    def value(self, depth: int) -> None:
        byte = self.peek()
        if byte is None:
            raise self.ahead("EOF while parsing a value")
        if byte in b"{[":
            if depth >= _MAX_DEPTH:
                raise self.ahead("recursion limit exceeded")
            self.index += 1
            (self.object if byte == ord("{") else self.list)(depth + 1)
        elif byte == ord('"'):
            self.index += 1
            self.string()
        elif byte in _IDENTIFIERS:
            self.identifier(_IDENTIFIERS[byte])
        elif byte in b"-0123456789":
            self.number()
        else:
            raise self.ahead("expected value")

    def object(self, depth: int) -> None:
        first = True
        while (byte := self.peek()) != ord("}"):
            if byte is None:
                raise self.ahead("EOF while parsing an object")
            if not first:
                if byte != ord(","):
                    raise self.ahead("expected `,` or `}`")
                self.index += 1
                byte = self.peek()
                if byte is None:
                    raise self.ahead("EOF while parsing a value")
                if byte == ord("}"):
                    raise self.ahead("trailing comma")
            if byte != ord('"'):
                raise self.ahead("key must be a string")
            self.index += 1
            self.string()
            byte = self.peek()
            if byte != ord(":"):
                raise self.ahead("EOF while parsing an object" if byte is None else "expected `:`")
            self.index += 1
            self.value(depth)
            first = False
        self.index += 1

    def list(self, depth: int) -> None:
        first = True
        while (byte := self.peek()) != ord("]"):
            if byte is None:
                raise self.ahead("EOF while parsing a list")
            if not first:
                if byte != ord(","):
                    raise self.ahead("expected `,` or `]`")
                self.index += 1
                if self.peek() == ord("]"):
                    raise self.ahead("trailing comma")
            self.value(depth)
            first = False
        self.index += 1

    def identifier(self, word: bytes) -> None:
        for expected in word:
            if self.index >= len(self.data):
                raise self.here("EOF while parsing a value")
            self.index += 1
            if self.data[self.index - 1] != expected:
                raise self.here("expected ident")

    def string(self) -> None:
        while True:
            byte = self.next_or_eof("EOF while parsing a string")
            if byte == ord('"'):
                return
            if byte == ord("\\"):
                self.escape()
            elif byte < 0x20:
                raise self.here("control character (\\u0000-\\u001F) found while parsing a string")

    def escape(self) -> None:
        byte = self.next_or_eof("EOF while parsing a string")
        if byte in _ESCAPES:
            return
        if byte != ord("u"):
            raise self.here("invalid escape")
        code = self.four_hex()
        if 0xDC00 <= code <= 0xDFFF:
            raise self.here("lone leading surrogate in hex escape")
        if 0xD800 <= code <= 0xDBFF:
            for expected in b"\\u":
                if self.next_or_eof("EOF while parsing a string") != expected:
                    raise self.here("unexpected end of hex escape")
            if not 0xDC00 <= self.four_hex() <= 0xDFFF:
                raise self.here("lone leading surrogate in hex escape")

    def four_hex(self) -> int:
        digits = self.data[self.index : self.index + 4]
        self.index = min(self.index + 4, len(self.data))
        if len(digits) < 4:
            raise self.here("EOF while parsing a string")
        try:
            return int(digits.decode("ascii").replace("_", "x").replace(" ", "x").replace("+", "x").replace("-", "x"), 16)
        except ValueError:
            raise self.here("invalid escape") from None

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
            if self.at_digit():
                raise self.ahead("invalid number")
        else:
            self.digits()
        if self.at(b"."):
            self.index += 1
            if not self.at_digit():
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

    def at_digit(self) -> bool:
        return self.at(b"0123456789")

    def digits(self) -> None:
        while self.at_digit():
            self.index += 1
