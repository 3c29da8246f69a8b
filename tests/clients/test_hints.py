"""Each mistake that a newcomer makes: the original's words, and the next step as `.hint`."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroGateway

FILES = {
    "s.json": '{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}',
    "u.j": "{{ name }}",
    "wrong.j": "{{ nam }}",
    "nested.j": "{{ user.nme }}",
    "method.j": "{{ name.upper() }}",
    "include.j": '{% include "other.j" %}',
}
TOML = """
[functions.free]
type = "chat"
variants.v = { type = "chat_completion", model = "dummy::good" }

[functions.typed]
type = "chat"
schemas.user.path = "s.json"
system_schema = "s.json"
variants.v = { type = "chat_completion", model = "dummy::good", templates.user.path = "u.j", system_template = "u.j" }

[functions.templates]
type = "chat"
variants.wrong = { type = "chat_completion", model = "dummy::good", templates.user.path = "wrong.j" }
variants.nested = { type = "chat_completion", model = "dummy::good", templates.user.path = "nested.j" }
variants.method = { type = "chat_completion", model = "dummy::good", templates.user.path = "method.j" }
variants.include = { type = "chat_completion", model = "dummy::good", templates.user.path = "include.j" }

[functions.extract]
type = "json"
output_schema = "s.json"
variants.v = { type = "chat_completion", model = "dummy::json", json_mode = "off" }

[functions.keyless]
type = "chat"
variants.v = { type = "chat_completion", model = "openai::gpt" }

[functions.empty]
type = "chat"
variants = {}

[metrics.thumb]
type = "boolean"
optimize = "max"
level = "inference"

[metrics.solved]
type = "boolean"
optimize = "max"
level = "episode"

[metrics.score]
type = "float"
optimize = "max"
level = "inference"

