"""Whom to trust: `SSL_CERT_FILE`, else `SSL_CERT_DIR`, else certifi's bundle (pycurl's wheels bring none)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tensorzero.runtime.runtime import HttpError
from tensorzero.settled import settled


class Trusted(NamedTuple):
    """A bundle, directories as OpenSSL separates them, or both."""

    file: str | None
    directory: str | None


def trusted() -> Trusted:
    """Relative paths mean what they meant when they were first needed. Raises `HttpError` for what cannot be read."""
    file, directories = os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None
    if file is not None:
        file = settled(file)
        _check(lambda at=file: Path(at).open("rb").close(), "SSL_CERT_FILE")
    if directories is not None:
        directories = os.pathsep.join(map(settled, directories.split(os.pathsep)))
        for directory in directories.split(os.pathsep):
            _check(lambda at=directory: os.scandir(at).close(), "SSL_CERT_DIR")
    if file is None and directories is None:
        import certifi

        file = certifi.where()
    return Trusted(file, directories)


def certificate_hint() -> str:
    """What to look at where a certificate is at fault."""
    variable = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), None)
    if variable is None:
        return "Behind a company's proxy, let `SSL_CERT_FILE` name its certificates."
    return f"`{variable}` names the certificates to trust."


def _check(opened: Callable[[], object], variable: str) -> None:
    try:
        opened()
    except (OSError, ValueError) as error:
        reason = f"the certificates of `{variable}` cannot be read: {getattr(error, 'strerror', None) or error}"
        raise HttpError(reason, hint=f"Let `{variable}` name PEM certificates, or unset it.") from None
