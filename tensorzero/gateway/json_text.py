"""Values as JSON text, those too that the quick writer refuses."""

from __future__ import annotations

import json
from typing import Any

import orjson

from tensorzero.gateway.errors import BadRequest


def json_bytes(value: Any) -> bytes:
    """Compact JSON. Raises `BadRequest` for what has no JSON text."""
    try:
        return orjson.dumps(value)
    except TypeError:  # nested deeper than 254 levels, integers beyond 64 bits
        return _slowly(value)


def _slowly(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except RecursionError:
        raise BadRequest("recursion limit exceeded", hint="The request is nested too deeply to be written as JSON.") from None
    except (TypeError, ValueError) as error:
        raise BadRequest(f"The request cannot be written as JSON: {error}") from None
