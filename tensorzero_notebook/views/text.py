"""Model text made safe to show: every character either shows itself or is shown as a visible sign.

Nothing is dropped and the mapping is per character, so a stream can be mapped piece by piece.
"""

from __future__ import annotations

_BIDI = {
    0x202A: "LRE",
    0x202B: "RLE",
    0x202C: "PDF",
    0x202D: "LRO",
    0x202E: "RLO",
    0x2066: "LRI",
    0x2067: "RLI",
    0x2068: "FSI",
    0x2069: "PDI",
}


def _signs() -> dict[int, str]:
    """Controls as control pictures (ESC is ␛, so ANSI does nothing), the rest by name or number."""
    signs = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
    signs[0x7F] = "␡"
    signs |= {code: f"⟦U+{code:04X}⟧" for code in range(0x80, 0xA0)}
    signs |= {code: f"⟦{name}⟧" for code, name in _BIDI.items()}
    signs |= {0xFEFF: "⟦BOM⟧", 0x2028: "\n", 0x2029: "\n"}
    signs |= dict.fromkeys(range(55296, 57344), "�")  # cannot be sent as UTF-8
    return signs


_SIGNS = _signs()


def visible(text: str) -> str:
    """`text` with controls, bidi overrides and lone surrogates as visible signs. A CRLF is one line break."""
    if text.isascii() and text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_SIGNS)


class TextIntake:
    """Joins pieces whose surrogate pair or CRLF was cut in two; what cannot be joined becomes U+FFFD."""

    def __init__(self) -> None:
        self._held = ""

    def take(self, piece: str) -> str:
        """The text that is certain now. A last high surrogate or CR waits for the next piece."""
        text = self._held + piece
        self._held = ""
        if text and ("\ud800" <= text[-1] <= "\udbff" or text[-1] == "\r"):
            text, self._held = text[:-1], text[-1]
        return joined(text)

    def rest(self) -> str:
        """What still waits, at the end of a piece of text."""
        text, self._held = self._held, ""
        return joined(text)


def joined(text: str) -> str:
    """`text` with surrogate pairs as one character and lone surrogates as U+FFFD: it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
