"""Every recorded input fares alike, blocking and asyncio, in this process and over HTTP: as the original's does."""

from __future__ import annotations

import asyncio
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroGateway
from tensorzero.types import TensorZeroError, TensorZeroInternalError
from tests.clients.loopback import Loopback

DATA = json.loads((Path(__file__).parents[1] / "inputs" / "inputs.json").read_text("utf-8"))
SHAPE = "Failed to deserialize JSON to tensorzero_types::message::Input: "


def toml(url: str) -> str:
    """The functions of the table, asking a model behind `url`."""
    head = (
        '[object_storage]\ntype = "disabled"\n'
        '[models.m]\nrouting = ["p"]\n[models.m.providers.p]\ntype = "openai"\nmodel_name = "echo"\n'
        f'api_base = "{url}"\napi_key_location = "none"\n'
    )
    return head + "".join(function(name, described) for name, described in DATA["functions"].items())


def function(name: str, described: dict[str, Any]) -> str:
    lines = [f"[functions.{name}]", 'type = "chat"']
    for key, path in described["schemas"].items():
        legacy = described["templates"].get(key, ["", False])[1]
        lines.append(f'{key}_schema = "{path}"' if legacy else f'schemas.{key}.path = "{path}"')
    lines += [f"[functions.{name}.variants.v]", 'type = "chat_completion"', 'model = "m"']
    for key, (path, legacy) in described["templates"].items():
        lines.append(f'{key}_template = "{path}"' if legacy else f'templates.{key}.path = "{path}"')
    return "\n".join(lines) + "\n"


@pytest.fixture
def configuration(config_dir: Callable[..., Path], mock_provider: Any) -> str:
    return str(config_dir(toml(mock_provider.url), DATA["files"]))


@pytest.fixture
def gateway() -> Iterator[Loopback]:
    server = Loopback()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def arguments(case: dict[str, Any]) -> dict[str, Any]:
    return {"function_name": case["function"], "variant_name": "v", "input": case["input"], "dryrun": True}


def told(error: Exception) -> str:
    return error.text or "" if isinstance(error, TensorZeroError) else f"{type(error).__name__}: {error}"


def outcome(ask: Callable[[], Any]) -> str:
    try:
        answer = ask()
    except (TensorZeroError, TensorZeroInternalError) as error:
        return told(error)
    return answer.content[0].text


async def outcome_of(ask: Callable[[], Any]) -> str:
    try:
        answer = await ask()
    except (TensorZeroError, TensorZeroInternalError) as error:
        return told(error)
    return answer.content[0].text


def expected_refusal(case: dict[str, Any]) -> str | None:
    if "shape" in case:
        return f"TensorZeroInternalError: {case['shape']}"
    refused = "error" in case and "providers failed" not in case["error"]
    return json.dumps({"error": case["error"]}, ensure_ascii=False, separators=(",", ":")) if refused else None


def test_an_input_fares_as_in_the_original_with_the_gateway_in_this_process(configuration: str) -> None:
    async def by_asyncio() -> list[str]:
        async with await AsyncTensorZeroGateway.build_embedded(config_file=configuration) as client:
            return [await outcome_of(lambda case=case: client.inference(**arguments(case))) for case in DATA["cases"]]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with TensorZeroGateway.build_embedded(config_file=configuration) as client:
            blocking = [outcome(lambda case=case: client.inference(**arguments(case))) for case in DATA["cases"]]
        assert blocking == asyncio.run(by_asyncio())
    refusals = [(case, refusal) for case in DATA["cases"] if (refusal := expected_refusal(case)) is not None]
    assert len(refusals) > 200
    wrong = [
        (case["input"], found, expected)
        for case, found in zip(DATA["cases"], blocking, strict=True)
        if (expected := expected_refusal(case)) is not None and found != expected
    ]
    assert wrong == []


