"""What libcurl, the operating system and Python say when an exchange fails, as `HttpError`."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pycurl

from tensorzero.runtime.curl_handle import Handle
from tensorzero.runtime.destination import destination
from tensorzero.runtime.fault_hints import fault_hint
from tensorzero.runtime.header_lines import whole_head
from tensorzero.runtime.limits import ANSWER, too_large
from tensorzero.runtime.proxies import without_secrets
from tensorzero.runtime.runtime import HttpError

FAULTS = (pycurl.error, OSError, ValueError, MemoryError)
"""What may come up on the way besides libcurl's own codes: no descriptor left, no memory, a text that nothing can carry."""

TIMED_OUT = (pycurl.E_OPERATION_TIMEDOUT, "operation timed out")
_TOO_LARGE = 100  # CURLE_TOO_LARGE, which has no name in pycurl and comes without words
_PROXY = 97  # CURLE_PROXY, likewise
_OF_PROXIES = frozenset((pycurl.E_COULDNT_RESOLVE_PROXY, pycurl.E_UNSUPPORTED_PROTOCOL, _PROXY))
_OF_CERTIFICATES = frozenset((pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE))


def failure(handle: Handle, code: int, text: str) -> HttpError:
    """The end of a transfer that libcurl gives up with `code`, in its words."""
    url = handle.shown
    status = whole_head(handle.lines)
    if handle.size > handle.limit or code == pycurl.E_FILESIZE_EXCEEDED:
        return too_large("answer", handle.limit, ANSWER, url=url, status=status)
    if code == pycurl.E_SEND_FAIL_REWIND:
        text = "connection closed before message completed"
    short = f"error sending request for url ({url})"
    if code == pycurl.E_COULDNT_CONNECT:
        text = _no_socket() or text
    words = without_secrets(text) or ("a header is too large" if code == _TOO_LARGE else f"libcurl error {code}")
    timed_out = code == pycurl.E_OPERATION_TIMEDOUT
    return HttpError(
        short,
        (short, words),
        in_body=status is not None,
        timed_out=timed_out,
        status=status,
        hint=fault_hint(words, handle.place, of_proxy=code in _OF_PROXIES, of_certificates=code in _OF_CERTIFICATES),
    )


def _no_socket() -> str | None:
    """Why no socket can be opened, which libcurl calls a connection that failed like any other; None where one can."""
    try:
        socket.socket().close()
    except OSError as error:
        return error.strerror
    return None


def broken(error: BaseException, url: str, lines: Sequence[bytes] = ()) -> HttpError:
    """Any of `FAULTS` while `url` was asked."""
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
    elif isinstance(error, MemoryError):
        reason = "out of memory"
    else:
        reason = str(error.args[-1]) if error.args else type(error).__name__
    place = destination(url)
    short = f"error sending request for url ({place.shown})"
    words = without_secrets(reason)
    status = whole_head(lines)
    return HttpError(short, (short, words), in_body=status is not None, status=status, hint=fault_hint(words, place))
