"""Checks of arguments by their Python type: TypeError and ValueError in the original's words (observed 2026.6.0)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import UUID

from tensorzero.types import TensorZeroInternalError

_HYPHENATED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WRAPPED = re.compile(r"(?:urn:uuid:)?(\{?)([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(\}?)")
_GROUPS = (8, 4, 4, 4, 12)
_GROUP_STARTS = (0, 9, 14, 19, 24)
_LONGEST_TIMEOUT_S = 2**64
_NOT_OF_A_HOST = re.compile(r"[\x00-\x20\x7f#%/<>?@\\^|]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_OF_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def refuse(name: str, value: Any, wanted: str) -> NoReturn:
    raise TypeError(f"argument '{name}': '{type(value).__name__}' object cannot be converted to '{wanted}'")


def text(name: str, value: Any) -> str:
    """UnicodeEncodeError for lone surrogates."""
    if not isinstance(value, str):
        refuse(name, value, "PyString")
    if not value.isascii():
        value.encode()
    return value


def optional_text(name: str, value: Any) -> str | None:
    return None if value is None else text(name, value)


def switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        refuse(name, value, "PyBool")
    return value


def flag(name: str, value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        refuse(name, value, "PyBool")
    return value


def mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(name, value, "PyDict")
    return cast("dict[str, Any]", value)


def optional_mapping(name: str, value: Any) -> dict[str, Any] | None:
    return None if value is None else mapping(name, value)


def text_map(name: str, value: Any) -> dict[str, str]:
    """A copy. TypeError where a key or a value is not text."""
    for key, item in mapping(name, value).items():
        text(name, key)
        text(name, item)
    return dict(value)


def optional_text_map(name: str, value: Any) -> dict[str, str] | None:
    return None if value is None else text_map(name, value)


def sequence(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"argument '{name}': Can't extract `{type(value).__name__}` to `Vec`")
    if isinstance(value, Mapping) or not isinstance(value, Sequence):
        refuse(name, cast("Any", value), "Sequence")
    return cast("Sequence[Any]", value)


def text_list(name: str, value: Any) -> list[str]:
    return [text(name, item) for item in sequence(name, value)]


def listing(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        refuse(name, value, "PyList")
    return cast("list[Any]", value)


def uuid_text(name: str, value: Any) -> str:
    """Anything whose `str()` is a UUID, in lower case with hyphens."""
    given = value if isinstance(value, str) else str(value)
    if _HYPHENATED.fullmatch(given):
        return given
    text(name, given)
    found = _parsed_uuid(given)
    if found is None:
        raise ValueError(f"Failed to parse {name} as UUID: Error({_uuid_problem(given)[0]})")
    return found


def optional_uuid_text(name: str, value: Any) -> str | None:
    return None if value is None else uuid_text(name, value)


def listed_uuid(value: Any) -> str:
    """One of a list of ids, where the original takes text only: UUID objects are taken as well."""
    if not isinstance(value, str) and not hasattr(value, "hex"):
        raise TypeError(f"'{type(value).__name__}' object cannot be converted to 'PyString'")
    found = _parsed_uuid(str(value))
    if found is None:
        raise ValueError(f"Invalid UUID: {_uuid_problem(str(value))[1]}")
    return found


def _parsed_uuid(given: str) -> str | None:
    match = _WRAPPED.fullmatch(given)
    if match is None or bool(match[1]) != bool(match[3]) or (match[1] and given.startswith("urn:")):
        return None
    return str(UUID(match[2]))


def _uuid_problem(given: str) -> tuple[str, str]:
    """What is wrong with it, in the original's two styles."""
    for at, character in enumerate(given, 1):
        if character not in "0123456789abcdefABCDEF-":
            quoted = "'\\''" if character == "'" else f"'{character}'"
            return f"ParseChar {{ character: {quoted}, index: {at} }}", f"invalid character: found `{character}` at {at}"
    groups = given.split("-")
    if len(groups) == 1:
        length = len(given)
        return (
            f"ParseSimpleLength {{ len: {length} }}",
            f"invalid length: expected length 32 for simple format, found {length}",
        )
    if len(groups) != len(_GROUPS):
        return f"ParseGroupCount {{ count: {len(groups)} }}", f"invalid group count: expected 5, found {len(groups)}"
    at = next(i for i, group in enumerate(groups) if len(group) != _GROUPS[i])
    length = len(groups[at])
    return (
        f"ParseGroupLength {{ group: {at}, len: {length}, index: {_GROUP_STARTS[at] + 1} }}",
        f"invalid group length in group {at}: expected {_GROUPS[at]}, found {length}",
    )


def quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def timeout_s(value: Any) -> float | None:
    """Seconds; ValueError where they are no duration."""
    if value is None:
        return None
    try:
        seconds = float(value) if not isinstance(value, (str, bytes)) else None
    except TypeError:
        seconds = None
    if seconds is None:
        raise TypeError(f"argument 'timeout': must be real number, not {type(value).__name__}")
    if seconds < 0:
        raise ValueError("Invalid timeout: cannot convert float seconds to Duration: value is negative")
    if math.isnan(seconds) or seconds >= _LONGEST_TIMEOUT_S:
        raise ValueError("Invalid timeout: cannot convert float seconds to Duration: value is either too big or NaN")
    return seconds


def gateway_url(value: Any) -> tuple[str, str | None]:
    """An absolute URL without its final slash, and what it says before an `@`; a path on it stays as a prefix."""
    given = text("gateway_url", value).strip()
    scheme, colon, rest = given.partition(":")
    if not colon or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise ValueError("Invalid gateway URL: relative URL without a base")
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError as error:
        reason = "invalid IPv6 address" if "IPv6" in str(error) else "invalid port number"
        raise ValueError(f"Invalid gateway URL: {reason}") from None
    if rest.startswith("//") and not parts.hostname:
        raise ValueError("Invalid gateway URL: empty host")
    if _NOT_OF_A_HOST.search(unquote(parts.hostname or "")):
        raise ValueError("Invalid gateway URL: invalid international domain name")
    user, at, host = parts.netloc.rpartition("@")
    bare = urlunsplit((parts.scheme, host.lower(), parts.path, "", "")) if parts.netloc else given
    return bare.partition("#")[0].partition("?")[0].rstrip("/"), unquote(user) if at and user else None


def header_map(name: str, value: Any) -> dict[str, str]:
    """Headers with their names in lower case; `TensorZeroInternalError` for one that HTTP does not allow."""
    found: dict[str, str] = {}
    for key, item in text_map(name, value).items():
        if not _HEADER_NAME.fullmatch(key):
            raise TensorZeroInternalError(
                f"Internal TensorZero Error: Invalid HTTP header name `{key}`: invalid HTTP header name"
            )
        if not is_header_value(item):
            raise TensorZeroInternalError(
                f"Internal TensorZero Error: Invalid HTTP header value for `{key}`: failed to parse header value"
            )
        found[key.lower()] = item
    return found


def is_header(name: str, value: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None and is_header_value(value)


def is_header_value(value: str) -> bool:
    return _NOT_OF_A_HEADER.search(value) is None
