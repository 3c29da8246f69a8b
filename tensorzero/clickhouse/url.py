"""`clickhouse_url`: a ClickHouse server over HTTP, or the chdb engine in this process.

http[s]://[user[:password]@]host[:port]/[database]     without them database `default`, port 80 or 443 (observed 2026.6.0)
chdb:///absolute/dir  chdb://./relative/dir  chdb://memory      database `tensorzero`, or `?database=`
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tensorzero.clickhouse.errors import InvalidDatabaseUrl
from tensorzero.clickhouse.home import expanded
from tensorzero.masking.known import learn_login, learn_url
from tensorzero.masking.reprs import discreet
from tensorzero.settled import settled

# The gateway sets these itself; a user's own value is dropped with a warning (observed 2026.6.0).
OWN_SETTINGS = (
    "input_format_skip_unknown_fields",
    "input_format_null_as_default",
    "output_format_json_quote_64bit_integers",
)

_IGNORED = re.compile(r"[\t\r\n]")
_SPACES = "".join(map(chr, range(0x21)))
_WEB = re.compile(r"(https?):[/\\]*", re.IGNORECASE)
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@discreet("user", "password", "settings")
@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A ClickHouse server. `settings` come from the URL's query string; the password stays out of the repr."""

    host: str
    port: int
    secure: bool
    database: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def scheme(self) -> str:
        return "https" if self.secure else "http"

    @property
    def on_loopback(self) -> bool:
        host = self.host.removesuffix(".")
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback or address.is_unspecified

    @property
    def url_host(self) -> str:
        """The host as it stands in a URL: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def label(self) -> str:
        """The address as it may be shown: no user, no password."""
        return f"{self.scheme}://{self.url_host}:{self.port}/{self.database}"

    @property
    def key(self) -> str:
        """A file name for this server and database, the same for every user and password."""
        plain = "".join(c if c.isalnum() or c in "-." else "_" for c in f"{self.host}_{self.port}_{self.database}")[:80]
        return f"{plain}-{hashlib.sha256(f'{self.host.lower()}:{self.port}/{self.database}'.encode()).hexdigest()[:12]}"


@discreet()
@dataclass(frozen=True, slots=True)
class EngineAddress:
    """The chdb engine in this process: on `directory` (absolute, links resolved), or in memory where that is None."""

    directory: Path | None
    database: str

    @property
    def label(self) -> str:
        return f"chdb://{self.directory or 'memory'}?database={self.database}"

    @property
    def key(self) -> str:
        return hashlib.sha256(str(self.directory).encode()).hexdigest()[:16] if self.directory else "memory"


Address = ServerAddress | EngineAddress


def parse_url(url: str) -> Address:
    """Read a `clickhouse_url`. Raises InvalidDatabaseUrl in the original's words; nothing shows a password."""
    learn_url(url)
    scheme = url.partition("://")[0].lower()
    if scheme == "chdb":
        return _parse_engine(url)
    return _parse_server(usual_spelling(url))


def settled_url(url: str) -> str:
    """The URL of a setting, for good: a relative chdb directory means what it meant when this process first asked."""
    place, mark, query = url[len("chdb://") :].partition("?")
    if url[: len("chdb://")].lower() != "chdb://" or not place.startswith(("./", "../", "~/")):
        return url
    return f"chdb://{quote(settled(unquote(place)))}{mark}{query}"


def _parse_engine(url: str) -> EngineAddress:
    place, _, query = url[len("chdb://") :].partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    database = options.pop("database", "tensorzero")
    if options:
        raise InvalidDatabaseUrl(
            f"Unknown option in chdb URL: {', '.join(sorted(options))}", hint="Only `?database=` is known."
        )
    if not database:
        raise InvalidDatabaseUrl("The database name in the chdb URL is empty")
    place = unquote(place)
    if place in ("memory", ":memory:"):
        return EngineAddress(None, database)
    if "?" in place:
        raise InvalidDatabaseUrl(
            f"Invalid chdb URL: '{url}'", hint="chdb reads a `?` in a directory's name as the end of it: use another directory."
        )
    if not place.startswith(("/", "./", "../", "~/")) or place == "/":
        raise InvalidDatabaseUrl(
            f"Invalid chdb URL: '{url}'",
            hint="Use chdb:///absolute/directory, chdb://./relative/directory or chdb://memory.",
        )
    return EngineAddress(expanded(place).resolve(), database)


