"""Secrets cut into short pieces, so that one pass over a text finds all of them, whole or cut, at the same cost.

A text is looked at in blocks of `BLOCK` characters; where one of them is part of a secret, the `WINDOW`s around it are
compared. Every run of `WINDOW` characters that a secret holds contains one such block, wherever it begins. The time grows
with the text alone (about 25 ms for a megabyte), whatever the number of secrets and however a text is made.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import compress, count

WINDOW = 8
BLOCK = 4
Span = tuple[int, int]

# The beginnings that all keys of a provider share.
_LABEL = (
    r"(?i:bearer |basic )|sk-(?:proj-|svcacct-|admin-|ant-(?:api\d\d-|admin\d\d-)?|or-v1-)?|github_pat_|gh[a-z]_|glpat-|xai-|"
    r"gsk_|hf_|r8_|pplx-|fw_|tgp_v1_|AIzaSy|eyJhbGciOi[A-Za-z0-9]*"
)


@cache
def _labels() -> re.Pattern[str]:
    return re.compile(_LABEL)


def label_of(value: str) -> str:
    """What a secret begins with as all of its kind do; empty for most."""
    found = _labels().match(value)
    return found.group() if found else ""


class Index:
    """The pieces of the secrets that were added."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.held_logins: set[str] = set()
        self.signs: set[str] = set()
        self._windows: set[str] = set()
        self._shared: set[str] = set()
        self._blocks: set[int] = set()

    def add(self, value: str) -> None:
        """A secret that is found as it is, and within any base64."""
        self.signs.update(sign for sign in value if not sign.isalnum())
        self._take(value)
        if not value.isascii():
            self._take(value.encode("utf-8", "replace").decode("latin-1"))  # what its percent signs spell
        label = label_of(value)
        self._shared.update(label[at : at + WINDOW] for at in range(len(label) - WINDOW + 1))
        self._take_encoded(value)
        self.held.add(value)

    def add_login(self, value: str) -> None:
        """`user:password`, which is found within base64."""
        self._take_encoded(value)
        self.held_logins.add(value)

    def _take_encoded(self, value: str) -> None:
        data = value.encode("utf-8", "replace")
        for before, own in ((0, 0), (1, 2), (2, 3)):  # bytes in front of it, and characters that those share with it
            form = base64.b64encode(b"\0" * before + data).decode().rstrip("=")[own:]
            self._take(form)
            if "+" in form or "/" in form:
                self._take(form.replace("+", "-").replace("/", "_"))

    def _take(self, form: str) -> None:
        self._windows.update(form[at : at + WINDOW] for at in range(len(form) - WINDOW + 1))
        data = form.encode("latin-1", "replace")
        self._blocks.update(int.from_bytes(data[at : at + BLOCK], sys.byteorder) for at in range(len(data) - BLOCK + 1))

    def spans(self, text: str) -> Iterator[Span]:
        """Where the text repeats a secret or `WINDOW` characters of one, in order and apart from each other."""
        windows = self._windows
        end = 0
        for at in self._suspects(text):
            if at + BLOCK <= end:
                continue
            for start in range(max(end, at + BLOCK - WINDOW, 0), at + 1):
                if text[start : start + WINDOW] in windows:
                    stop = start + WINDOW
                    while text[stop - WINDOW + 1 : stop + 1] in windows:
                        stop += 1
                    while start > end and text[start - 1 : start - 1 + WINDOW] in windows:
                        start -= 1
                    end = stop
                    if any(text[at : at + WINDOW] not in self._shared for at in range(start, stop - WINDOW + 1)):
                        yield start, stop
                    break

    def _suspects(self, text: str) -> Iterator[int]:
        """Where a block of the text is a block of a secret. One byte a character: what Latin-1 lacks counts as `?`."""
        data = text.encode("latin-1", "replace")
        blocks = memoryview(data)[: len(data) // BLOCK * BLOCK].cast("I")
        return compress(count(0, BLOCK), map(self._blocks.__contains__, blocks))
