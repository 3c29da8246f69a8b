"""How a provider's HTTP answer becomes an error, in the original's words."""

from __future__ import annotations

from collections.abc import Mapping

from tensorzero.gateway.errors import FatalStreamError, ProviderError
from tensorzero.gateway.providers.own_words import own_words
from tensorzero.runtime.runtime import HttpError
from tensorzero.runtime.status_text import status_text

_CLIENT = frozenset((400, 401, 403, 429))
_TIMED_OUT = (
    "Request timed out due to `gateway.global_outbound_http_timeout_ms` (total deadline) or "
    "`gateway.global_outbound_http_intra_stream_read_timeout_ms` (per-byte read timeout). Consider increasing the relevant "
    "value in your configuration if you expect inferences to take longer to complete. "
)


def refused(status: int, body: str, headers: Mapping[str, str], provider_type: str, raw_request: str) -> ProviderError:
    """A status that is not 2xx, of a plain call."""
    suffix = _request_id(headers)
    if status in _CLIENT:
        message = f"Error {status_text(status)} from {provider_type} client: {body}{suffix}"
    else:
        message = f"Error from {provider_type} server: {body}{suffix}"
    return ProviderError(message, provider_type=provider_type, raw_request=raw_request, raw_response=body)


def stream_refused(
    status: int, body: str | None, headers: Mapping[str, str], provider_type: str, raw_request: str
) -> FatalStreamError:
    """A status that is not 2xx, of a streamed call; `body` None where it broke off."""
    said = "" if body is None else f": {body}"
    message = f"Invalid status code: {status_text(status)}{said}{_request_id(headers)}"
    return stream_closed(message, provider_type, raw_request, body)


def no_stream(body: str, headers: Mapping[str, str], provider_type: str, raw_request: str) -> FatalStreamError:
    """A good status, of an answer that is no stream."""
    kind = headers.get("content-type", "")
    message = f"Expected content-type 'text/event-stream', got \"{kind}\": {body}{_request_id(headers)}"
    return stream_closed(message, provider_type, raw_request, body, own_words(body))


def stream_closed(
    message: str, provider_type: str, raw_request: str, raw_response: str | None = None, hint: str | None = None
) -> FatalStreamError:
    return FatalStreamError(
        f"Inference stream closed due to error from {provider_type} server: {message}",
        provider_type=provider_type,
        raw_request=raw_request,
        raw_response=raw_response,
        hint=hint,
    )


def stream_broken(error: HttpError, provider_type: str, raw_request: str) -> FatalStreamError:
    """A stream that could not be opened, or broke off. The words after `caused by` are the HTTP library's own."""
    if error.in_body:
        message = f"SSE error; caused by: body error: error decoding response body; caused by: {error.chain[-1]}"
    else:
        message = "Reqwest error; caused by: " + "; caused by: ".join(error.chain)
        if error.timed_out:
            message = f"{_TIMED_OUT}({message})"
    return stream_closed(message, provider_type, raw_request, hint=_next_step(error))


def not_sent(error: HttpError, provider_type: str, raw_request: str) -> ProviderError:
    if error.in_body:
        good = error.status is None or 200 <= error.status < 300
        return ProviderError(
            f"Error from {provider_type} server: Error parsing {'text' if good else 'error'} response: "
            "error decoding response body",
            provider_type=provider_type,
            raw_request=raw_request,
            hint=_next_step(error),
        )
    if error.timed_out:
        message = f"Error from {provider_type} client: {_TIMED_OUT}({error})"
        return ProviderError(message, provider_type=provider_type, raw_request=raw_request)
    return ProviderError(
        f"Error from {provider_type} client: Error sending request: {error}",
        provider_type=provider_type,
        raw_request=raw_request,
        hint=_next_step(error),
    )


def _next_step(error: HttpError) -> str | None:
    """The innermost cause, and what may be done about it."""
    cause = error.chain[-1]
    if error.hint is not None:
        return f"{cause}. {error.hint}"
    if error.in_body:
        return cause
    return None if error.timed_out else f"{cause}. Is the endpoint up, and `api_base` right?"


def text_of(body: bytes, headers: Mapping[str, str]) -> str:
    """The answer's text, in the encoding that it names, without a byte order mark; what cannot be read is replaced."""
    kind = headers.get("content-type", "").lower()
    named = kind.partition("charset=")[2].partition(";")[0].strip(" \"'") if "charset" in kind else "utf-8"
    try:
        text = body.decode(named or "utf-8", "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


def _request_id(headers: Mapping[str, str]) -> str:
    found = headers.get("x-request-id")
    return f" [request_id: {found}]" if found else ""
