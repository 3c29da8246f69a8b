"""Checks of arguments by their Python type: TypeError and ValueError in the original's words (observed 2026.6.0)."""

from __future__ import annotations

import json
import math
import operator
import re
from types import MappingProxyType
from typing import Any, NoReturn, cast
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import UUID

import uuid_utils

from tensorzero.clients.failures import refused
from tensorzero.parsing.uuid_forms import parsed_uuid, uuid_problem
from tensorzero.types import TensorZeroInternalError

_HYPHENATED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LONGEST_TIMEOUT_S = 2**64
_NOT_OF_A_HOST = re.compile(r"[\x00-\x20\x7f#%/<>?@\\^|]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_OF_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def refuse(name: str, value: Any, wanted: str) -> NoReturn:
    raise refused(TypeError(f"argument '{name}': '{type(value).__name__}' object cannot be converted to '{wanted}'"))


def text(name: str, value: Any) -> str:
    """UnicodeEncodeError for lone surrogates."""
    if type(value) is not str:
        if not isinstance(value, str):
            refuse(name, value, "PyString")
        value = str.__str__(value)  # what an enum of texts holds, not how it shows itself
    if not value.isascii():
        value.encode()
    return value


def optional_text(name: str, value: Any) -> str | None:
    return None if value is None else text(name, value)


def switch(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not is_numpy_bool(value):
        refuse(name, value, "PyBool")
    return bool(value)


def flag(name: str, value: Any) -> bool | None:
    return None if value is None else switch(name, value)


def is_numpy_bool(value: Any) -> bool:
    """numpy's own kind of boolean, which passes for one as in the original (observed 2026.6.0)."""
    kind = type(value)
    return kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_")


def mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(name, value, "PyDict")
    return cast("dict[str, Any]", value)


def optional_mapping(name: str, value: Any) -> dict[str, Any] | None:
    return None if value is None else mapping(name, value)


def text_map(name: str, value: Any) -> dict[str, str]:
    """A copy. TypeError where a key or a value is not text."""
    return {text(name, key): text(name, item) for key, item in mapping(name, value).items()}


def optional_text_map(name: str, value: Any) -> dict[str, str] | None:
    return None if value is None else text_map(name, value)


def sequence(name: str, value: Any) -> list[Any]:
    """The items of whatever has them by number, be it a list or not (observed 2026.6.0)."""
    if isinstance(value, str):
        raise TypeError(f"argument '{name}': Can't extract `str` to `Vec`")
    methods = {method for base in type(value).__mro__ for method in vars(base)}
    if isinstance(value, (dict, MappingProxyType)) or not methods >= {"__getitem__", "__len__"}:
        refuse(name, cast("Any", value), "Sequence")
    try:
        return list(value)
    except TypeError as error:
        raise TypeError(f"argument '{name}': {error}") from None


def text_list(name: str, value: Any) -> list[str]:
    return [text(name, item) for item in sequence(name, value)]


def listing(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        refuse(name, value, "PyList")
    return cast("list[Any]", value)


def uuid_text(name: str, value: Any) -> str:
    """Anything whose `str()` is a UUID, in lower case with hyphens."""
    given = value if type(value) is str else str(value)
    if _HYPHENATED.fullmatch(given):
        return given
    text(name, given)
    found = parsed_uuid(given)
    if found is None:
        raise refused(ValueError(f"Failed to parse {name} as UUID: Error({uuid_problem(given)[0]})"))
    return found


def optional_uuid_text(name: str, value: Any) -> str | None:
    return None if value is None else uuid_text(name, value)


def listed_uuid(value: Any, name: str | None = None) -> str:
    """One of a list of ids, where the original takes text only: UUID objects are taken as well."""
    if not isinstance(value, (str, UUID, uuid_utils.UUID)):
        prefix = "" if name is None else f"argument '{name}': "
        raise TypeError(f"{prefix}'{type(value).__name__}' object cannot be converted to 'PyString'")
    found = parsed_uuid(str(value))
    if found is None:
        raise ValueError(f"Invalid UUID{'' if name is None else f' in {name}'}: {uuid_problem(str(value))[1]}")
    return found


def quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def real(name: str, value: Any) -> float:
    try:
        math.isnan(value)  # refuses text that `float` would read, in the words wanted here
    except TypeError as error:
        raise TypeError(f"argument '{name}': {error}") from None
    return float(value)


def optional_real(name: str, value: Any) -> float | None:
    return None if value is None else real(name, value)


def unsigned(name: str, value: Any, bits: int = 64) -> int:
    """OverflowError for numbers that so many bits do not hold, in the original's words for each width."""
    try:
        number = operator.index(value)
    except TypeError as error:
        raise TypeError(f"argument '{name}': {error}") from None
    if 0 <= number < 2**bits:
        return number
    if bits == 64:
        raise OverflowError("can't convert negative int to unsigned" if number < 0 else "int too big to convert")
    beyond = not -(2**63) <= number < 2**63
    raise OverflowError(
        "Python int too large to convert to C long" if beyond else "out of range integral type conversion attempted"
    )


def optional_unsigned(name: str, value: Any, bits: int = 64) -> int | None:
    return None if value is None else unsigned(name, value, bits)


def timeout_s(value: Any) -> float | None:
    """Seconds; ValueError where they are no duration."""
    if value is None:
        return None
    seconds = real("timeout", value)
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
