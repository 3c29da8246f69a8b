"""How large an answer may become before it is given up, so that no server can take this process's memory.

The head of an answer has a limit of its own in every library: 300 kB in libcurl, 100 kB in httpx.
"""

from __future__ import annotations

import os

from tensorzero.runtime.runtime import HttpError
from tensorzero.runtime.sizes import Limits

ANSWER = "TENSORZERO_MAX_ANSWER_BYTES"
EVENT = "TENSORZERO_MAX_EVENT_BYTES"


def limits_of_environment() -> Limits:
    """Raises `HttpError` for a setting that is no positive whole number."""
    return Limits(_bytes(ANSWER, Limits().answer), _bytes(EVENT, Limits().event))


def _bytes(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 18 and int(text) > 0):
        reason = f"`{variable}` is not a positive whole number of bytes"
        raise HttpError(reason, hint=f"Set `{variable}` to a number such as {default}, or unset it.")
    return int(text)


def too_large(what: str, limit: int, variable: str, *, url: str = "", status: int | None = None) -> HttpError:
    """`what`: `answer` or `event`."""
    reason = f"the {what} is larger than {limit} bytes"
    short = f"error sending request for url ({url})" if url else reason
    return HttpError(short, (short, reason), in_body=True, status=status, hint=f"`{variable}` sets how large one may be.")
