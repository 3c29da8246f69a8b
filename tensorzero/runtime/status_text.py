"""An HTTP status as the original writes one."""

from __future__ import annotations

from http import HTTPStatus

# Where Python has other words, or had them once.
_PHRASES = {
    203: "Non Authoritative Information",
    413: "Payload Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    418: "I'm a teapot",
    422: "Unprocessable Entity",
}


def status_text(status: int) -> str:
    """`404 Not Found`"""
    phrase = _PHRASES.get(status)
    if phrase is None:
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "<unknown status code>"
    return f"{status} {phrase}"
