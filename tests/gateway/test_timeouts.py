"""Time limits of provider, model, variant and client, with the original's texts."""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroError, TensorZeroGateway, TensorZeroInternalError
from tensorzero.gateway.models.time_limits import duration

pytestmark = pytest.mark.slow

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
Build = Callable[..., TensorZeroGateway]


def toml(mock: Any, model: str = "hang", *, provider: str = "", of_model: str = "", variant: str = "") -> str:
    def limits(text: str) -> str:
        return f"timeouts = {{ {text} }}\n" if text else ""

    return f"""
[models.m]
routing = ["p"]
{limits(of_model)}
[models.m.providers.p]
type = "openai"
model_name = "{model}"
api_base = "{mock.url}"
api_key_location = "none"
{limits(provider)}
[functions.f]
type = "chat"
[functions.f.variants.v]
type = "chat_completion"
model = "m"
{limits(variant)}
"""


def failure(client: TensorZeroGateway, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(TensorZeroError) as caught:
        client.inference(function_name="f", variant_name="v", input=ASK, **arguments)
    return caught.value.status_code, json.loads(caught.value.text)["error"]


PLAIN = "non_streaming.total_ms = 100"
FIRST = "streaming.ttft_ms = 100"
TOTAL = "streaming.total_ms = 100"
NAMES = {PLAIN: "non_streaming.total_ms", FIRST: "streaming.ttft_ms", TOTAL: "streaming.total_ms"}


@pytest.mark.parametrize("limit", [PLAIN, FIRST, TOTAL])
def test_a_provider_that_is_late_counts_as_failed(build: Build, mock_provider: Any, limit: str) -> None:
    status, text = failure(build(toml(mock_provider, provider=limit)), stream=limit != PLAIN)
    name = NAMES[limit]
    assert text == (
        "All model providers failed to infer with errors: "
        f"p: Model provider p timed out due to configured `{name}` timeout (100ms)"
    )
    assert status == 500


@pytest.mark.parametrize("limit", [PLAIN, FIRST, TOTAL])
def test_a_model_that_is_late_says_so(build: Build, mock_provider: Any, limit: str) -> None:
    found = failure(build(toml(mock_provider, of_model=limit)), stream=limit != PLAIN)
    assert found == (408, f"Model m timed out due to configured `{NAMES[limit]}` timeout (100ms)")


@pytest.mark.parametrize("limit", [PLAIN, FIRST, TOTAL])
def test_a_variant_that_is_late_says_so(build: Build, mock_provider: Any, limit: str) -> None:
    client = build(toml(mock_provider, variant=limit))
    expected = f"Variant `v` timed out due to configured `{NAMES[limit]}` timeout (100ms)"
    assert failure(client, stream=limit != PLAIN) == (408, expected)
    with pytest.raises(TensorZeroError) as caught:
        client.inference(function_name="f", input=ASK, stream=limit != PLAIN)
    assert caught.value.status_code == 502
    assert json.loads(caught.value.text)["error"] == f"All variants failed with errors: v: {expected}"


def test_the_limit_that_ends_first_is_the_one_named(build: Build, mock_provider: Any) -> None:
    both = toml(mock_provider, variant="non_streaming.total_ms = 5000", of_model="non_streaming.total_ms = 100")
    assert "Model m timed out" in failure(build(both))[1]
    both = toml(mock_provider, variant="non_streaming.total_ms = 100", of_model="non_streaming.total_ms = 5000")
    assert "Variant `v` timed out" in failure(build(both))[1]


@pytest.mark.parametrize("where", ["provider", "of_model", "variant"])
def test_the_total_goes_on_counting_after_the_first_chunk(build: Build, mock_provider: Any, where: str) -> None:
    client = build(toml(mock_provider, "stall", **{where: "streaming.total_ms = 1500"}))
    stream = client.inference(function_name="f", input=ASK, stream=True)
    seen = []
    with pytest.raises(TensorZeroError) as caught:
        seen.extend(stream)
    who = {"provider": "Model provider p", "of_model": "Model m", "variant": "Variant `v`"}[where]
    assert caught.value.status_code == 408
    assert json.loads(caught.value.text)["error"] == f"{who} timed out due to configured `streaming.total_ms` timeout (1.5s)"
    (last,) = stream
    assert (last.content, last.usage.output_tokens, last.finish_reason) == ([], None, None)


def test_the_first_chunk_stops_the_clock_of_ttft(build: Build, mock_provider: Any) -> None:
    limits = {"of_model": "streaming.ttft_ms = 1500", "variant": "streaming.ttft_ms = 1600"}
    client = build(toml(mock_provider, "drip-10-200", **limits))
    stream = client.inference(function_name="f", input=ASK, stream=True)
    assert len("".join(c.text for chunk in stream for c in chunk.content).split()) == 10


def test_a_late_provider_gives_way_to_the_next(build: Build, mock_provider: Any) -> None:
    text = f"""
[models.m]
routing = ["slow", "good"]
[models.m.providers.slow]
type = "openai"
model_name = "hang"
api_base = "{mock_provider.url}"
api_key_location = "none"
timeouts = {{ non_streaming.total_ms = 100, streaming.ttft_ms = 100 }}
[models.m.providers.good]
type = "dummy"
model_name = "good"
"""
    client = build(text)
    assert client.inference(model_name="m", input=ASK).content[0].text.startswith("Megumin")
    assert len(list(client.inference(model_name="m", input=ASK, stream=True))) == 17


def test_zero_fires_at_once(build: Build, mock_provider: Any) -> None:
    client = build(toml(mock_provider, variant="non_streaming.total_ms = 0"))
    assert failure(client) == (408, "Variant `v` timed out due to configured `non_streaming.total_ms` timeout (0ns)")


def test_a_variants_limit_covers_its_retries(build: Build, mock_provider: Any) -> None:
    text = toml(mock_provider, "error500", variant="non_streaming.total_ms = 200") + "retries = { num_retries = 5 }\n"
    assert failure(build(text)) == (408, "Variant `v` timed out due to configured `non_streaming.total_ms` timeout (200ms)")


@pytest.mark.parametrize("stream", [False, True])
def test_the_clients_own_limit_ends_the_call(build: Build, mock_provider: Any, stream: bool) -> None:
    client = build(toml(mock_provider), timeout=0.15)
    with pytest.raises(TensorZeroInternalError, match=r"^HTTP Error: request timed out$"):
        client.inference(function_name="f", input=ASK, stream=stream)


def test_the_clients_own_limit_ends_with_the_first_chunk(build: Build, mock_provider: Any) -> None:
    client = build(toml(mock_provider, "drip-12-200"), timeout=2)
    begin = time.monotonic()
    chunks = list(client.inference(function_name="f", input=ASK, stream=True))
    assert time.monotonic() - begin > 2
    assert chunks[-1].finish_reason == "stop"


def test_durations_print_as_rust_prints_them() -> None:
    shown = {0: "0ns", 1: "1ms", 200: "200ms", 1000: "1s", 1500: "1.5s", 60_000: "60s", 1_234_567: "1234.567s"}
    assert {ms: duration(ms) for ms in shown} == shown
    assert duration(3_600_000_000) == "3600000s"


TOO_SLOW = (
    "Request timed out due to `gateway.global_outbound_http_timeout_ms` (total deadline) or "
    "`gateway.global_outbound_http_intra_stream_read_timeout_ms` (per-byte read timeout). Consider increasing the relevant "
    "value in your configuration if you expect inferences to take longer to complete. "
)


@pytest.mark.parametrize("key", ["timeout_ms", "intra_stream_read_timeout_ms"])
def test_the_outbound_limits_of_the_gateway_end_a_request_as_a_failure_of_its_provider(
    build: Build, mock_provider: Any, key: str
) -> None:
    client = build(f"[gateway]\nglobal_outbound_http_{key} = 200\n" + toml(mock_provider))
    start = time.monotonic()
    sending = f"error sending request for url ({mock_provider.url.rstrip('/')}/chat/completions)"
    begin = "All model providers failed to infer with errors: p:"
    assert failure(client) == (500, f"{begin} Error from openai client: {TOO_SLOW}({sending})")
    closed = f"Inference stream closed due to error from openai server: {TOO_SLOW}(Reqwest error; caused by: {sending}"
    assert failure(client, stream=True) == (500, f"{begin} {closed}; caused by: operation timed out)")
    assert time.monotonic() - start < 20


def test_the_read_limit_of_the_gateway_ends_a_stream_that_pauses(build: Build, mock_provider: Any) -> None:
    limited = "[gateway]\nglobal_outbound_http_intra_stream_read_timeout_ms = 1500\n"
    stream = build(limited + toml(mock_provider, "stall")).inference(function_name="f", input=ASK, stream=True)
    with pytest.raises(TensorZeroError, match="Inference stream closed due to error from openai server: SSE error"):
        list(stream)
    (last,) = stream
    assert last.usage.output_tokens is None
    dripping = build(limited + toml(mock_provider, "drip-8-300"))
    assert list(dripping.inference(function_name="f", input=ASK, stream=True))[-1].finish_reason == "stop"


def test_the_outbound_limit_holds_in_time_on_a_loop(config_dir: Callable[..., Path], mock_provider: Any) -> None:
    path = str(config_dir("[gateway]\nglobal_outbound_http_timeout_ms = 200\n" + toml(mock_provider)))

    async def ask() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            client = await AsyncTensorZeroGateway.build_embedded(config_file=path)
        start = time.monotonic()
        with pytest.raises(TensorZeroError, match="Request timed out due to"):
            await client.inference(function_name="f", input=ASK)
        await client.close()
        return time.monotonic() - start

    assert asyncio.run(ask()) < 20
