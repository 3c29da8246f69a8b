"""Shapes that several sections use: timeouts, retries, replacements, credential locations, URLs, costs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from tensorzero.gateway.config.mistakes import Mistakes, Place
from tensorzero.gateway.config.sections import CredentialLocation, ExtraBody, ExtraHeader, Retries, Timeouts
from tensorzero.gateway.config.shapes import (
    INVALID,
    U64,
    USIZE,
    Checked,
    Field,
    Flag,
    Items,
    Real,
    Record,
    Text,
    wrong_type,
)  # fmt: skip
from tensorzero.masking.known import learn_header, learn_url, learn_variable
from tensorzero.masking.literals import learn_location
from tensorzero.parsing.words import quoted, unknown_field
from tensorzero.settled import settled

TIMEOUTS = Record(
    "TimeoutsConfig",
    (
        Field("non_streaming", Record("NonStreamingTimeouts", (Field("total_ms", U64),))),
        Field("streaming", Record("StreamingTimeouts", (Field("ttft_ms", U64), Field("total_ms", U64)))),
    ),
)

RETRIES = Record(
    "RetryConfig",
    (Field("num_retries", USIZE, default=0), Field("max_delay_s", Real(single=True), default=10.0)),
    open=True,
    needed=0,
)


def default_retries() -> dict[str, Any]:
    return {"num_retries": 0, "max_delay_s": 10.0}


def build_timeouts(read: Mapping[str, Any] | None) -> Timeouts:
    if not read:
        return Timeouts()
    plain, stream = read.get("non_streaming", {}), read.get("streaming", {})
    return Timeouts(plain.get("total_ms"), stream.get("ttft_ms"), stream.get("total_ms"))


def build_retries(read: Mapping[str, Any] | None) -> Retries:
    return Retries(read["num_retries"], float(read["max_delay_s"])) if read else Retries()


def timeouts_over(limit_ms: int, timeouts: Timeouts) -> list[str]:
    """A message for every timeout longer than the gateway's own."""
    values = (
        ("timeouts.non_streaming.total_ms", timeouts.non_streaming_total_ms),
        ("timeouts.streaming.ttft_ms", timeouts.streaming_ttft_ms),
        ("timeouts.streaming.total_ms", timeouts.streaming_total_ms),
    )
    return [
        f"The `{name}` value `{value}` is greater than `gateway.global_outbound_http_timeout_ms`: `{limit_ms}`"
        for name, value in values
        if value is not None and value > limit_ms
    ]


class Replacement:
    """One entry of `extra_body` or `extra_headers`: `key` and either `value` or `delete = true`; the first written wins."""

    __slots__ = ("key", "kind", "name", "text")

    def __init__(self, name: str, kind: str, key: str, *, text: bool) -> None:
        self.name, self.kind, self.key, self.text = name, kind, key, text

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, Mapping):
            wrong_type(value, f"struct {self.name}", place, mistakes)
            return INVALID
        if self.key in value and not isinstance(value[self.key], str):
            return Text().read(value[self.key], place.key(self.key), mistakes)
        if self.key not in value:
            mistakes.at(place, f"missing field `{self.key}`")
            return INVALID
        chosen = next((key for key in value if key in ("value", "delete")), None)
        if chosen is None:
            mistakes.at(place, f"no variant of enum {self.kind} found in flattened data")
            return INVALID
        if chosen == "value":
            shown = Text().read(value["value"], place, mistakes) if self.text else value["value"]
            return INVALID if shown is INVALID else {self.key: value[self.key], "value": shown}
        deleted = Flag().read(value["delete"], place, mistakes)
        if deleted is False:
            mistakes.at(place, "Error deserializing replacement config: `delete` must be `true`, or not set")
        return {self.key: value[self.key], "delete": True} if deleted is True else INVALID


EXTRA_BODY = Items(Replacement("ExtraBodyReplacement", "ExtraBodyReplacementKind", "pointer", text=False))
EXTRA_HEADERS = Items(Replacement("ExtraHeader", "ExtraHeaderKind", "name", text=True))


