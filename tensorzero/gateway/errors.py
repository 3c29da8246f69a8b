"""What can go wrong in the gateway, and the HTTP status of each.

    GatewayError                     500 unless said otherwise
    ├── BadRequest                   400
    ├── NotFound                     404
    ├── ConfigError                  500  every mistake of a configuration, at once
    ├── DatabaseError                503
    ├── TimedOut                     408
    ├── ProviderError                500  one provider's failure (client = its 4xx, server = the rest)
    ├── RateLimited                  429  this gateway's own limits
    ├── AllProvidersFailed           500, or 429 after a rate limit
    ├── AllRetriesFailed             the last error's status
    ├── AllVariantsFailed            502, or 429 after a rate limit
    ├── AllCandidatesFailed          502
    └── NotYet                       501  loads, and is refused only when it is called

The message is the original's own wording wherever callers may compare it; the next step is in `hint`. Whatever a server, a
library or a file brings into one of them is masked when it is made, so none shows a key.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tensorzero.masking.chain import worded
from tensorzero.masking.literals import learn_written

logger = logging.getLogger("tensorzero")


Attempts = tuple[dict[str, Any], ...]


class GatewayError(Exception):
    """A failure with an HTTP status, a message (the body's `error`) and, where there is one, a next step."""

    status = 500
    retryable = True
    is_masked = True
    _attempts: Attempts = ()

    def __init__(self, message: str, *, status: int | None = None, hint: str | None = None) -> None:
        self.message = worded(message)
        super().__init__(self.message)
        self.hint = worded(hint)
        if status is not None:
            self.status = status

    @property
    def attempts(self) -> Attempts:
        """What the attempts that led to it answered: `{"provider_type", "api_type", "data"}` each, as in `raw_response`."""
        return self._attempts

    def after(self, attempts: Sequence[dict[str, Any]]) -> GatewayError:
        """The same error, with attempts that came before its own."""
        self._attempts = (*attempts, *self._attempts)
        return self


class BadRequest(GatewayError):
    status = 400


class NoSuchEvaluation(GatewayError):
    """The client raises ValueError for it, as the original's does."""

    status = 404


class EvaluationFailed(GatewayError):
    """An evaluation that cannot begin; the client raises RuntimeError for it, as the original's does."""

    status = 400

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"Evaluation failed: {message}", hint=hint)


class NotFound(GatewayError):
    status = 404


@dataclass(frozen=True, slots=True)
class ConfigMistake:
    """One mistake: the original's words, where it stands, the nearest right name, a next step."""

    message: str
    file: str | None = None
    key_path: str | None = None
    nearest: str | None = None
    line: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        line = f":{self.line}" if self.line else ""
        where = f" ({self.file}{line})" if self.file else ""
        near = f"; did you mean `{self.nearest}`?" if self.nearest else ""
        return f"{self.message}{near}{where}"


class ConfigError(GatewayError):
    """Every mistake of one configuration. The message starts with the first one's own words.

    `files` are the files that it names, read or not: what a watcher looks at until the mistakes are gone.
    """

    def __init__(self, mistakes: Sequence[ConfigMistake], files: Sequence[str] = ()) -> None:
        for mistake in mistakes:
            learn_written(mistake.message)
        self.mistakes = tuple(
            replace(mistake, message=worded(mistake.message), key_path=worded(mistake.key_path)) for mistake in mistakes
        )
        self.files = tuple(files)
        super().__init__("\n".join(str(m) for m in self.mistakes), hint=next((m.hint for m in mistakes if m.hint), None))


class DatabaseError(GatewayError):
    status = 503


class TimedOut(GatewayError):
    status = 408


class NotYet(GatewayError):
    """Something that the configuration may say and this version does not do."""

    status = 501