[tools.search]
description = "d"
parameters = "s.json"
"""
HI: Any = [{"role": "user", "content": "hi"}]


def message(**fields: Any) -> dict[str, Any]:
    return {"input": {"messages": [{"role": "user", "content": "hi", **fields}]}}


def block(**fields: Any) -> dict[str, Any]:
    return message(content=[fields])


def rendered(variant: str, **arguments: Any) -> dict[str, Any]:
    asked = block(type="template", name="user", arguments=arguments)
    return {"function_name": "templates", "variant_name": variant, **asked}


INFERENCE: list[tuple[dict[str, Any], str]] = [
    ({"input": "hello"}, 'input={"messages": [{"role": "user"'),
    ({"input": HI}, 'input={"messages": [{"role": "user"'),
    ({"input": {"messages": "hello"}}, "`messages` is a list"),
    ({"input": {"messages": HI[0]}}, "`messages` is a list"),
    ({"input": {"message": HI}}, "Did you mean `messages`?"),
    ({"input": HI[0]}, "A message stands in a list"),
    ({"input": {"messages": ["hello"]}}, 'A message is {"role"'),
    ({"input": {"system": ["x"], "messages": HI}}, "`system` is a text, or an object"),
    (message(role="system"), 'input={"system": "…", "messages": […]}'),
    (message(role="developer"), 'input={"system": "…", "messages": […]}'),
    (message(role="tool"), '"type": "tool_result"'),
    (message(role="usr"), "Did you mean `user`?"),
    (message(role="robot"), "the user's or the assistant's"),
    (message(role=5), "A role is the text"),
    (message(name="Ada"), "A message is"),
    ({"input": {"messages": [{"content": "x"}]}}, "A message is"),
    ({"input": {"messages": [{"role": "user"}]}}, "A message is"),
    (message(content=5), "`content` is a text, or a list of blocks"),
    (message(content=None), "`content` is a text, or a list of blocks"),
    (message(content=["hi"]), "A block is an object with its type"),
    (block(text="hi"), "A block is an object with its type"),
    (block(type="txt", text="hi"), "Did you mean `text`?"),
    (block(type="image_url", image_url={"url": "x"}), '{"type": "image", "url"'),
    (block(type="tool_use", id="x"), '{"type": "tool_call"'),
    (block(type="text", value="hi"), '"arguments": {…} for a template'),
    (block(type="text", text=5), "The text of a block is a str"),
    (block(type="text", arguments="x"), "Arguments of a template are an object"),
    (block(type="image", url=5), "A file is"),
    (block(type="image", mime_type="image/png", data="data:image/png;base64,AAAA"), "base64.b64encode"),
    (block(type="unknown", data=float("nan")), "NaN and infinities are no JSON"),
    (message(content="\ud800"), "half of a character"),
    (block(type="text", arguments={"a": 1}), "Templates that take arguments: none"),
    ({"input": {"system": {"a": 1}, "messages": HI}}, "`templates.system.path"),
    ({"function_name": "typed"}, 'input={"system": {"name": …}'),
    ({"function_name": "typed", "input": {"system": {"name": "x"}, "messages": HI}}, '"arguments": {"name": …}'),
    ({"function_name": "typed", "input": {"system": "x", "messages": HI}}, 'input={"system": {"name": …}'),
    ({"function_name": "typed", "input": {"system": {"name": 5}, "messages": HI}}, 'input={"system": {"name": …}'),
    ({"function_name": "typed", "input": {"system": {"nme": "x"}, "messages": HI}}, 'input={"system": {"name": …}'),
    (rendered("wrong", name="x"), "reads `nam`, which the call does not give. Did you mean `name`?"),
    (rendered("wrong"), "Arguments of this call: none."),
    (rendered("nested", user={"name": "x"}), "`user.nme` is not defined. Did you mean `name`? `user` has: `name`."),
    (rendered("method", name="x"), "`x|upper`"),
    (rendered("include"), "`gateway.template_filesystem_access.base_path"),
    ({"function_name": "fre"}, "Did you mean `free`?"),
    ({"function_name": "templates", "variant_name": "wron"}, "Did you mean `wrong`?"),
    ({"function_name": None, "model_name": "opnai::gpt"}, "`openai::gpt`"),
    ({"function_name": None, "model_name": "gpt-4o"}, "`openai::gpt-4o-mini`"),
    ({"model_name": "dummy::good"}, "`model_name` asks a model without a function"),
    ({"function_name": None}, "Configured functions: `empty`"),
    ({"function_name": None, "model_name": "dummy::good", "variant_name": "v"}, "Variants belong to functions"),
    ({"function_name": "empty"}, "`[functions.empty.variants.NAME]`"),
    ({"function_name": "keyless"}, "environment variable `OPENAI_API_KEY`"),
    ({"allowed_tools": ["serch"]}, "`search`"),
    ({"tool_choice": "search"}, 'tool_choice={"specific": "<name>"}'),
    ({"tool_choice": {"specific": "serch"}, "allowed_tools": ["search"]}, "`search`"),
    ({"additional_tools": [{"type": "function", "function": {"name": "x"}}]}, "is not wrapped"),
    ({"additional_tools": [{"name": "x"}]}, '"description": "…", "parameters": {…}'),
    ({"tags": {"tensorzero::x": "y"}}, "call yours otherwise"),
    ({"tags": {"a": 1}}, "texts: str(…)"),
    ({"params": {"temperature": 1}}, 'params={"chat_completion": {"temperature": …}}'),
    ({"temperature": 1}, 'params={"chat_completion": {"temperature": …}}'),
    ({"varint_name": "v"}, "Did you mean `variant_name`?"),
    ({"params": {"chat_completion": {"temprature": 1}}}, "Did you mean `temperature`?"),
    ({"params": {"chat_completion": {"temperature": "x"}}}, "`temperature` takes a number."),
    ({"params": {"chat_completion": {"stop_sequences": "x"}}}, "`stop_sequences` takes a list."),
    ({"params": {"chat_completion": {"json_mode": "strct"}}}, "Did you mean `strict`?"),
    ({"stream": "yes"}, "`stream` takes True or False."),
    ({"episode_id": "abc"}, "`response.episode_id`"),
    ({"episode_id": "00000000-0000-4000-8000-000000000000"}, "`tensorzero.util.uuid7()`"),
    ({"cache_options": {"enabled": "onn"}}, "Did you mean `on`?"),
]
FEEDBACK: list[tuple[dict[str, Any], str]] = [
    ({"metric_name": "thum"}, "Did you mean `thumb`?"),
    ({"metric_name": "solved"}, "`solved` is about an episode: give `episode_id=response.episode_id` alone."),
    ({"of": "episode_id"}, "`thumb` is about an inference: give `inference_id=response.inference_id` alone."),
    ({"of": "none"}, "`thumb` is about an inference"),
    ({"of": "both"}, "`thumb` is about an inference"),
    ({"of": "both", "metric_name": "solved"}, "`solved` is about an episode"),
    ({"of": "episode_id", "metric_name": "demonstration", "value": "x"}, "A demonstration is about an inference"),
    ({"of": "both", "metric_name": "comment", "value": "x"}, "give one of the two ids"),
    ({"value": "yes"}, "`value=True` or `value=False`"),
    ({"value": 1}, "`value=True` or `value=False`"),
    ({"metric_name": "score", "value": True}, "`value=0.5`"),
    ({"metric_name": "score", "value": "1"}, "`value=0.5`"),
    ({"metric_name": "score", "value": float("nan")}, "NaN and infinities are no JSON"),
    ({"metric_name": "comment", "value": 5}, "`value=str(…)`"),
    ({"metric_name": "demonstration", "value": [{"type": "x"}]}, "A demonstration is a text, or a list of blocks"),
    ({"metric_name": "demonstration", "value": 5}, "A demonstration is a text, or a list of blocks"),
    ({"metric_name": "demonstration", "value": {"x": 1}, "of": "json"}, "as an object: `value={…}`"),
    ({"metric_name": "demonstration", "value": "x", "of": "json"}, "as an object: `value={…}`"),
    ({"inference_id": "abc"}, "`response.inference_id`"),
    ({"inference_id": "0190a0a0-0000-7000-8000-000000000000"}, "Nothing is stored of a dry run"),
    ({"tags": {"tensorzero::x": "y"}}, "call yours otherwise"),
]
CHAT = '[functions.f]\ntype = "chat"\n'
VARIANT = 'variants.v = { type = "chat_completion", model = "dummy::good", system_template = "%s" }\n'
CONFIGURATIONS: list[tuple[str, str]] = [
    (f'{CHAT}system_schema = "t.json"\n', "There is no `t.json` in `<dir>`; `<dir>` has `s.json`."),
    (CHAT + VARIANT % "uu.j", "There is no `uu.j` in `<dir>`; `<dir>` has `u.j`"),
    (CHAT + VARIANT % "sub/u.j", "There is no folder `<dir>/sub`"),
    (CHAT + VARIANT % "u.j", "`templates.system.path` takes arguments of any names"),
    (f'{CHAT}variants.v = {{ type = "chat_completion", model = "gpt" }}\n', "`openai::gpt`"),
    (CHAT.replace("chat", "json") + VARIANT.partition(", system")[0] + " }\n", '`json_mode = "strict"`'),
    ("[functions.f]\nvariants = {}\n", 'Write `type = "chat"` or `type = "json"`.'),
    ("[gateway.observability]\nenabled = true\n", "chdb://"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hints")
    for name, text in {**FILES, "tensorzero.toml": TOML}.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TensorZeroGateway]:
    with TensorZeroGateway.build_embedded(
        config_file=str(folder / "tensorzero.toml"), clickhouse_url=f"chdb://{folder}/db"
    ) as client:
        yield client


@pytest.fixture(scope="module")
def ids(client: TensorZeroGateway) -> dict[str, dict[str, Any]]:
    chat: Any = client.inference(function_name="free", input={"messages": HI})
    extracted: Any = client.inference(function_name="extract", input={"messages": HI})
    inference, episode = {"inference_id": chat.inference_id}, {"episode_id": chat.episode_id}
    return {
        "inference_id": inference,
        "episode_id": episode,
        "both": {**inference, **episode},
        "none": {},
        "json": {"inference_id": extracted.inference_id},
    }


def hint_of(call: Callable[[], Any]) -> str:
    with pytest.raises(Exception) as caught:
        call()
    return getattr(caught.value, "hint", None) or f"none for {caught.value!r}"


@pytest.mark.parametrize(("arguments", "hint"), INFERENCE, ids=lambda value: str(value)[:70])
def test_an_inference_that_cannot_be_made_says_the_next_step(
    client: TensorZeroGateway, arguments: dict[str, Any], hint: str
) -> None:
    assert hint in hint_of(lambda: client.inference(**{"function_name": "free", "input": {"messages": HI}, **arguments}))


@pytest.mark.parametrize(("arguments", "hint"), FEEDBACK, ids=lambda value: str(value)[:70])
def test_feedback_that_cannot_be_given_says_the_next_step(
    client: TensorZeroGateway,
    ids: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    hint: str,
) -> None:
    monkeypatch.setattr("tensorzero.gateway.endpoints.feedback._WAIT_S", 0)
    target = {} if "inference_id" in arguments else ids[arguments.get("of", "inference_id")]
    given: dict[str, Any] = {"metric_name": "thumb", "value": True, **target, **arguments}
    given.pop("of", None)
    assert hint in hint_of(lambda: client.feedback(**given))


@pytest.mark.parametrize(("toml", "hint"), CONFIGURATIONS, ids=lambda value: str(value)[-60:])
def test_a_configuration_that_cannot_be_used_says_the_next_step(folder: Path, toml: str, hint: str) -> None:
    (folder / "other.toml").write_text(toml)
    found = hint_of(lambda: TensorZeroGateway.build_embedded(config_file=str(folder / "other.toml")))
    assert hint in found.replace(str(folder), "<dir>")


@pytest.mark.parametrize(
    "arguments", [{"input": "hello"}, message(role="system"), {"temperature": 1}, {"function_name": "fre"}]
)
def test_the_asynchronous_client_says_the_same(client: TensorZeroGateway, folder: Path, arguments: dict[str, Any]) -> None:
    given: dict[str, Any] = {"function_name": "free", "input": {"messages": HI}, **arguments}

    async def ask() -> None:
        made: Any = AsyncTensorZeroGateway.build_embedded(config_file=str(folder / "tensorzero.toml"))
        async with await made as asynchronous:
            await asynchronous.inference(**given)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = hint_of(lambda: asyncio.run(ask()))
    assert found == hint_of(lambda: client.inference(**given))


def test_a_hint_leaves_the_words_alone_and_is_shown_below_them(client: TensorZeroGateway) -> None:
    with pytest.raises(TypeError) as caught:
        client.inference(function_name="free", input="hello")  # type: ignore[arg-type]
    assert str(caught.value) == "argument 'input': 'str' object cannot be converted to 'PyDict'"
    assert caught.value.args == (str(caught.value),)
    if hasattr(caught.value, "__notes__"):
        assert caught.value.__notes__ == [caught.value.hint]  # type: ignore[attr-defined]