def usual_spelling(url: str) -> str:
    """An http URL as browsers and the original read it: `http:\\\\host/a/../b` is `http://host/b` (observed 2026.6.0)."""
    url = _IGNORED.sub("", url).strip(_SPACES)
    web = _WEB.match(url)
    if not web:
        return url
    place, mark, rest = _divided(url[web.end() :])
    host, slash, path = place.replace("\\", "/").partition("/")
    kept: list[str] = []
    steps = path.split("/")
    for number, step in enumerate(steps):
        plain = step.lower().replace("%2e", ".")
        if plain == "..":
            kept = kept[:-1]
        elif plain != ".":
            kept.append(step)
        if plain in (".", "..") and number == len(steps) - 1:
            kept.append("")
    return f"{web[1].lower()}://{host}{slash}{'/'.join(kept)}{mark}{rest}"


def _divided(text: str) -> tuple[str, str, str]:
    """What comes before the query or the fragment, its mark, and the rest."""
    places = [place for sign in "?#" if (place := text.find(sign)) >= 0]
    if not places:
        return text, "", ""
    first = min(places)
    return text[:first], text[first], text[first + 1 :]


def _usual_host(host: str) -> str:
    """Short and hexadecimal forms of an IPv4 address in its usual one."""
    if not _NUMERIC.fullmatch(host):
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host


def _parse_server(url: str) -> ServerAddress:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidDatabaseUrl("Invalid ClickHouse database URL") from None
    if parts.scheme in ("clickhouse", "clickhousedb"):
        raise InvalidDatabaseUrl(f"Invalid scheme in ClickHouse URL: '{parts.scheme}'. Use 'http' or 'https' instead.")
    if parts.scheme not in ("", "http", "https"):
        raise InvalidDatabaseUrl(
            f"Invalid scheme in ClickHouse URL: '{parts.scheme}'. Only 'http' and 'https' are supported.",
            hint="Use http(s)://user:password@host:8123/database or chdb:///directory.",
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidDatabaseUrl(
            "Invalid ClickHouse database URL", hint="Use http(s)://user:password@host:8123/database or chdb:///directory."
        )
    settings = parse_qsl(parts.query, keep_blank_values=True)
    if any(name == "database" for name, _ in settings):
        raise InvalidDatabaseUrl("The query string 'database' is not allowed in the ClickHouse URL")
    path = parts.path.removeprefix("/").split("/")
    if len(path) > 1 and path[-1] == "":
        path.pop()
    if len(path) > 1:
        raise InvalidDatabaseUrl(
            "The path of the ClickHouse URL must be of length 0 or 1, and end with the database name if set",
            hint="Use http(s)://user:password@host:8123/database.",
        )
    secure = parts.scheme == "https"
    named = dict(settings)  # ClickHouse takes `?user=` and `?password=` too
    user = unquote(parts.username) if parts.username else named.get("user")
    password = unquote(parts.password) if parts.password is not None else named.get("password")
    learn_login(user, password)
    for what, given in (("username", user), ("password", password)):
        if given is not None and _CONTROL.search(given):
            raise InvalidDatabaseUrl(
                f"Failed to build ClickHouse HTTP client because {what} contains invalid bytes: failed to parse header value"
            )
    return ServerAddress(
        host=_usual_host(parts.hostname),
        port=port or (443 if secure else 80),
        secure=secure,
        database=unquote(path[0]) or "default",
        user=user,
        password=password,
        settings=tuple((name, value) for name, value in settings if name not in (*OWN_SETTINGS, "user", "password")),
    )
