"""The same call, blocking and asyncio, plain and streamed: the same answer, the same error, the same rows."""

from __future__ import annotations

import asyncio
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroError, TensorZeroGateway
from tensorzero.clickhouse.query import Query
from tensorzero.clients.embedded_transport import database_of

pytestmark = pytest.mark.slow

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "capital of Japan?"}]}
TOML = """
[functions.f]
type = "chat"
[functions.f.variants.v]
type = "chat_completion"
model = "echo"
temperature = 0.1
[models.fallback]
routing = ["bad", "p"]
providers.bad = { type = "dummy", model_name = "error_with_raw_response" }
providers.p = { type = "dummy", model_name = "alternate" }
"""
NAMES = ("echo", "error429", "cut", "badjson", "tokens-50")
EPISODE = "01980000-0000-7000-8000-000000000001"
CASES: dict[str, dict[str, Any]] = {
    "a model": {"model_name": "echo", "tags": {"a": "b"}},
    "a function": {"function_name": "f", "episode_id": EPISODE, "params": {"chat_completion": {"seed": 1}}},
    "raw data": {"model_name": "fallback", "include_raw_response": True, "include_raw_usage": True},
    "many tokens": {"model_name": "tokens-50"},
    "an upstream refusal": {"model_name": "error429"},
    "an upstream that breaks off": {"model_name": "cut"},
    "an upstream that babbles": {"model_name": "badjson"},
    "an unknown function": {"function_name": "nope"},
    "an unknown variant": {"function_name": "f", "variant_name": "nope"},
    "a bad pointer": {"function_name": "f", "extra_body": [{"pointer": "x", "value": 1}]},
}
SHOWN = {
    "a model": "capital of Japan?",
    "a function": '"seed":1',
    "raw data": "dummy error raw response",
    "many tokens": " word48 word49",
    "an upstream refusal": "mock error 429",
    "an upstream that breaks off": "from openai server",
    "an upstream that babbles": "Error from openai server: Error parsing",
    "an unknown function": '(404, \'{"error":"Unknown function: nope"}\'',
    "an unknown variant": '(404, \'{"error":"Unknown variant: nope"}\'',
    "a bad pointer": "`Pointer must start with",
}
"""What each case comes to, among other things: two ways that go wrong alike would agree too."""

UNSTABLE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\"?\w+_ms\"?: \d+|'timestamp': [^,]+")


def stable(value: Any) -> str:
    return UNSTABLE.sub("_", repr(value))


def rows(client: Any) -> list[str]:
    database = database_of(client)
    assert database is not None
    found: list[str] = []
    for table in ("ChatInference", "ModelInference"):
        stored = database.query(Query(f"SELECT * EXCEPT (timestamp) FROM {table} ORDER BY toString(id)"))
        found += [stable({name: value for name, value in row.items() if not name.endswith("_ms")}) for row in stored]
    return found


def blocking(path: str, url: str, arguments: dict[str, Any]) -> list[str]:
    seen: list[Any] = []
    with TensorZeroGateway.build_embedded(config_file=path, clickhouse_url=url) as client:
        try:
            answer = client.inference(input=ASK, **arguments)
            if arguments["stream"]:
                while True:
                    try:
                        seen.append(next(answer))
                    except StopIteration:
                        break
                    except TensorZeroError as error:
                        seen.append(error.text)
            else:
                seen.append(answer)
        except TensorZeroError as error:
            seen.append((error.status_code, error.text, error.hint))
        return [stable(one) for one in seen] + rows(client)


async def by_asyncio(path: str, url: str, arguments: dict[str, Any]) -> list[str]:
    seen: list[Any] = []
    async with await AsyncTensorZeroGateway.build_embedded(config_file=path, clickhouse_url=url) as client:
        try:
            answer = await client.inference(input=ASK, **arguments)
            if arguments["stream"]:
                while True:
                    try:
                        seen.append(await anext(answer))
                    except StopAsyncIteration:
                        break
                    except TensorZeroError as error:
                        seen.append(error.text)
            else:
                seen.append(answer)
        except TensorZeroError as error:
            seen.append((error.status_code, error.text, error.hint))
        return [stable(one) for one in seen] + rows(client)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("case", CASES)
def test_blocking_and_asyncio_calls_come_to_the_same(
    case: str, stream: bool, config_dir: Callable[..., Path], mock_provider: Any, prepared_database: Callable[..., str]
) -> None:
    models = "\n".join(
        f'[models."{name}"]\nrouting = ["p"]\n[models."{name}".providers.p]\ntype = "openai"\nmodel_name = "{name}"\n'
        f'api_base = "{mock_provider.url}"\napi_key_location = "none"'
        for name in NAMES
    )
    path = str(config_dir(models + TOML))
    arguments = CASES[case] | {"stream": stream}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        one = blocking(path, prepared_database("one"), arguments)
        asked = [request["body"] for request in mock_provider.requests()]
        mock_provider.clear()
        two = asyncio.run(by_asyncio(path, prepared_database("two"), arguments))
    assert one == two
    assert json.dumps(asked) == json.dumps([request["body"] for request in mock_provider.requests()])
    assert any(SHOWN[case] in shown for shown in one), one


UNUSUAL = [
    {"system": "be brief", "messages": [{"role": "user", "content": "日本の首都は？ 👍"}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "one"}]}]},
]


@pytest.mark.parametrize("given", UNUSUAL, ids=repr)
def test_what_the_caller_changes_after_the_call_does_not_reach_it(given: dict[str, Any]) -> None:
    async def ask() -> str:
        async with await AsyncTensorZeroGateway.build_embedded() as client:
            asked = json.loads(json.dumps(given))
            answering = client.inference(model_name="dummy::echo_request_messages", input=asked)
            asked["messages"][0]["content"] = "changed"
            asked["messages"].append({"role": "user", "content": "added"})
            asked.clear()
            return (await answering).content[0].text

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = json.loads(asyncio.run(ask()))
    blocks = [block["text"] for message in seen["messages"] for block in message["content"]]
    content = given["messages"][0]["content"]
    assert blocks == ([content] if isinstance(content, str) else [block["text"] for block in content])
