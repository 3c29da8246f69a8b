"""Attempts are values: an answer and an error carry what failed on the way to them, in its order."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from tensorzero.gateway.config.sections import Retries
from tensorzero.gateway.errors import (
    AllCandidatesFailed,
    AllProvidersFailed,
    AllRetriesFailed,
    GatewayError,
    ProviderError,
    TimedOut,
    attempts_of,
)
from tensorzero.gateway.models.routing import route
from tensorzero.gateway.models.time_limits import owned, timeout_deadline
from tensorzero.gateway.variants.retries import with_retries
from tensorzero.runtime.deadline import Deadline, DeadlineExceeded
from tensorzero.runtime.drive import drive


def said(text: str) -> ProviderError:
    return ProviderError("failed", provider_type="p", raw_response=text)


def data(attempts: Any) -> list[str]:
    return [attempt["data"] for attempt in attempts]


def answer(*failed: str) -> Any:
    return SimpleNamespace(failed=tuple({"data": text} for text in failed))


async def in_turn(outcomes: list[Any]) -> Any:
    outcome = outcomes.pop(0)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def routed(*outcomes: Any, own: Deadline | None = None) -> Any:
    left = list(outcomes)
    return drive(route([str(n) for n in range(len(outcomes))], lambda _: in_turn(left), own, str))


class Runtime:
    async def sleep(self, seconds: float, deadline: object = None) -> None:
        return None


def tried(*outcomes: Any, shows_earlier: bool = True) -> Any:
    left = list(outcomes)
    call: Any = SimpleNamespace(runtime=Runtime(), deadline=None)
    return drive(with_retries(lambda: in_turn(left), Retries(9), call, shows_earlier=shows_earlier))  # type: ignore[arg-type]


def limit() -> Deadline:
    return Deadline(time.monotonic(), lambda: TimedOut("too late"))


def test_a_provider_that_said_nothing_leaves_no_attempt() -> None:
    assert ProviderError("refused").attempts == ()
    assert said("x").attempts == ({"provider_type": "p", "api_type": "chat_completions", "data": "x"},)


def test_an_attempt_names_the_api_that_is_told_after_it_was_made() -> None:
    error = said("x")
    error.api_type = "responses"
    assert error.attempts[0]["api_type"] == "responses"


def test_an_answer_carries_the_failures_of_providers_before_it() -> None:
    assert data(routed(said("a"), ProviderError("silent"), said("b"), answer()).failed) == ["a", "b"]
    assert routed(answer("own")).failed == ({"data": "own"},)


def test_an_answer_carries_those_of_earlier_tries_before_its_own() -> None:
    assert data(tried(said("a"), said("b"), answer("c")).failed) == ["a", "b", "c"]
    assert data(tried(said("a"), said("b"), answer("c"), shows_earlier=False).failed) == ["c"]


@pytest.mark.parametrize(
    "error",
    [
        AllProvidersFailed([("p", said("a")), ("q", said("b"))]),
        AllRetriesFailed([said("a"), said("b")]),
        AllCandidatesFailed([(0, "v", AllProvidersFailed([("p", said("a"))])), (1, "w", said("b"))]),
    ],
)
def test_an_error_of_several_carries_all_of_theirs(error: GatewayError) -> None:
    assert data(error.attempts) == ["a", "b"]


def test_a_deadline_carries_what_was_tried_to_its_owner() -> None:
    own = limit()
    with pytest.raises(TimedOut) as caught:
        routed(said("a"), DeadlineExceeded(own), own=own)
    assert data(caught.value.attempts) == ["a"]
    other = limit()
    with pytest.raises(DeadlineExceeded) as passed:
        tried(said("a"), DeadlineExceeded(other).after(said("b").attempts))
    assert data(passed.value.attempts) == ["a", "b"]


def test_a_deadline_of_nobody_here_goes_on() -> None:
    passed = DeadlineExceeded(limit())
    assert owned(passed, limit(), None) is passed
    assert str(owned(passed, None, passed.deadline)) == "too late"
    assert timeout_deadline("Model m", "streaming.total_ms", None) is None


def test_what_came_before_stands_before() -> None:
    assert data(GatewayError("x").after(said("b").attempts).after(said("a").attempts).attempts) == ["a", "b"]
    assert data(said("b").after(said("a").attempts).attempts) == ["a", "b"]
    assert data(attempts_of([said("a"), GatewayError("x"), said("b")])) == ["a", "b"]
