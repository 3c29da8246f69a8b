"""Download a file that somebody else named: bounded in size, time and redirects, and never from a private place.

A caller of the gateway chooses the URL, so it must not lead to what only this machine can reach: loopback, link-local and
private networks, the metadata services of clouds. The rule is applied to every address at the moment of connecting, after
redirects too. `TENSORZERO_FETCH_ALLOW` names exceptions, separated by commas: host names, addresses, networks (`10.0.0.0/8`).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from tensorzero.faces.status_text import status_text

MAX_BYTES = 100 << 20
MAX_SECONDS = 30.0
MAX_REDIRECTS = 5
ALLOW = "TENSORZERO_FETCH_ALLOW"

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")  # outside of it Python calls addresses global that lead nowhere or inside
_SHOWN_BYTES = 64 << 10
"""How much of an error's body is repeated in our own error."""
_METADATA = frozenset((ipaddress.ip_address("168.63.129.16"),))  # Azure's is a public address

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchError(Exception):
    """Why there is no file. `hint` is a next step where there is one."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        from tensorzero.masking.chain import worded

        super().__init__(worded(message))
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Fetched:
    content: bytes
    content_type: str | None


class Exceptions:
    """What `TENSORZERO_FETCH_ALLOW` names."""

    def __init__(self, text: str) -> None:
        self._hosts: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in filter(None, (part.strip() for part in text.split(","))):
            try:
                self._networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                self._hosts.add(entry.lower())

    def names(self, host: str) -> bool:
        return host.lower() in self._hosts

    def holds(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def is_public(address: Address) -> bool:
    """Whether everybody on the internet means the same machine by this address."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _UNICAST:
            return False
    return address.is_global and not address.is_multicast and address not in _METADATA


def fetch(url: str, user_agent: str, seconds: float = MAX_SECONDS, max_bytes: int = MAX_BYTES) -> Fetched:
    """The file at `url`. Blocking. Raises `FetchError`, whose text is the original's where it has one."""
    exceptions = Exceptions(os.environ.get(ALLOW, ""))
    ends = time.monotonic() + seconds
    for _ in range(MAX_REDIRECTS + 1):
        attempt = _Download(url, exceptions, max_bytes)
        status = attempt.run(user_agent, max(0.001, ends - time.monotonic()))
        if status in _REDIRECTS and attempt.location is not None:
            url = urljoin(url, attempt.location)
            continue
        if not 200 <= status < 300:
            text = attempt.content[:_SHOWN_BYTES].decode("utf-8", "replace")
            raise FetchError(f"HTTP error {status_text(status)}: {text}")
        return Fetched(attempt.content, attempt.content_type)
    raise FetchError(f"Error fetching image: more than {MAX_REDIRECTS} redirects")


class _Download:
    """One request."""

    def __init__(self, url: str, exceptions: Exceptions, max_bytes: int) -> None:
        self._url = url
        self._exceptions = exceptions
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._refused: str | None = None
        self._sockets: list[socket.socket] = []
        self.location: str | None = None
        self.content_type: str | None = None

    @property
    def content(self) -> bytes:
        return b"".join(self._parts)

    def run(self, user_agent: str, seconds: float) -> int:
        """Returns the status."""
        try:
            parts = urlsplit(self._url)
            host = parts.hostname
        except ValueError as error:
            raise FetchError(f"Error fetching image: {error}") from None
        if parts.scheme not in ("http", "https") or not host:
            raise FetchError(f"Error fetching image: URL scheme `{parts.scheme}` is not allowed")
        named = self._exceptions.names(host)
        proxy = _proxy(parts.scheme, host)
        if proxy and not named:
            self._check_resolved(host)  # the proxy resolves the name again; this is as near as one can get from here
        return self._perform(user_agent, seconds, proxy, guarded=not named and not proxy)

    def _perform(self, user_agent: str, seconds: float, proxy: str, *, guarded: bool) -> int:
        import pycurl

        curl = pycurl.Curl()
        try:
            curl.setopt(pycurl.URL, self._url.encode("utf-8", "replace"))
            curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
            curl.setopt(pycurl.NOSIGNAL, 1)
            curl.setopt(pycurl.PROXY, proxy)
            curl.setopt(pycurl.NOPROXY, "")  # libcurl reads `no_proxy` in its own way, and must not go where nobody checks
            curl.setopt(pycurl.USERAGENT, user_agent)
            curl.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
            curl.setopt(pycurl.WRITEFUNCTION, self._on_data)
            curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
            if self._url[:5].lower() == "https":
                from tensorzero.faces.curl_transfer import certificates

                curl.setopt(pycurl.CAINFO, certificates())
            if guarded:
                curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
            curl.perform()
            return int(curl.getinfo(pycurl.RESPONSE_CODE))
        except pycurl.error as error:
            raise self._failure(str(error.args[-1])) from None
        finally:
            curl.close()
            for opened in self._sockets:
                opened.close()

    def _open_socket(self, _purpose: int, address: Any) -> Any:
        """libcurl is about to connect to `address`."""
        import pycurl

        if address.family in (socket.AF_INET, socket.AF_INET6) and self._is_allowed(address.addr[0]):
            opened = socket.socket(address.family, address.socktype, address.protocol)
            self._sockets.append(opened)  # pycurl works on a duplicate, and wants this one until the transfer is over
            return opened
        self._refused = str(address.addr[0]) if address.addr else "a local socket"
        return pycurl.SOCKET_BAD

    def _is_allowed(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        return is_public(address) or self._exceptions.holds(address)

    def _check_resolved(self, host: str) -> None:
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        except OSError as error:
            raise FetchError(f"Error fetching image: {host}: {error}") from None
        for text in sorted(found):
            if not self._is_allowed(text):
                self._refused = text
                raise self._failure("")

    def _on_data(self, data: bytes) -> int | None:
        self._size += len(data)
        if self._size > self._max_bytes:
            return 0  # libcurl stops
        self._parts.append(data)
        return None

    def _on_header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            self.location = self.content_type = None
        name, colon, value = line.partition(b":")
        if colon:
            text = value.decode("latin-1").strip()
            if name.lower() == b"location":
                self.location = text
            elif name.lower() == b"content-type":
                self.content_type = text

    def _failure(self, reason: str) -> FetchError:
        if self._refused is not None:
            return FetchError(
                f"Error fetching image: {self._refused} is not a public address",
                hint=f"Files are fetched from public addresses only. `{ALLOW}` lists exceptions: hosts, addresses, networks.",
            )
        if self._size > self._max_bytes:
            return FetchError(f"Error fetching image: the file is larger than {self._max_bytes} bytes")
        return FetchError(f"Error fetching image: {reason}")


def _proxy(scheme: str, host: str) -> str:
    """The proxy that the environment asks for; empty for none."""
    if urllib.request.proxy_bypass(host):
        return ""
    proxies = urllib.request.getproxies()
    return proxies.get(scheme) or proxies.get("all") or ""
