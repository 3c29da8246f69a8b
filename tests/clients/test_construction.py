"""Building clients: URLs, timeouts, warnings, and a gateway in this process."""

from __future__ import annotations

import asyncio
import copy
import datetime
import pickle
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import tensorzero as t
from tensorzero.clients.optimization import OptimizationJobHandle
from tensorzero.clients.streams import StreamWrapper
from tensorzero.types import TensorZeroError, TensorZeroInternalError

INPUT: Any = {"messages": [{"role": "user", "content": "hi"}]}
HANDLE = OptimizationJobHandle._of("eyJ0eXBlIjoieCJ9", {"type": "x"})
DUMMY = '[models.m]\nrouting = ["p"]\n\n[models.m.providers.p]\ntype = "dummy"\nmodel_name = "good"\n'


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("x", "relative URL without a base"),
        ("", "relative URL without a base"),
        ("http://", "empty host"),
        ("http://[x", "invalid IPv6 address"),
        ("http://a:99999", "invalid port number"),
        ("http://exa mple.com", "invalid international domain name"),
        ("http://%zz", "invalid international domain name"),
    ],
)
def test_wrong_urls(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^Invalid gateway URL: {reason}$"):
        t.TensorZeroGateway.build_http(gateway_url=url)


@pytest.mark.parametrize(
    ("timeout", "reason"),
    [
        (-1, "value is negative"),
        (float("nan"), "value is either too big or NaN"),
        (1e30, "value is either too big or NaN"),
        (float("inf"), "value is either too big or NaN"),
    ],
)
def test_wrong_timeouts(timeout: float, reason: str) -> None:
    for build in (t.TensorZeroGateway.build_http, t.AsyncTensorZeroGateway.build_http):
        with pytest.raises(ValueError, match=f"^Invalid timeout: cannot convert float seconds to Duration: {reason}$"):
            build(gateway_url="http://127.0.0.1:1", timeout=timeout)


def test_wrong_kinds() -> None:
    with pytest.raises(TypeError, match="argument 'timeout': must be real number, not str"):
        t.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1", timeout="x")  # type: ignore[arg-type]
    for given, told in ((datetime.timedelta(1), "datetime.timedelta"), (bytearray(b"1"), "bytearray")):
        with pytest.raises(TypeError, match=f"^argument 'timeout': must be real number, not {told}$"):
            t.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1", timeout=given)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="argument 'gateway_url': 'int' object cannot be converted to 'PyString'"):
        t.TensorZeroGateway.build_http(gateway_url=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="argument 'verbose_errors': 'NoneType' object cannot be converted to 'PyBool'"):
        t.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1", verbose_errors=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="argument 'async_setup': 'int' object cannot be converted to 'PyBool'"):
        t.AsyncTensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1", async_setup=0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        t.TensorZeroGateway.build_http("http://127.0.0.1:1")  # type: ignore[misc]


def test_no_configuration_warns_at_the_callers_line() -> None:
    def blocking() -> None:
        t.TensorZeroGateway.build_embedded()

    async def awaited() -> None:
        await t.AsyncTensorZeroGateway.build_embedded()  # type: ignore[misc]

    for build in (blocking, lambda: asyncio.run(awaited())):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            build()
        given = [warning for warning in caught if warning.category is UserWarning]
        assert [str(warning.message) for warning in given] == [
            (
                "No config file provided, so only default functions will be available. "
                'Use `config_file="path/to/tensorzero.toml"` to specify a config file.'
            )
        ]
        assert given[0].filename == __file__


def test_postgres_and_valkey_are_taken_with_a_warning(tmp_path: Path) -> None:
    config_file = tmp_path / "tensorzero.toml"
    config_file.write_text(DUMMY)
    with pytest.warns(UserWarning, match=r"`postgres_url` has no meaning here"):
        client = t.TensorZeroGateway.build_embedded(config_file=str(config_file), postgres_url="postgres://x")
    assert client.inference(model_name="m", input=INPUT).variant_name == "m"


def test_every_mistake_of_a_configuration_is_in_the_error(tmp_path: Path) -> None:
    config_file = tmp_path / "tensorzero.toml"
    config_file.write_text('[functions.a]\ntype = "chat"\nfoo = 1\n\n[functions.b]\ntype = "chat"\nbar = 1\n')
    with pytest.raises(TensorZeroInternalError) as caught:
        t.TensorZeroGateway.build_embedded(config_file=str(config_file))
    message = str(caught.value)
    assert message.startswith("Failed to construct TensorZero client: ")
    assert "foo" in message
    assert "bar" in message


def test_no_match_of_the_glob_says_so(tmp_path: Path) -> None:
    with pytest.raises(TensorZeroInternalError, match=r"Failed to construct TensorZero client: .*No files matched"):
        t.TensorZeroGateway.build_embedded(config_file=str(tmp_path / "*.toml"))

    async def main() -> None:
        future = t.AsyncTensorZeroGateway.build_embedded(config_file=str(tmp_path / "*.toml"))
        with pytest.raises(TensorZeroInternalError, match="No files matched"):
            await future  # type: ignore[misc]

    asyncio.run(main())


def test_an_embedded_gateway_answers_in_both_clients(tmp_path: Path) -> None:
    config_file = tmp_path / "tensorzero.toml"
    config_file.write_text(DUMMY)
    with t.TensorZeroGateway.build_embedded(config_file=str(config_file)) as client:
        blocking = client.inference(model_name="m", input=INPUT)
        chunks = list(client.inference(model_name="m", input=INPUT, stream=True))
    assert isinstance(blocking, t.ChatInferenceResponse)
    assert "".join(block.text for chunk in chunks for block in chunk.content) != ""  # type: ignore[union-attr]

    async def main() -> Any:
        async with await t.AsyncTensorZeroGateway.build_embedded(config_file=str(config_file)) as other:  # type: ignore[misc]
            return await other.inference(model_name="m", input=INPUT)

    assert asyncio.run(main()).content == blocking.content


def test_what_this_version_cannot_do_is_one_clear_sentence(tmp_path: Path) -> None:
    config_file = tmp_path / "tensorzero.toml"
    config_file.write_text(DUMMY)
    client = t.TensorZeroGateway.build_embedded(config_file=str(config_file))
    with pytest.raises(TensorZeroError) as caught:
        client.experimental_poll_optimization(job_handle=HANDLE)
    assert caught.value.status_code == 501
    with pytest.raises(TensorZeroInternalError, match=r"Invalid client mode: Embedded. GEPA requires HTTP gateway"):
        client.optimization.gepa.get(task_id="x")


def test_what_needs_an_embedded_gateway_says_so() -> None:
    client = t.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1")
    with (
        pytest.warns(DeprecationWarning, match=r"`experimental_render_samples` will be removed"),
        pytest.raises(ValueError, match="Config not available in HTTP gateway mode"),
    ):
        client.experimental_render_samples(stored_samples=[], variants={})


def test_evaluations_check_their_arguments() -> None:
    client = t.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1")
    with pytest.raises(ValueError, match=r"^Either `variant_name` or `internal_dynamic_variant_config`"):
        client.experimental_run_evaluation(evaluation_name="e")
    with pytest.raises(ValueError, match=r"^Incorrect arguments to identify evaluation"):
        client.experimental_run_evaluation(evaluation_name="e", function_name="f", evaluator_names=["x"], variant_name="v")
    with pytest.raises(ValueError, match=r"^Incorrect arguments to identify evaluation"):
        client.experimental_run_evaluation(function_name="f", variant_name="v")


def test_openai_patching_is_refused_and_leaves_the_client_alone() -> None:
    class Client:
        base_url = "http://before"

    client = Client()
    with (
        pytest.warns(DeprecationWarning, match=r"`patch_openai_client` will be removed"),
        pytest.raises(TensorZeroError, match="status code 501"),
    ):
        t.patch_openai_client(client, async_setup=False)
    assert client.base_url == "http://before"
    with pytest.raises(ValueError, match="close_patched_client_gateway"):
        t.close_patched_openai_client_gateway(client)
    url = t.ATTENTION_TENSORZERO_PLEASE_AWAIT_RESULT_OF_PATCH_OPENAI_CLIENT("http://x")
    with pytest.raises(RuntimeError, match=r"Please await the result of `tensorzero.patch_openai_client`"):
        url.copy_with()


def test_an_empty_clickhouse_url_is_a_wrong_one() -> None:
    refused = pytest.raises(TensorZeroInternalError, match="Invalid ClickHouse database URL")
    with pytest.warns(UserWarning, match="No config file"), refused:
        t.TensorZeroGateway.build_embedded(clickhouse_url="")


async def _nothing() -> AsyncIterator[list[Any]]:
    return
    yield


def test_clients_and_streams_are_neither_copied_nor_pickled() -> None:
    client = t.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1", api_key="sk-secret")
    for value, name in ((client, "TensorZeroGateway"), (StreamWrapper(client, _nothing(), repr), "StreamWrapper")):
        for act in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match=f"^cannot pickle 'builtins.{name}' object$"):
                act(value)


def test_a_call_of_a_later_version_fails_in_one_sentence(tmp_path: Path) -> None:
    config_file = tmp_path / "tensorzero.toml"
    config_file.write_text(DUMMY, encoding="utf-8")
    client = t.TensorZeroGateway.build_embedded(config_file=str(config_file))
    sentence = "is not supported by this version of the embedded gateway yet."
    with pytest.raises(TensorZeroError, match=sentence) as caught:
        client.experimental_poll_optimization(job_handle=HANDLE)
    assert caught.value.status_code == 501
    message = "Invalid client mode: Embedded. GEPA requires HTTP gateway with Postgres for durable execution"
    with pytest.raises(TensorZeroInternalError, match=f"^Internal TensorZero Error: {message}$"):
        client.optimization.gepa.get(task_id="x")
