"""What callers name is not kept for ever: after twenty thousand names a gateway is no larger than after one thousand."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.clients.embedded_transport import gateway_of
from tensorzero.gateway.bounded import LONGEST_NAME, MOST_VALUES, Bounded
from tensorzero.gateway.request import Request
from tensorzero.gateway.routes import endpoint_of
from tensorzero.routes import EMBEDDINGS
from tensorzero.runtime.blocking import BlockingRuntime
from tensorzero.runtime.drive import drive

pytestmark = pytest.mark.slow

Build = Callable[..., TensorZeroGateway]
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
WARM, MANY, BEARABLE = 200, 400, 100_000  # calls, calls, bytes

FUNCTION = """
[functions.f]
type = "chat"
user_schema = "s.json"

[functions.f.variants.v]
type = "chat_completion"
model = "dummy::good"
user_template = "u.minijinja"

[functions.j]
type = "json"

[functions.j.variants.v]
type = "chat_completion"
json_mode = "off"
model = "dummy::json"
"""
FILES = {"s.json": '{"type": "object"}', "u.minijinja": "{{ x }}"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dummy provider takes a millisecond to answer; its vectors are long."""

    async def at_once(self: BlockingRuntime, seconds: float, deadline: Any = None) -> None:
        return

    monkeypatch.setattr(BlockingRuntime, "sleep", at_once)
    monkeypatch.setattr("tensorzero.gateway.providers.dummy_embeddings._LENGTH", 8)


def schema(number: int) -> dict[str, Any]:
    return {"type": "object", "properties": {f"p{number}": {"type": "string", "pattern": f"^a{number}$"}}}


def variant(number: int) -> dict[str, Any]:
    text = {"__tensorzero_remapped_path": f"t{number}", "__data": f"{number} {{{{ x }}}}"}
    return {"type": "chat_completion", "model": "dummy::good", "user_template": text}


def vectors(client: TensorZeroGateway, model: str) -> Any:
    body = {"input": "hi", "model": f"tensorzero::embedding_model_name::{model}"}
    answering: Any = endpoint_of(EMBEDDINGS)(gateway_of(client), Request(body, BlockingRuntime()))
    return drive(answering)


def arguments(value: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "arguments": {"x": value}}]}]}


CALLS: dict[str, Callable[[TensorZeroGateway, int], Any]] = {
    "models": lambda t0, n: t0.inference(model_name=f"dummy::good{n}", input=ASK),
    "flaky models": lambda t0, n: t0.inference(model_name=f"dummy::flaky_{n}", input=ASK),
    "long names": lambda t0, n: t0.inference(model_name=f"dummy::{n}{'x' * 10_000}", input=ASK),
    "unknown models": lambda t0, n: t0.inference(model_name=f"nothing{n}", input=ASK),
    "unknown functions": lambda t0, n: t0.inference(function_name=f"nothing{n}", input=ASK),
    "embedding models": lambda t0, n: vectors(t0, f"dummy::e{n}"),
    "one embedding model": lambda t0, n: vectors(t0, "dummy::e"),
    "arguments": lambda t0, n: t0.inference(function_name="f", input=arguments(n)),
    "schemas": lambda t0, n: t0.inference(function_name="j", input=ASK, output_schema=schema(n)),
    "tools": lambda t0, n: t0.inference(
        model_name="dummy::tool",
        input=ASK,
        additional_tools=[{"name": f"tool{n}", "description": "", "parameters": schema(n), "strict": False}],
    ),
    "variants": lambda t0, n: t0.inference(
        function_name="f", input=arguments(n), internal_dynamic_variant_config=variant(n), dryrun=True
    ),
    "tags": lambda t0, n: t0.inference(model_name="dummy::good", input=ASK, tags={f"k{n}": f"v{n}"}),
    "credentials": lambda t0, n: t0.inference(model_name="dummy::good", input=ASK, credentials={f"key{n}": f"value{n}"}),
    "streams": lambda t0, n: list(t0.inference(model_name=f"dummy::flaky_{n}", input=ASK, stream=True)),  # type: ignore[arg-type]
}


def called(client: TensorZeroGateway, call: Callable[[TensorZeroGateway, int], Any], numbers: range) -> None:
    for number in numbers:
        try:
            call(client, number)
        except TensorZeroError:
            continue


@pytest.mark.parametrize("name", CALLS)
def test_a_gateway_does_not_grow_with_what_calls_name(build: Build, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorzero.gateway.bounded.MOST_VALUES", WARM // 4)
    client = build(FUNCTION, files=FILES)
    called(client, CALLS[name], range(WARM))
    gc.collect()
    tracemalloc.start()
    try:
        called(client, CALLS[name], range(WARM, 2 * WARM))
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        called(client, CALLS[name], range(2 * WARM, 2 * WARM + MANY))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < BEARABLE


def test_twenty_thousand_names_leave_a_thousand_entries(build: Build) -> None:
    client = build()
    for number in range(20_000):
        client.inference(model_name=f"dummy::good{number}", input=ASK)
    gateway = gateway_of(client)
    assert len(gateway.config.shorthands) <= MOST_VALUES
    assert len(gateway.default_functions) <= MOST_VALUES
    assert len(gateway.models._providers) <= MOST_VALUES


def test_the_same_name_means_the_same_values_until_room_is_made() -> None:
    values: Bounded[str, list[int]] = Bounded()
    first = values.add("a", [1])
    assert values.add("a", [2]) is first
    for number in range(MOST_VALUES):
        values.add(str(number), [number])
    assert len(values) <= MOST_VALUES
    assert values.add("a", [3]) == [3]
    assert values.add("x" * (LONGEST_NAME + 1), [4]) == [4]
    assert "x" * (LONGEST_NAME + 1) not in values
