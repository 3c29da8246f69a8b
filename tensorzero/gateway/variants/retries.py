"""Trying again, as a variant's `retries` says."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import Retries
from tensorzero.gateway.errors import AllRetriesFailed, GatewayError, attempts_of
from tensorzero.gateway.models.routing import Answered
from tensorzero.runtime.deadline import DeadlineExceeded

T = TypeVar("T", bound=Answered)


def with_retries(
    attempt: Callable[[], Awaitable[T]], retries: Retries, call: InferenceCall, *, shows_earlier: bool = True
) -> Awaitable[T]:
    """The first answer; `shows_earlier`: with what earlier tries answered before it.

    Raises the only error as it is, several as `AllRetriesFailed`.

    The first pause is 1 to 2 s whatever `max_delay_s` says; later ones double, are capped, and get a jitter of up to
    themselves (observed 2026.6.0).
    """
    return attempt() if retries.num_retries == 0 else _retried(attempt, retries, call, shows_earlier)


async def _retried(attempt: Callable[[], Awaitable[T]], retries: Retries, call: InferenceCall, shows_earlier: bool) -> T:
    errors: list[GatewayError] = []
    delay = 1.0
    try:
        while True:
            try:
                answer = await attempt()
            except GatewayError as error:
                errors.append(error)
                if len(errors) > retries.num_retries or not error.retryable:
                    raise (AllRetriesFailed(errors) if len(errors) > 1 else error) from error
            else:
                if errors and shows_earlier:
                    answer.failed = (*attempts_of(errors), *answer.failed)
                return answer
            await call.runtime.sleep(delay * (1 + random.random()), call.deadline)  # noqa: S311 - a jitter
            delay = min(delay * 2, retries.max_delay_s)
    except DeadlineExceeded as passed:
        raise passed.after(attempts_of(errors)) from None
