"""URLs of callers, in the one spelling that the WHATWG URL standard gives them, as the original sends and stores them.

http://User@Host:80/a/../b c   ->   http://User@host/b%20c
http://2130706433/             ->   http://127.0.0.1/
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21, "file": None}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)\Z", re.DOTALL)
_CONTROL = "".join(map(chr, range(33))) + "\x7f"
_FRAGMENT = frozenset(_CONTROL + '"<>`')
_QUERY = frozenset(_CONTROL + "\"#<>'")
_PATH = frozenset(_CONTROL + '"#<>?`{}')
_USER = frozenset(_CONTROL + '"#<>?`{}/:;=@[\\]^|')
_NOT_IN_HOSTS = frozenset(_CONTROL + '#/:<>?@[\\]^|%"')
_DOT = re.compile(r"%2e", re.IGNORECASE)
_MAX_PORT = 65535
_LONGEST = 40
"""Digits of a number in an authority: enough for any that means something."""


class _NotAUrlError(ValueError):
    """Raised inside this module only."""


def normal_url(text: str) -> str | None:
    """The absolute URL; None for what is none."""
    match = _SCHEME.match(re.sub(r"[\t\n\r]", "", text.strip(_CONTROL)))
    if match is None:
        return None
    scheme, rest = match[1].lower(), match[2]
    rest, hash_mark, fragment = rest.partition("#")
    rest, mark, query = rest.partition("?")
    try:
        start = _special(scheme, rest) if scheme in _PORTS else _other(scheme, rest)
    except ValueError:  # ours, or that of a text that is no UTF-8 or no name in punycode
        return None
    return start + mark + _encoded(query, _QUERY) + hash_mark + _encoded(fragment, _FRAGMENT)


def _other(scheme: str, rest: str) -> str:
    """Of a scheme that nobody here knows, only the path behind an authority is touched."""
    if not rest.startswith("//"):
        return f"{scheme}:{rest}"
    authority, slash, path = rest[2:].partition("/")
    return f"{scheme}://{authority}{slash}{_encoded(path, _PATH)}"


def _special(scheme: str, rest: str) -> str:
    rest = rest.replace("\\", "/")
    if scheme == "file":
        authority, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", "/", rest.lstrip("/"))
        host = "" if authority in ("", "localhost") else _host(authority)
        return f"file://{host}{_path(slash + path)}"
    authority, slash, path = rest.lstrip("/").partition("/")
    user, at, place = authority.rpartition("@")
    host, port = _host_and_port(place)
    shown = "" if port in ("", str(_PORTS[scheme])) else f":{port}"
    return f"{scheme}://{_user(user) if at else ''}{host}{shown}{_path(slash + path)}"


def _user(text: str) -> str:
    name, _, password = text.partition(":")
    password = _encoded(password, _USER)
    shown = _encoded(name, _USER) + (f":{password}" if password else "")
    return f"{shown}@" if shown else ""


def _host_and_port(place: str) -> tuple[str, str]:
    host, colon, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
    if not colon:
        host, port = place, ""
    if port:
        digits = port.lstrip("0") or "0"
        if not (port.isascii() and port.isdigit()) or len(digits) > _LONGEST or int(digits) > _MAX_PORT:
            raise _NotAUrlError
        port = digits
    return _host(host), port


def _host(text: str) -> str:
    if text.startswith("["):
        return f"[{_ipv6(text)}]"
    name = unquote(text, errors="strict")
    name = (name if name.isascii() else name.encode("idna").decode()).lower()
    if not name or not _NOT_IN_HOSTS.isdisjoint(name):
        raise _NotAUrlError
    if any(label.startswith("xn--") for label in name.split(".")):
        name.encode().decode("idna")
    labels = name.removesuffix(".").split(".")
    if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):
        return str(_ipv4(labels))
    return name


def _ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text[1:-1] if text.endswith("]") and "%" not in text else "")
    except ValueError:
        raise _NotAUrlError from None
    mapped = address.ipv4_mapped
    return str(address) if mapped is None else f"::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xFFFF:x}"


def _ipv4(labels: list[str]) -> ipaddress.IPv4Address:
    """Up to four numbers, decimal, octal or hexadecimal, of which the last fills what the others leave."""
    try:
        *first, last = [_number(label) for label in labels]
    except ValueError:
        raise _NotAUrlError from None
    if len(first) > 3 or any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        raise _NotAUrlError
    return ipaddress.IPv4Address(last + sum(number << 8 * (3 - place) for place, number in enumerate(first)))


def _number(label: str) -> int:
    if len(label) > _LONGEST:
        raise _NotAUrlError
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8) if len(label) > 1 and label.startswith("0") else int(label)


def _path(text: str) -> str:
    found: list[str] = []
    segments = text.removeprefix("/").split("/")
    for place, segment in enumerate(segments):
        plain = _DOT.sub(".", segment)
        if plain == "..":
            del found[-1:]
        if plain not in (".", ".."):
            found.append(_encoded(segment, _PATH))
        elif place == len(segments) - 1:
            found.append("")
    return "/" + "/".join(found)


def _encoded(text: str, unsafe: frozenset[str]) -> str:
    if text.isascii() and unsafe.isdisjoint(text):
        return text
    return "".join(
        character
        if character.isascii() and character not in unsafe
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
        for character in text
    )