class ProviderError(GatewayError):
    """One provider's failure, with what went over the wire for `raw_response`."""

    def __init__(
        self,
        message: str,
        *,
        provider_type: str = "",
        api_type: str = "chat_completions",
        raw_request: str | None = None,
        raw_response: str | None = None,
        status: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, status=status, hint=hint)
        self.provider_type = provider_type
        self.api_type = api_type
        self.raw_request = raw_request
        self.raw_response = worded(raw_response)

    @property
    def attempts(self) -> Attempts:
        if self.raw_response is None:
            return self._attempts
        return (*self._attempts, {"provider_type": self.provider_type, "api_type": self.api_type, "data": self.raw_response})


class FatalStreamError(ProviderError):
    """Ends a stream; other errors inside a stream are reported and the stream goes on."""


def unforeseen(error: Exception, provider_type: str) -> FatalStreamError:
    """What nobody thought of, as the failure of a provider: the next one is tried, and callers see a documented type."""
    logger.error("A provider of type %s failed in a way that nobody foresaw", provider_type, exc_info=error)
    reason = f"{type(error).__name__}: {error}"
    return FatalStreamError(f"Error from {provider_type} client: {reason}", provider_type=provider_type)


class RateLimited(GatewayError):
    """A rule of `[rate_limiting]` allows no more at the moment. Keeps its status through every wrapper."""

    status = 429
    retryable = False


class AllProvidersFailed(GatewayError):
    """`All model providers failed to infer with errors: p: …, q: …`"""

    def __init__(self, errors: Sequence[tuple[str, GatewayError]]) -> None:
        self.errors = tuple(errors)
        listed = ", ".join(f"{name}: {error.message}" for name, error in self.errors)
        super().__init__(
            f"All model providers failed to infer with errors: {listed}", hint=_first_hint(e for _, e in self.errors)
        )
        self._attempts = attempts_of(error for _, error in self.errors)
        self.retryable = any(error.retryable for _, error in self.errors)
        if _is_limited(error for _, error in self.errors):
            self.status, self.retryable = RateLimited.status, False


class AllRetriesFailed(GatewayError):
    retryable = False

    def __init__(self, errors: Sequence[GatewayError]) -> None:
        self.errors = tuple(errors)
        listed = ", ".join(error.message for error in self.errors)
        super().__init__(
            f"All retries failed with errors: {listed}", status=self.errors[-1].status, hint=_first_hint(self.errors)
        )
        self._attempts = attempts_of(self.errors)


class AllVariantsFailed(GatewayError):
    status = 502

    def __init__(self, errors: Sequence[tuple[str, GatewayError]]) -> None:
        self.errors = tuple(errors)
        listed = "\n".join(f"{name}: {error.message}" for name, error in self.errors)
        super().__init__(f"All variants failed with errors: {listed}", hint=_first_hint(e for _, e in self.errors))
        if _is_limited(error for _, error in self.errors):
            self.status = RateLimited.status


class AllCandidatesFailed(GatewayError):
    """`errors`: position, name and failure of each candidate."""

    status = 502

    def __init__(self, errors: Sequence[tuple[int, str, GatewayError]]) -> None:
        listed = "\n".join(f"candidates[{index}] ({name}): {error.message}" for index, name, error in errors)
        super().__init__(f"All candidates failed with errors: {listed}", hint=_first_hint(e for _, _, e in errors))
        self._attempts = attempts_of(error for _, _, error in errors)
        if _is_limited(error for _, _, error in errors):
            self.status = RateLimited.status


def attempts_of(errors: Iterable[GatewayError]) -> Attempts:
    """What all of them answered, in their order."""
    return tuple(attempt for error in errors for attempt in error.attempts)


def _is_limited(errors: Iterable[GatewayError]) -> bool:
    """Upstream statuses never leave as they are, so this one is a limit of ours."""
    return any(error.status == RateLimited.status for error in errors)


def _first_hint(errors: object) -> str | None:
    return next((e.hint for e in errors if e.hint), None)  # type: ignore[attr-defined]