def build_extra_body(read: list[dict[str, Any]] | None) -> tuple[ExtraBody, ...]:
    return tuple(ExtraBody(**item) for item in read or ())


def build_extra_headers(read: list[dict[str, Any]] | None) -> tuple[ExtraHeader, ...]:
    headers = tuple(ExtraHeader(**item) for item in read or ())
    for header in headers:
        learn_header(header.name, header.value)
    return headers


_LOCATED = ("env", "path", "path_from_env", "dynamic")


def parse_location(text: str) -> CredentialLocation | None:
    """`env::NAME` and the like; None if it is none of the known forms."""
    if text in ("sdk", "none"):
        return CredentialLocation(text)  # type: ignore[arg-type]
    learn_location(text)
    kind, separator, name = text.partition("::")
    if kind == "env":
        learn_variable(name)
    if kind == "path":
        settled(name)  # where the file is, is said now; what it holds, when a call needs it
    return CredentialLocation(kind, name) if separator and kind in _LOCATED else None  # type: ignore[arg-type]


def build_location(read: Any) -> CredentialLocation | None:
    """The location of a value that `Location` read."""
    if isinstance(read, str):
        return parse_location(read)
    if isinstance(read, Mapping):
        return CredentialLocation(
            "fallback", default=build_location(read["default"]), fallback=build_location(read["fallback"])
        )
    return None


def _check_location(text: str) -> str | None:
    if parse_location(text) is not None:
        return None
    forms = "Use `env::VAR_NAME`, `path::FILE_PATH`, `dynamic::KEY_NAME`, or `sdk`."
    return f"Invalid credential location format: `{text}`. {forms}"


ONE_LOCATION = Checked(Text(), _check_location)


class Location:
    """A credential location: text, or a table of `default` and `fallback`. The original forgets the path inside."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if isinstance(value, str):
            return ONE_LOCATION.read(value, place, mistakes)
        if not isinstance(value, Mapping):
            expected = "a string or an object with 'default' and 'fallback' fields"
            wrong_type(value, expected, place, mistakes)
            return INVALID
        out: dict[str, Any] = {}
        for key in value:
            if key not in ("default", "fallback"):
                mistakes.at(place, unknown_field(key, ("default", "fallback")))
                out[key] = INVALID
        for key in ("default", "fallback"):
            if key in value and not isinstance(value[key], str):
                out[key] = Text().read(value[key], place.key(key), mistakes)
            elif key in value:
                out[key] = ONE_LOCATION.read(value[key], place, mistakes)
            else:
                mistakes.at(place, f"missing field `{key}`")
                out[key] = INVALID
        return INVALID if INVALID in out.values() else out


_DEFAULT_PORTS = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443", "ftp": ":21"}
_PATH_SAFE = "%/:@!$&'()*+,;=-._~|[]^"
_QUERY_SAFE = "%/?:@!$&()*+,;=-._~|[]^`{}"
_SPECIAL = ("http", "https", "ws", "wss", "ftp")


class Url:
    """An absolute URL, kept as the original normalises it."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, str):
            wrong_type(value, "a string representing an URL", place, mistakes)
            return INVALID
        learn_url(value)
        if (problem := url_problem(value)) is not None:
            mistakes.at(place, f"{problem}: {quoted(value)}")
            return INVALID
        parts = urlsplit(value.strip())
        if parts.scheme in _SPECIAL:
            netloc = _lower_host(parts.netloc).removesuffix(_DEFAULT_PORTS.get(parts.scheme, "-"))
            query = quote(parts.query, safe=_QUERY_SAFE)
            parts = parts._replace(netloc=netloc, path=_plain_path(parts.path), query=query)
        return parts.geturl()


