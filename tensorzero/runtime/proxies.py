"""Which proxy the environment asks for. libcurl reads the same variables itself; every other library is told.

What this machine serves itself is never asked through a proxy: see `Destination.here`.
"""

from __future__ import annotations

import ipaddress
import os
import re

from tensorzero.runtime.destination import Destination

_SECRET = re.compile(r"(?<=://)[^/@\s]*@")


def proxy_for(place: Destination) -> str | None:
    """The proxy's URL; None for none."""
    if place.here:
        return None
    named = variable_of(place.scheme)
    if named is None or _is_excepted(place.host):
        return None
    url = os.environ[named].strip()
    return url if "://" in url else f"http://{url}"


def variable_of(scheme: str) -> str | None:
    """The variable that names the proxy of http or https: the lower case first, `all_proxy` last."""
    names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    if scheme == "http" and "REQUEST_METHOD" in os.environ:
        names.remove("HTTP_PROXY")  # under CGI it is a header of the request
    return next((name for name in names if os.environ.get(name)), None)


def upper_case_proxy() -> str | None:
    """`HTTP_PROXY`, which libcurl does not read and the original does, where nothing goes before it."""
    return os.environ["HTTP_PROXY"] if variable_of("http") == "HTTP_PROXY" else None


def _is_excepted(host: str) -> bool:
    """Whether `no_proxy` names the host. What cannot be read there names nobody."""
    for entry in os.environ.get("no_proxy", os.environ.get("NO_PROXY", "")).split(","):
        name = entry.strip().strip("[]").lower()
        if name == "*":
            return True
        bare = name.removeprefix(".").removesuffix(".")
        if bare and (host.removesuffix(".") == bare or host.removesuffix(".").endswith(f".{bare}") or _holds(name, host)):
            return True
    return False


def _holds(network: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def without_secrets(text: str) -> str:
    """A library's words with users and passwords of URLs taken out."""
    return _SECRET.sub("", text.encode("utf-8", "replace").decode())


def proxy_hint(scheme: str) -> str | None:
    """What to look at where a proxy is at fault."""
    named = variable_of(scheme)
    return None if named is None else f"`{named}` names the proxy, `no_proxy` whom to ask without it."
