"""What an error says, its status, and which of these pass through the errors that gather others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tensorzero.gateway.errors import (
    AllCandidatesFailed,
    AllProvidersFailed,
    AllRetriesFailed,
    AllVariantsFailed,
    BadRequest,
    ConfigError,
    ConfigMistake,
    DatabaseError,
    FatalStreamError,
    GatewayError,
    NotFound,
    NotYet,
    ProviderError,
    RateLimited,
    TimedOut,
)

Gathering = Callable[[Sequence[GatewayError]], Any]


def named(errors: Sequence[GatewayError]) -> list[tuple[str, GatewayError]]:
    return [(f"n{number}", error) for number, error in enumerate(errors)]


GATHERINGS: dict[str, Gathering] = {
    "providers": lambda errors: AllProvidersFailed(named(errors)),
    "retries": AllRetriesFailed,
    "variants": lambda errors: AllVariantsFailed(named(errors)),
    "candidates": lambda errors: AllCandidatesFailed([(number, name, e) for number, (name, e) in enumerate(named(errors))]),
}
gatherings = pytest.mark.parametrize("gathered", GATHERINGS.values(), ids=GATHERINGS)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (GatewayError, 500),
        (BadRequest, 400),
        (NotFound, 404),
        (DatabaseError, 503),
        (TimedOut, 408),
        (NotYet, 501),
        (ProviderError, 500),
        (FatalStreamError, 500),
        (RateLimited, 429),
    ],
)
def test_each_kind_has_its_status_and_all_but_limits_of_ours_may_be_tried_again(kind: type[GatewayError], status: int) -> None:
    error = kind("it broke")
    assert (error.message, str(error), error.hint, error.status) == ("it broke", "it broke", None, status)
    assert error.retryable is (kind is not RateLimited)
    said = kind("it broke", status=418, hint="mend it")
    assert (said.status, said.hint) == (418, "mend it")


def test_a_providers_failure_carries_what_went_over_the_wire() -> None:
    bare = ProviderError("no")
    assert (bare.provider_type, bare.api_type, bare.raw_request, bare.raw_response) == ("", "chat_completions", None, None)
    whole = ProviderError("no", provider_type="openai", api_type="responses", raw_request="asked", raw_response="said")
    assert (whole.provider_type, whole.api_type, whole.raw_request, whole.raw_response) == (
        "openai",
        "responses",
        "asked",
        "said",
    )


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        (ConfigMistake("m"), "m"),
        (ConfigMistake("m", key_path="a.b"), "m"),
        (ConfigMistake("m", file="t.toml"), "m (t.toml)"),
        (ConfigMistake("m", file="t.toml", line=7), "m (t.toml:7)"),
        (ConfigMistake("m", line=7), "m"),
        (ConfigMistake("m", "t.toml", "a.b", "nearby", 7), "m; did you mean `nearby`? (t.toml:7)"),
    ],
)
def test_a_mistake_names_its_place_and_the_nearest_name(mistake: ConfigMistake, text: str) -> None:
    assert str(mistake) == text


def test_a_configurations_mistakes_stand_on_lines_of_their_own() -> None:
    assert (ConfigMistake("m").file, ConfigMistake("m").key_path, ConfigMistake("m").nearest) == (None, None, None)
    mistakes = [ConfigMistake("one", file="t.toml", line=1), ConfigMistake("two")]
    error = ConfigError(mistakes, files=["t.toml", "missing.j"])
    assert error.message == "one (t.toml:1)\ntwo"
    assert (error.mistakes, error.files, error.status) == (tuple(mistakes), ("t.toml", "missing.j"), 500)
    assert ConfigError(mistakes).files == ()


@pytest.mark.parametrize(
    ("gathered", "status", "text"),
    [
        (GATHERINGS["providers"], 500, "All model providers failed to infer with errors: n0: one, n1: two"),
        (GATHERINGS["retries"], 408, "All retries failed with errors: one, two"),
        (GATHERINGS["variants"], 502, "All variants failed with errors: n0: one\nn1: two"),
        (GATHERINGS["candidates"], 502, "All candidates failed with errors: candidates[0] (n0): one\ncandidates[1] (n1): two"),
    ],
    ids=GATHERINGS,
)
def test_every_failure_is_listed_in_order(gathered: Gathering, status: int, text: str) -> None:
    error = gathered([ProviderError("one"), TimedOut("two")])
    assert (error.status, error.message) == (status, text)


@gatherings
def test_the_first_hint_is_the_gatherings_own(gathered: Gathering) -> None:
    assert gathered([ProviderError("one"), TimedOut("two")]).hint is None
    assert gathered([ProviderError("one"), TimedOut("two", hint="wait"), TimedOut("three", hint="more")]).hint == "wait"


@gatherings
@pytest.mark.parametrize("place", [0, 1])
def test_a_limit_of_ours_among_the_failures_is_the_gatherings_status(gathered: Gathering, place: int) -> None:
    errors: list[GatewayError] = [ProviderError("one")]
    errors.insert(place, RateLimited("too many"))
    expected = 500 if gathered is AllRetriesFailed and place == 0 else 429  # retries have the last one's
    assert gathered(errors).status == expected
    assert gathered([gathered([RateLimited("too many")])]).status == 429


def test_providers_may_be_tried_again_unless_none_may_or_a_limit_of_ours_is_among_them() -> None:
    final = ProviderError("never")
    final.retryable = False
    assert AllProvidersFailed([("a", final), ("b", ProviderError("again"))]).retryable is True
    assert AllProvidersFailed([("a", final), ("b", final)]).retryable is False
    assert AllProvidersFailed([("a", RateLimited("too many")), ("b", ProviderError("again"))]).retryable is False


def test_used_up_retries_are_not_tried_again() -> None:
    assert AllRetriesFailed([ProviderError("one")]).retryable is False