def url_problem(text: str) -> str | None:
    """Why `text` is no absolute URL, in the original's words."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
        return "relative URL without a base"
    try:
        parts = urlsplit(text.strip())
        _ = parts.port
    except ValueError:
        return "invalid port number"
    return "empty host" if parts.scheme in _SPECIAL and not parts.hostname else None


def _plain_path(path: str) -> str:
    """The path without `.` and `..`, and with other than plain characters percent-encoded."""
    segments: list[str] = []
    parts = quote(path, safe=_PATH_SAFE).split("/")[1:] or [""]
    for number, part in enumerate(parts):
        if part == ".." and segments:
            segments.pop()
        if part not in (".", ".."):
            segments.append(part)
        elif number == len(parts) - 1:
            segments.append("")
    return "/" + "/".join(segments)


def _lower_host(netloc: str) -> str:
    user, at, host = netloc.rpartition("@")
    return f"{user}{at}{host.lower()}"


_COST_FIELDS = (Field("cost_per_million", Real()), Field("cost_per_unit", Real()), Field("required", Flag(), default=False))
_BOTH_POINTERS = (Field("pointer", Text()), Field("pointer_nonstreaming", Text()), Field("pointer_streaming", Text()))
_RATES = ("cost_per_million", "cost_per_unit")
_DECIMAL_END = 2**96 - 1
_WRONG_ESCAPE = re.compile(r"~(?![01]).?", re.DOTALL)
_WRONG_POINTERS = (
    "invalid pointer configuration: specify either `pointer` alone, or both `pointer_nonstreaming` and `pointer_streaming`"
)


class Costs:
    """`cost` entries. `split` allows a pointer for streams and another for the rest; `where` is how messages name them."""

    __slots__ = ("entry", "split", "where")

    def __init__(self, *, split: bool, where: str | None = None) -> None:
        self.split, self.where = split, where
        pointers = _BOTH_POINTERS if split else (Field("pointer", Text(), required=True),)
        self.entry = Record("UninitializedCostConfigEntry", (*pointers, *_COST_FIELDS), open=True)

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, list):
            return Items(self.entry).read(value, place, mistakes)
        items = [self._entry(item, place.index(i), mistakes) for i, item in enumerate(value)]
        for item in items:
            if item is not INVALID and (problem := self._problem(item)):
                mistakes.say(f"{self.where or place.printed}: {problem}", place.keys)
                return INVALID
        return INVALID if INVALID in items else items

    def _entry(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, Mapping):
            wrong_type(value, f"struct {self.entry.name}", place, mistakes)
            return INVALID
        for field in self.entry.fields[:-1]:  # the original forgets which one it was
            if field.name in value and field.shape.read(value[field.name], place, mistakes) is INVALID:
                return INVALID
        if all(abs(value.get(rate, 0)) < _DECIMAL_END for rate in _RATES):  # false for NaN too
            return self.entry.read(value, place, mistakes)
        mistakes.at(place, "Error while converting to Decimal")
        return INVALID

    def _problem(self, entry: Mapping[str, Any]) -> str | None:
        written = {key for key in ("pointer", "pointer_nonstreaming", "pointer_streaming") if key in entry}
        if self.split and written not in ({"pointer"}, {"pointer_nonstreaming", "pointer_streaming"}):
            return _WRONG_POINTERS
        for key in sorted(written):
            if entry[key] and not entry[key].startswith("/"):
                return f"invalid JSON pointer `{entry[key]}`: NoLeadingSlash"
            if escape := _WRONG_ESCAPE.search(entry[key]):
                return f"invalid JSON pointer `{entry[key]}`: InvalidEscape({quoted(escape[0])})"
        if sum(rate in entry for rate in _RATES) != 1:
            return "must specify exactly one of `cost_per_million` or `cost_per_unit`"
        return None


def namespace_problem(name: str) -> str | None:
    if not name:
        return "Namespace identifier cannot be empty"
    if name.startswith("tensorzero::"):
        return f"Namespace cannot start with `tensorzero::`: {name}"
    return None


NAMESPACE = Checked(Text(), namespace_problem)
TEXTS = Items(Text())
