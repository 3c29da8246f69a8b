"""CONTRIBUTING.md, "Adding a provider", step by step, in a package of its own; and what an authorizer may do besides."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_upstream import ScriptedUpstream, answer_with, stream_of

from tensorzero import TensorZeroError, TensorZeroGateway
from tensorzero.gateway.config import catalog

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
ACME = '''
"""Acme's API: OpenAI's words below another path, a key in another header, and a signature."""

from dataclasses import replace

from tensorzero.gateway.config.catalog import ProviderType
from tensorzero.gateway.config.shapes import Field, Text
from tensorzero.gateway.config.shared_shapes import Location, Url
from tensorzero.gateway.providers.authorizers import Authorization, KeyInHeader
from tensorzero.gateway.providers.http_provider import HttpProvider
from tensorzero.gateway.providers.openai import ChatCompletions

FIELDS = (
    Field("model_name", Text(), required=True),
    Field("api_base", Url(), required=True),
    Field("api_key_location", Location()),
)
PROVIDER = ProviderType("acme", "Acme", FIELDS, serves={"": "acme_models:acme"})


class Acme(ChatCompletions):
    type = "acme"

    def url(self, call):
        return super().url(call) + "/acme"

    def body(self, call):
        return {**super().body(call), "project": "x"}


class Signed:
    def __init__(self, keys):
        self._keys = keys

    async def authorize(self, call):
        authorization = await self._keys.authorize(call)

        async def sign(request):
            return replace(request, headers={**request.headers, "x-signature": f"{request.method} {len(request.body)}"})

        return Authorization(authorization.headers, sign)


def acme(config):
    keys = KeyInHeader(config.credential, "Acme", header="x-api-key", scheme="")
    return HttpProvider(config, Acme(config), Signed(keys))
'''
TOML = """
[models.m]
routing = ["p"]
[models.m.providers.p]
type = "acme"
model_name = "large"
api_base = "{url}"
extra_headers = [{{ name = "x-extra", value = "1" }}]
"""


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def client(
    build: Callable[..., TensorZeroGateway], upstream: ScriptedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TensorZeroGateway]:
    site = tmp_path / "site"
    information = site / "acme_models-1.0.dist-info"
    information.mkdir(parents=True)
    (site / "acme_models.py").write_text(ACME)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-models\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[tensorzero.providers]\nacme = acme_models:PROVIDER\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("ACME_API_KEY", "sk-acme-0123456789")
    catalog._installed.cache_clear()
    yield build(TOML.format(url=upstream.url))
    sys.modules.pop("acme_models", None)
    catalog._installed.cache_clear()


ANSWER = '{"choices":[{"index":0,"message":{"content":"Hello."},"finish_reason":"stop"}],"usage":{}}'
EVENTS = ('{"choices":[{"delta":{"content":"Hel"}}]}', '{"choices":[{"delta":{"content":"lo."}}]}', "[DONE]")


def test_a_provider_of_another_package_answers(client: TensorZeroGateway, upstream: ScriptedUpstream) -> None:
    answer: Any = client.inference(model_name="m", input=ASK, extra_body=answer_with(ANSWER))
    assert answer.content[0].text == "Hello."
    assert upstream.paths == ["/v1/chat/completions/acme"]
    assert (upstream.requests[0]["model"], upstream.requests[0]["project"]) == ("large", "x")


def test_it_streams_by_the_same_words(client: TensorZeroGateway) -> None:
    chunks: Any = client.inference(model_name="m", input=ASK, extra_body=stream_of(*EVENTS), stream=True)
    assert "".join(block.text for chunk in chunks for block in chunk.content) == "Hello."


def test_what_is_signed_is_the_finished_request(client: TensorZeroGateway, upstream: ScriptedUpstream) -> None:
    client.inference(model_name="m", input=ASK, extra_body=answer_with(ANSWER))
    (headers,) = upstream.headers
    assert headers["x-api-key"] == "sk-acme-0123456789"
    assert "authorization" not in headers
    assert headers["x-extra"] == "1"
    assert headers["x-signature"] == f"POST {headers['content-length']}"


def test_a_missing_key_is_told_in_its_name(client: TensorZeroGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACME_API_KEY")
    with pytest.raises(TensorZeroError, match="API key missing for provider Acme: Environment variable `ACME_API_KEY`"):
        client.inference(model_name="m", input=ASK, extra_body=answer_with(ANSWER))


def test_its_failures_are_in_its_name_and_show_no_key(client: TensorZeroGateway) -> None:
    with pytest.raises(TensorZeroError, match="acme") as caught:
        client.inference(model_name="m", input=ASK, extra_body=answer_with("bad key sk-acme-0123456789", status=401))
    assert "0123456789" not in str(caught.value)
