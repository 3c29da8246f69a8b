"""Retries: how often, how long apart, and what is said when they are used up."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.gateway.config.sections import Retries
from tensorzero.gateway.errors import AllProvidersFailed, AllRetriesFailed, GatewayError, ProviderError, TimedOut
from tensorzero.gateway.variants.retries import with_retries
from tensorzero.runtime.drive import drive

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}


class Pauses:
    """A runtime that only sleeps, and takes no time to do so."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float, deadline: object = None) -> None:
        self.seconds.append(seconds)


def attempts(retries: Retries, *outcomes: object) -> tuple[object, list[float]]:
    left, runtime = list(outcomes), Pauses()

    async def attempt() -> object:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    try:
        found: object = drive(with_retries(attempt, retries, SimpleNamespace(runtime=runtime, deadline=None)))  # type: ignore[arg-type]
    except GatewayError as error:
        found = error
    assert not left
    return found, runtime.seconds


def failures(count: int) -> list[GatewayError]:
    return [ProviderError(f"e{number}") for number in range(count)]


def test_without_retries_the_error_is_as_it_is() -> None:
    found, pauses = attempts(Retries(0), *failures(1))
    assert str(found) == "e0"
    assert pauses == []


def test_the_first_success_ends_the_retries() -> None:
    answer = SimpleNamespace(failed=())
    assert attempts(Retries(3), *failures(2), answer)[0] is answer


def test_used_up_retries_list_every_error_in_order() -> None:
    found, _ = attempts(Retries(2), *failures(2), TimedOut("e2"))
    assert isinstance(found, AllRetriesFailed)
    assert (found.status, str(found)) == (408, "All retries failed with errors: e0, e1, e2")


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_pauses_double_and_are_capped_and_jittered_from_the_second_on(jitter: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: jitter)
    assert attempts(Retries(5), *failures(6))[1] == pytest.approx([s * (1 + jitter) for s in (1, 2, 4, 8, 10)])
    assert attempts(Retries(3, 0.1), *failures(4))[1] == pytest.approx([s * (1 + jitter) for s in (1, 0.1, 0.1)])


def test_what_cannot_be_retried_is_not() -> None:
    final = ProviderError("limit reached")
    final.retryable = False
    found, pauses = attempts(Retries(3), final)
    assert (str(found), pauses) == ("limit reached", [])
    wrapped = AllProvidersFailed([("a", final), ("b", final)])
    assert attempts(Retries(3), wrapped)[1] == []
    mixed = AllProvidersFailed([("a", final), ("b", ProviderError("again"))])
    assert len(attempts(Retries(1), mixed, SimpleNamespace(failed=()))[1]) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_refusal_is_tried_again(build: Callable[..., TensorZeroGateway], mock_provider: Any, stream: bool) -> None:
    name = f"flaky-1-{int(stream)}"
    toml = f"""
[models.m]
routing = ["p"]
providers.p = {{ type = "openai", model_name = "{name}", api_base = "{mock_provider.url}", api_key_location = "none" }}
[models.never]
routing = ["p"]
providers.p = {{ type = "openai", model_name = "error400", api_base = "{mock_provider.url}", api_key_location = "none" }}
[functions.f]
type = "chat"
[functions.f.variants.v]
type = "chat_completion"
model = "m"
retries = {{ num_retries = 1, max_delay_s = 0.1 }}
[functions.f.variants.never]
type = "chat_completion"
model = "never"
retries = {{ num_retries = 1, max_delay_s = 0.1 }}
"""
    client = build(toml)
    answer = client.inference(function_name="f", variant_name="v", input=ASK, stream=stream)
    if stream:
        assert "".join(c.text for chunk in answer for c in chunk.content) == "Tokyo is the capital of Japan."
    else:
        assert answer.content[0].text == "Tokyo is the capital of Japan."
        with pytest.raises(TensorZeroError) as caught:
            client.inference(function_name="f", variant_name="never", input=ASK)
        one = (
            "All model providers failed to infer with errors: p: Error 400 Bad Request from openai client: "
            '{"error":{"message":"mock error 400","type":"mock_error","code":400}}'
        )
        assert json.loads(caught.value.text)["error"] == f"All retries failed with errors: {one}, {one}"
        assert caught.value.status_code == 500
    models = [request["body"]["model"] for request in mock_provider.requests()]
    assert models[:2] == [name, name]


def test_asyncio_pauses_hold_up_no_other_call() -> None:
    from tensorzero.runtime.nonblocking import AsyncRuntime

    async def use() -> list[str]:
        ended: list[str] = []

        async def pause(seconds: float) -> None:
            await AsyncRuntime().sleep(seconds)
            ended.append(f"{seconds} s")

        await asyncio.gather(pause(0.3), pause(0.001))
        return ended

    assert asyncio.run(use()) == ["0.001 s", "0.3 s"]
