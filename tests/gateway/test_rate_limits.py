"""Token buckets in this process."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from python_steps import steps_of

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.gateway.errors import BadRequest, RateLimited
from tensorzero.gateway.rate_limits import buckets
from tensorzero.gateway.rate_limits.limits import RateLimits, rate_limits
from tensorzero.gateway.values import ModelRequest, Usage
from tensorzero.inputs.blocks import RequestMessage, Text

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
Build = Callable[..., TensorZeroGateway]


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def rule(resource: str, capacity: int, refill: int | None = None, interval: str = "second", **more: Any) -> dict[str, Any]:
    limit = {
        "resource": resource,
        "interval": interval,
        "capacity": capacity,
        "refill_rate": capacity if refill is None else refill,
    }
    return {"limits": [limit], "scope": [], "priority": "Always", **more}


def request(text: str = "", **params: Any) -> ModelRequest:
    return ModelRequest(None, (RequestMessage("user", (Text(text),)),), params, False)


def limits(*rules: dict[str, Any], clock: Clock | None = None, **settings: Any) -> RateLimits:
    return RateLimits({"rules": list(rules), **settings}, clock or Clock())


def test_a_bucket_starts_full_and_refills_with_time() -> None:
    clock = Clock()
    limited = limits(rule("model_inference", 2, 4), clock=clock)
    limited.take(request(), {})
    limited.take(request(), {})
    with pytest.raises(RateLimited, match="Requested: 1\nAvailable: 0"):
        limited.take(request(), {})
    clock.ns += 250_000_000
    limited.take(request(), {})
    with pytest.raises(RateLimited):
        limited.take(request(), {})
    clock.ns += 3600 * 10**9
    for _ in range(2):
        limited.take(request(), {})
    with pytest.raises(RateLimited):
        limited.take(request(), {})


def test_a_slow_refill_loses_no_time() -> None:
    clock = Clock()
    limited = limits(rule("model_inference", 1, interval="minute"), clock=clock)
    limited.take(request(), {})
    for _ in range(59):
        clock.ns += 10**9
        with pytest.raises(RateLimited):
            limited.take(request(), {})
    clock.ns += 10**9
    limited.take(request(), {})


def test_nothing_is_taken_when_one_rule_refuses() -> None:
    limited = limits(rule("model_inference", 2), rule("token", 100))
    with pytest.raises(RateLimited, match="`token`"):
        limited.take(request(max_tokens=200), {})
    for _ in range(2):
        limited.take(request(max_tokens=10), {})
    with pytest.raises(RateLimited, match="`model_inference`"):
        limited.take(request(max_tokens=10), {})


def test_an_estimate_is_corrected_afterwards() -> None:
    limited = limits(rule("token", 100, 0))
    ticket = limited.take(request("x" * 20, max_tokens=80), {})
    with pytest.raises(RateLimited, match="Available: 10"):
        limited.take(request(max_tokens=11), {})
    assert ticket is not None
    ticket.settle(Usage(5, 5))
    limited.take(request(max_tokens=90), {})
    with pytest.raises(RateLimited, match="Available: 0"):
        limited.take(request(max_tokens=1), {})


def test_cost_is_borrowed_at_the_default_and_settled_at_the_real_one() -> None:
    limited = limits(rule("cost", 3_000_000_000, 0), default_nano_cost=2_000_000_000)
    ticket = limited.take(request(), {})
    with pytest.raises(RateLimited, match="`cost`"):
        limited.take(request(), {})
    assert ticket is not None
    ticket.settle(Usage(1, 1, cost=0.5))
    limited.take(request(), {})


def test_a_token_rule_wants_max_tokens() -> None:
    with pytest.raises(BadRequest, match="Missing `max_tokens` for request subject to rate limiting rules"):
        limits(rule("token", 10)).take(request(), {})


def test_scopes_choose_rules_and_buckets() -> None:
    each = [{"tag_key": "user", "tag_value": "tensorzero::each"}]
    total = [{"tag_key": "user", "tag_value": "tensorzero::total"}]
    ada = [{"tag_key": "user", "tag_value": "ada"}]
    by_each = limits(rule("model_inference", 1, scope=each))
    by_each.take(request(), {"user": "ada"})
    by_each.take(request(), {"user": "bob"})
    assert by_each.take(request(), {}) is None
    with pytest.raises(RateLimited, match='tag_key="user" tag_value="tensorzero::each" \\(matched: "ada"\\)'):
        by_each.take(request(), {"user": "ada"})
    by_total = limits(rule("model_inference", 1, scope=total))
    by_total.take(request(), {"user": "ada"})
    with pytest.raises(RateLimited):
        by_total.take(request(), {"user": "bob"})
    by_name = limits(rule("model_inference", 0, scope=ada))
    assert by_name.take(request(), {"user": "bob"}) is None
    with pytest.raises(RateLimited):
        by_name.take(request(), {"user": "ada"})


def test_only_the_highest_matching_priority_applies_besides_what_always_does() -> None:
    ada = [{"tag_key": "user", "tag_value": "ada"}]
    limited = limits(
        rule("model_inference", 5),
        rule("model_inference", 0, priority={"Priority": 1}),
        rule("model_inference", 2, priority={"Priority": 2}, scope=ada),
    )
    with pytest.raises(RateLimited):
        limited.take(request(), {})
    for _ in range(2):
        limited.take(request(), {"user": "ada"})
    with pytest.raises(RateLimited):
        limited.take(request(), {"user": "ada"})


EACH_USER = [{"tag_key": "u", "tag_value": "tensorzero::each"}]


def test_full_buckets_are_forgotten_while_new_ones_come() -> None:
    clock = Clock()
    limited = limits(rule("model_inference", 1, scope=EACH_USER), clock=clock)
    for number in range(20_000):
        limited.take(request(), {"u": str(number)})
        clock.ns += 10**7  # a hundred a second, each full again after a second
    assert len(limited._buckets) <= 300


def test_full_buckets_are_forgotten_behind_ones_that_stay() -> None:
    clock = Clock()
    slow = rule("model_inference", 1, interval="month", scope=EACH_USER)
    fast = rule("model_inference", 1, scope=[{"tag_key": "v", "tag_value": "tensorzero::each"}])
    limited = limits(slow, fast, clock=clock)
    for number in range(100):
        limited.take(request(), {"u": str(number)})
    for number in range(20_000):
        limited.take(request(), {"v": str(number)})
        clock.ns += 10**7
    assert len(limited._buckets) <= 100 + 500
    with pytest.raises(RateLimited):
        limited.take(request(), {"u": "0"})


def test_a_call_takes_no_more_steps_the_more_values_have_been_seen() -> None:
    limited = limits(rule("model_inference", 1, interval="month", scope=EACH_USER))
    few = steps_of(lambda: [limited.take(request(), {"u": f"early {number}"}) for number in range(1_000)])
    for number in range(25_000):
        limited.take(request(), {"u": str(number)})
    many = steps_of(lambda: [limited.take(request(), {"u": f"late {number}"}) for number in range(1_000)])
    assert len(limited._buckets) == 27_000
    assert many < few * 1.1


def test_there_are_never_more_buckets_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MOST_BUCKETS", 100)
    limited = limits(rule("model_inference", 1, 0, scope=EACH_USER))
    for number in range(1_000):
        limited.take(request(), {"u": "in use"}) if number == 0 else None
        with pytest.raises(RateLimited):
            limited.take(request(), {"u": "in use"})
        limited.take(request(), {"u": str(number)})
    assert len(limited._buckets) <= 100


def test_long_values_take_no_more_room_than_short_ones() -> None:
    limited = limits(rule("model_inference", 1, 0, scope=EACH_USER))
    tracemalloc.start()
    try:
        for number in range(100):
            limited.take(request(), {"u": f"{number}{'x' * 100_000}"})
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
    with pytest.raises(RateLimited):
        limited.take(request(), {"u": f"7{'x' * 100_000}"})


def test_what_a_call_used_besides_is_taken_although_its_bucket_was_forgotten() -> None:
    clock = Clock()
    limited = limits(rule("token", 100, scope=EACH_USER), clock=clock)
    ticket = limited.take(request(max_tokens=10), {"u": "ada"})
    clock.ns += 10**9
    for number in range(5):
        limited.take(request(max_tokens=1), {"u": str(number)})
    assert ticket is not None
    ticket.settle(Usage(50, 50))
    with pytest.raises(RateLimited, match="Available: 10"):
        limited.take(request(max_tokens=20), {"u": "ada"})


def test_a_signal_handler_may_call_while_the_lock_is_held() -> None:
    clock = Clock()
    limited = limits(rule("model_inference", 100, 0), clock=clock)
    calls: list[int] = []

    class Calling(Clock):
        def __call__(self) -> int:
            if not calls:
                calls.append(1)
                limited.take(request(), {})
            return 0

    limited._clock_ns = Calling()
    limited.take(request(), {})
    for _ in range(98):
        limited.take(request(), {})
    with pytest.raises(RateLimited):
        limited.take(request(), {})


def test_threads_share_one_bucket() -> None:
    limited = limits(rule("model_inference", 100, 0))
    passed: list[int] = []

    def run() -> None:
        for _ in range(50):
            try:
                limited.take(request(), {})
            except RateLimited:
                continue
            passed.append(1)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 100


@pytest.mark.parametrize("settings", [None, {}, {"rules": []}, {"rules": [rule("token", 1)], "enabled": False}])
def test_without_rules_there_is_nothing_to_ask(settings: Any) -> None:
    assert rate_limits(settings) is None


RULE = "[[rate_limiting.rules]]\nmodel_inferences_per_hour = 1\nalways = true\n"


@pytest.fixture
def client(build: Build, models: Callable[..., str]) -> TensorZeroGateway:
    functions = '[functions.f]\ntype = "chat"\nvariants.v = {type = "chat_completion", model = "plain"}\n'
    return build(models("plain") + "\n" + functions + RULE)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "target", [{"model_name": "plain"}, {"function_name": "f"}, {"function_name": "f", "variant_name": "v"}]
)
def test_a_refusal_keeps_its_status_and_text_through_every_wrapper(
    client: TensorZeroGateway, mock_provider: Any, target: dict[str, Any], stream: bool
) -> None:
    client.inference(input=ASK, **target)
    with pytest.raises(TensorZeroError) as caught:
        client.inference(input=ASK, stream=stream, **target)
    assert caught.value.status_code == 429
    assert "TensorZero rate limit exceeded for `model_inference` resource." in str(caught.value.text)
    assert len(mock_provider.requests()) == 1
