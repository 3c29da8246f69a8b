"""Which variant answers: the same as the original's choice, for every episode."""

from __future__ import annotations

import hashlib
from uuid import UUID

import pytest

from tensorzero.gateway.config.experimentation_section import from_weights
from tensorzero.gateway.config.sections import ExperimentationConfig
from tensorzero.gateway.experimentation.sampling import NoFallbackLeft, choose_variant, draw

EPISODES = [f"0198{number:04x}-0000-7{number * 37 % 4096:03x}-8000-{number * 7919:012x}" for number in range(1, 41)]

# Recorded from the original (2026.6.0): functions with variants a, b, c, given these episode ids in turn.
UNIFORM = "abcbccbbcababaaabbaacabaaaababcacaaccccb"
WEIGHTED = "bbbbcbbbbbbcbcbbbbbcbbacbccbbbbbcbbbcbaa"
WEIGHTS = {"a": 0.2, "b": 3.0, "c": 1.3}


def uniform() -> ExperimentationConfig:
    return ExperimentationConfig()


def static(weights: dict[str, float], *fallbacks: str) -> ExperimentationConfig:
    return ExperimentationConfig("static", weights, fallbacks)


def chosen(config: ExperimentationConfig, function: str, episode: str, *names: str, namespace: str | None = None) -> str:
    return choose_variant(config, function, episode, dict.fromkeys(names), namespace)


def test_the_draw_is_the_first_four_bytes_of_sha256_over_name_and_raw_id() -> None:
    episode = EPISODES[0]
    digest = hashlib.sha256(b"pick" + UUID(episode).bytes).digest()
    assert draw("pick", episode) == int.from_bytes(digest[:4], "big") / 2**32
    assert draw("pick", episode) != draw("pick2", episode)
    assert all(0 <= draw("pick", one) < 1 for one in EPISODES)


def test_uniform_choices_are_those_that_the_original_made() -> None:
    assert "".join(chosen(uniform(), "pick", one, "c", "a", "b") for one in EPISODES) == UNIFORM


def test_a_variant_that_is_alone_needs_no_draw() -> None:
    assert chosen(uniform(), "pick", "no id at all", "only") == "only"
    assert chosen(static({"only": 0.1, "gone": 5.0}), "pick", "no id at all", "only") == "only"


def test_weighted_choices_are_those_that_the_original_made() -> None:
    assert "".join(chosen(static(WEIGHTS), "weigh", one, "a", "b", "c") for one in EPISODES) == WEIGHTED


@pytest.mark.parametrize("episode", EPISODES[:8])
def test_after_a_failure_the_same_draw_picks_among_the_rest(episode: str) -> None:
    u = draw("pick", episode)
    first = chosen(uniform(), "pick", episode, "a", "b", "c")
    rest = sorted({"a", "b", "c"} - {first})
    assert chosen(uniform(), "pick", episode, *rest) == rest[int(u * 2)]


def test_names_are_sorted_by_bytes() -> None:
    names = ["Zulu", "alpha", "Ärger", "ünder"]
    order = sorted(names, key=lambda name: name.encode())
    for episode in EPISODES:
        assert chosen(uniform(), "f", episode, *names) == order[int(draw("f", episode) * 4)]


def test_weights_need_not_sum_to_one_and_zero_is_never_drawn() -> None:
    found = {chosen(static({"a": 0.0, "b": 40, "c": 60}), "f", one, "a", "b", "c") for one in EPISODES}
    assert found == {"b", "c"}


def test_fallbacks_come_in_their_order_once_the_weighted_are_gone() -> None:
    config = static({"a": 1.0}, "c", "b")
    assert chosen(config, "f", EPISODES[0], "a", "b", "c") == "a"
    assert chosen(config, "f", EPISODES[0], "b", "c") == "c"
    assert chosen(config, "f", EPISODES[0], "b") == "b"
    with pytest.raises(NoFallbackLeft, match=r"^No fallback variants remaining.$") as caught:
        chosen(config, "f", EPISODES[0], "d")
    assert caught.value.status == 502


def test_candidates_of_weight_zero_come_after_the_fallbacks() -> None:
    config = static({"a": 1.0, "b": 0.0, "d": 0.0}, "c")
    for episode in EPISODES[:8]:
        assert chosen(config, "f", episode, "a", "b", "c", "d") == "a"
        assert chosen(config, "f", episode, "b", "c", "d") == "c"
        assert chosen(config, "f", episode, "b", "d") == chosen(uniform(), "f", episode, "b", "d")


def test_weights_of_variants_that_are_all_zero_are_none() -> None:
    assert from_weights({"a": 0.0, "b": 0.0}) == uniform()
    assert from_weights({"a": None, "b": None}) == uniform()
    assert from_weights({"a": 0.0, "b": None}) == static({}, "b")
    assert from_weights({"a": 1.0, "b": 0.0}) == static({"a": 1.0})


def test_a_namespace_has_its_own_choice_and_an_unknown_one_the_common() -> None:
    config = ExperimentationConfig("static", {"a": 1.0}, namespaces={"mine": static({"b": 1.0})})
    assert chosen(config, "f", EPISODES[0], "a", "b", namespace="mine") == "b"
    assert chosen(config, "f", EPISODES[0], "a", "b", namespace="other") == "a"
