"""The providers of a model in their order, until one answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from tensorzero.gateway.errors import AllProvidersFailed, GatewayError, attempts_of, unforeseen
from tensorzero.gateway.models.time_limits import owned
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded


class Answered(Protocol):
    """`failed`: what the attempts before it answered."""

    failed: Sequence[dict[str, Any]]


T = TypeVar("T", bound=Answered)


async def route(
    names: Sequence[str], attempt: Callable[[str], Awaitable[T]], own: Deadline | None, type_of: Callable[[str], str]
) -> T:
    """The first answer, with what failed before it.

    Raises `AllProvidersFailed`, the error of `own` where that deadline passes, and lets other deadlines pass. Whatever else a
    provider raises is its failure, under the name that `type_of` gives it.
    """
    errors: list[tuple[str, GatewayError]] = []
    for name in names:
        try:
            answer = await attempt(name)
        except DeadlineExceeded as passed:
            raise owned(passed.after(attempts_of(error for _, error in errors)), own) from None
        except Exception as error:  # noqa: BLE001 - whatever a provider's side raises, the next one is tried
            errors.append((name, error if isinstance(error, GatewayError) else unforeseen(error, type_of(name))))
        else:
            if errors:
                answer.failed = attempts_of(error for _, error in errors)
            return answer
    raise AllProvidersFailed(errors)
