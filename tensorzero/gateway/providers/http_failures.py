"""How a provider's HTTP answer becomes an error, in the original's words."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from tensorzero.faces.face import HttpError
from tensorzero.gateway.errors import FatalStreamError, ProviderError

_CLIENT = frozenset((400, 401, 403, 429))


def refused(status: int, body: str, headers: Mapping[str, str], provider_type: str, raw_request: str) -> ProviderError:
    """A status that is not 2xx, of a plain call."""
    suffix = _request_id(headers)
    if status in _CLIENT:
        message = f"Error {status_text(status)} from {provider_type} client: {body}{suffix}"
    else:
        message = f"Error from {provider_type} server: {body}{suffix}"
    return ProviderError(message, provider_type=provider_type, raw_request=raw_request, raw_response=body)


def stream_refused(status: int, body: str, provider_type: str, raw_request: str) -> FatalStreamError:
    """A status that is not 2xx, of a streamed call."""
    message = f"Invalid status code: {status_text(status)}: {body}"
    return stream_closed(message, provider_type, raw_request, body)


def stream_closed(message: str, provider_type: str, raw_request: str, raw_response: str | None = None) -> FatalStreamError:
    return FatalStreamError(
        f"Inference stream closed due to error from {provider_type} server: {message}",
        provider_type=provider_type,
        raw_request=raw_request,
        raw_response=raw_response,
    )


def stream_broken(error: HttpError, provider_type: str, raw_request: str) -> FatalStreamError:
    """A stream that could not be opened, or broke off. The words after `caused by` are the HTTP library's own."""
    if error.in_body:
        message = f"SSE error; caused by: body error: error decoding response body; caused by: {error.chain[-1]}"
    else:
        message = "Reqwest error; caused by: " + "; caused by: ".join(error.chain)
    return stream_closed(message, provider_type, raw_request)


def not_sent(error: HttpError, provider_type: str, raw_request: str) -> ProviderError:
    if error.in_body:
        return ProviderError(
            f"Error from {provider_type} server: Error parsing text response: error decoding response body",
            provider_type=provider_type,
            raw_request=raw_request,
            hint=error.chain[-1],
        )
    return ProviderError(
        f"Error from {provider_type} client: Error sending request: {error}",
        provider_type=provider_type,
        raw_request=raw_request,
        hint=f"{error.chain[-1]}. Is the endpoint up, and `api_base` right?",
    )


def status_text(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} <unknown status code>"


def _request_id(headers: Mapping[str, str]) -> str:
    found = headers.get("x-request-id")
    return f" [request_id: {found}]" if found else ""