def test_an_input_goes_over_http_as_the_original_sends_it(gateway: Loopback) -> None:
    def ask(client: Any, case: dict[str, Any]) -> Any:
        return client.inference(function_name="f", input=case["input"])

    async def by_asyncio() -> list[str]:
        async with await AsyncTensorZeroGateway.build_http(gateway_url=gateway.url) as client:
            return [await outcome_of(lambda case=case: ask(client, case)) for case in DATA["cases"]]

    with TensorZeroGateway.build_http(gateway_url=gateway.url) as client:
        blocking = [outcome(lambda case=case: ask(client, case)) for case in DATA["cases"]]
    sent = [request["body"]["input"] for request in gateway.requests]
    assert blocking == asyncio.run(by_asyncio())
    assert sent * 2 == [request["body"]["input"] for request in gateway.requests]

    shapes = [f"TensorZeroInternalError: {case['shape']}" if "shape" in case else "Tokyo." for case in DATA["cases"]]
    assert blocking == shapes
    wires = [case.get("wire", case["input"]) for case in DATA["cases"] if "shape" not in case]
    assert [json.dumps(one) for one in sent] == [json.dumps(one) for one in wires]


def nested(depth: int, leaf: Any = 0) -> Any:
    for _ in range(depth):
        leaf = {"k": leaf}
    return leaf


UNSOUND: list[tuple[dict[str, Any], str]] = [
    (
        {"messages": [{"role": "user", "content": "a\ud800b"}]},
        "messages[0].content: unexpected end of hex escape at line 1 column 51",
    ),
    ({"system": "\udc00", "messages": []}, "system: lone leading surrogate in hex escape at line 1 column 18"),
    ({"system": {"a": ["\ud800"]}}, "system.a[0]: unexpected end of hex escape at line 1 column 26"),
    ({"system": {"a": {"\ud800": 1}}}, "system.a.?: unexpected end of hex escape at line 1 column 26"),
    ({"\ud800": 1}, "unexpected end of hex escape at line 1 column 9"),
    ({"system": {"a": [1, float("nan")]}}, "system.a[1]: expected value at line 1 column 22"),
    ({"system": {"a": float("-inf")}}, "system.a: invalid number at line 1 column 19"),
    ({"system": {"": float("inf")}}, "system.: expected value at line 1 column 17"),
    ({"system": nested(127)}, "system" + ".k" * 126 + ": recursion limit exceeded at line 1 column 768"),
    ({"system": nested(300)}, "system" + ".k" * 126 + ": recursion limit exceeded at line 1 column 768"),
    ({"system": nested(126, float("nan"))}, "system" + ".k" * 126 + ": expected value at line 1 column 768"),
]


@pytest.mark.parametrize(("given", "reason"), UNSOUND, ids=[reason[:40] for _, reason in UNSOUND])
def test_what_json_cannot_hold_is_refused_with_its_place(given: dict[str, Any], reason: str, gateway: Loopback) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for client in (TensorZeroGateway.build_embedded(), TensorZeroGateway.build_http(gateway_url=gateway.url)):
            with client, pytest.raises(TensorZeroInternalError) as caught:
                client.inference(model_name="dummy::good", input=given)
            assert str(caught.value) == SHAPE + reason
    assert gateway.requests == []


def test_as_many_containers_inside_each_other_as_the_original_takes_are_taken(gateway: Loopback) -> None:
    with TensorZeroGateway.build_http(gateway_url=gateway.url) as client:
        client.inference(model_name="m", input={"system": nested(126)})
        client.feedback(metric_name="comment", value=nested(127), inference_id="01980000-0000-7000-8000-000000000001")
    assert gateway.requests[0]["body"]["input"]["system"] == nested(126)
    assert gateway.requests[1]["body"]["value"] == nested(127)


def test_an_unsound_value_of_any_argument_is_refused_with_its_place(gateway: Loopback) -> None:
    nan = float("nan")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"output_schema": {"a": nan}}, "serde_json::value::Value: a: expected value at line 1 column 7"),
        ({"output_schema": nested(200)}, "Value: " + ".k" * 127 + ": recursion limit exceeded at line 1 column 763"),
        (
            {"params": {"chat_completion": {"stop_sequences": ["\ud800"]}}},
            "chat_completion.stop_sequences[0]: unexpected end of hex escape at line 1 column 48",
        ),
        ({"extra_body": [{"pointer": "/a", "value": {"x": nan}}]}, "[0].value.x: expected value at line 1 column 35"),
    ]
    with TensorZeroGateway.build_http(gateway_url=gateway.url) as client:
        for given, reason in cases:
            with pytest.raises(TensorZeroInternalError) as caught:
                client.inference(function_name="f", input={"messages": []}, **given)
            assert str(caught.value).endswith(reason.replace("Value: .k", "Value: k"))
