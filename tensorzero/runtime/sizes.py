"""How large what a server sends may become."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """In bytes, after decompression.

    `answer`: a whole body, or all of a stream. 2,048 vectors of 3,072 numbers, which OpenAI gives at once, take 140 MB.
    `event`: one server-sent event; some hold a picture.
    """

    answer: int = 256 << 20
    event: int = 64 << 20
