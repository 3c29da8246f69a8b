"""Download a file that somebody else named: bounded in size, time and redirects, and never from a private place.

A caller of the gateway chooses the URL, so it must not lead to what only this machine can reach: loopback, link-local and
private networks, the metadata services of clouds. The rule is applied to every address at the moment of connecting, after
redirects too. `TENSORZERO_FETCH_ALLOW` names exceptions, separated by commas: host names, addresses, networks (`10.0.0.0/8`).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

from tensorzero.runtime.certificates import trusted
from tensorzero.runtime.destination import Destination, destination
from tensorzero.runtime.proxies import proxy_for, without_secrets
from tensorzero.runtime.redirects import REDIRECTS, target
from tensorzero.runtime.runtime import HttpError
from tensorzero.runtime.status_text import status_text

MAX_BYTES = 100 << 20
MAX_SECONDS = 30.0
MAX_REDIRECTS = 5
ALLOW = "TENSORZERO_FETCH_ALLOW"

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")  # outside of it Python calls addresses global that lead nowhere or inside
_LOOK_S, _NAP_S = 0.05, 0.002
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
    try:
        return _fetched(url, user_agent, time.monotonic() + seconds, max_bytes)
    except MemoryError:
        raise FetchError("Error fetching image: out of memory") from None


def _fetched(url: str, user_agent: str, ends: float, max_bytes: int) -> Fetched:
    exceptions = Exceptions(os.environ.get(ALLOW, ""))
    for _ in range(MAX_REDIRECTS + 1):
        attempt = _Download(url, exceptions, max_bytes)
        status = attempt.run(user_agent, max(0.001, ends - time.monotonic()))
        onward = target(url, attempt.location) if status in REDIRECTS else None
        if onward is not None:
            url = onward
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
            place = destination(self._url)
        except HttpError as error:
            raise FetchError(f"Error fetching image: {': '.join(error.chain)}") from None
        named = self._exceptions.names(place.host)
        proxy = proxy_for(place)
        if proxy and not named:
            self._check_resolved(place.host, seconds)  # the proxy resolves it again; this is as near as one gets from here
        return self._perform(place, user_agent, seconds, proxy or "", guarded=not named and not proxy)

    def _perform(self, place: Destination, user_agent: str, seconds: float, proxy: str, *, guarded: bool) -> int:
        import pycurl

        curl = pycurl.Curl()
        try:
            curl.setopt(pycurl.URL, place.url)
            curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
            curl.setopt(pycurl.NOSIGNAL, 1)
            curl.setopt(pycurl.PROXY, proxy)
            curl.setopt(pycurl.NOPROXY, "")  # libcurl reads `no_proxy` in its own way, and must not go where nobody checks
            curl.setopt(pycurl.USERAGENT, user_agent)
            curl.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
            curl.setopt(pycurl.WRITEFUNCTION, self._on_data)
            curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
            if place.scheme == "https":
                certificates = trusted()
                for option, value in ((pycurl.CAINFO, certificates.file), (pycurl.CAPATH, certificates.directory)):
                    if value is not None:
                        curl.setopt(option, value)
            if guarded:
                curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
            self._exchange(curl, seconds)
            return int(curl.getinfo(pycurl.RESPONSE_CODE))
        except HttpError as error:
            raise FetchError(f"Error fetching image: {error}", hint=error.hint) from None
        except (pycurl.error, OSError, ValueError, MemoryError) as error:
            raise self._failure(without_secrets(str(error.args[-1] if error.args else error))) from None
        finally:
            curl.close()
            for opened in self._sockets:
                opened.close()

    def _exchange(self, curl: Any, seconds: float) -> None:
        """Raises `pycurl.error`. A name that is looked up for too long is left behind: see `curl_disposal.py`."""
        import pycurl

        from tensorzero.runtime.curl_disposal import dispose

        ends = time.monotonic() + seconds
        multi = pycurl.CurlMulti()
        multi.add_handle(curl)
        late = False
        try:
            while multi.perform()[1] and not late:
                if multi.select(_LOOK_S) <= 0:
                    time.sleep(_NAP_S)
                late = time.monotonic() >= ends
            failed = multi.info_read()[2]
        finally:
            multi.remove_handle(curl)
            dispose(multi) if late and not self._sockets else multi.close()
        if late or failed:
            raise pycurl.error(*(failed[0][1:3] if failed else (pycurl.E_OPERATION_TIMEDOUT, "operation timed out")))

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

    def _check_resolved(self, host: str, seconds: float) -> None:
        for text in sorted(_addresses(host, seconds)):
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


def _addresses(host: str, seconds: float) -> set[str]:
    """What the name means. The system's resolver knows no time limit, so that it is left behind where it takes too long."""
    found: list[set[str] | OSError] = []

    def resolve() -> None:
        try:
            entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            found.append({str(entry[4][0]) for entry in entries})
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=resolve, name="tensorzero-resolver", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # no thread can be started
        raise FetchError(f"Error fetching image: {host}: {error}") from None
    thread.join(seconds)
    outcome = found[0] if found else OSError("the name could not be resolved in time")
    if isinstance(outcome, OSError):
        raise FetchError(f"Error fetching image: {host}: {outcome}")
    return outcome
