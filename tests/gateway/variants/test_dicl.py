"""Dynamic in-context learning: which examples are shown, how, and what happens without any."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tensorzero import TensorZeroError
from tensorzero.clients.embedded_transport import database_of
from tensorzero.gateway.errors import GatewayError
from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.variants.dicl_examples import shown
from tensorzero.inputs.blocks import Text, Unknown

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def question(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def stored_input(text: str) -> str:
    return json.dumps({"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}, separators=(",", ":"))


def vector(text: str) -> list[float]:
    """As the mock provider embeds a text."""
    return [float(text.lower().count(letter)) for letter in LETTERS]


def function(url: str, settings: str = "", embedding: str = "letters", kind: str = "chat") -> str:
    schema = 'output_schema = "out.json"\n' if kind == "json" else ""
    return (
        f'[embedding_models."{embedding}"]\nrouting = ["p"]\n'
        f'providers.p = {{ type = "openai", model_name = "{embedding}", api_base = "{url}", api_key_location = "none" }}\n'
        f'[functions.f]\ntype = "{kind}"\n{schema}[functions.f.variants.dicl]\n'
        f'type = "experimental_dynamic_in_context_learning"\nembedding_model = "{embedding}"\nmodel = "echo"\nk = 2\n'
        f"{settings}\n"
    )


def teach(client: Any, examples: list[tuple[str, str, list[float]]], variant: str = "dicl") -> None:
    """Rows of (input, output, embedding)."""
    rows = [
        (
            "DynamicInContextLearningExample",
            {
                "id": new_id(),
                "function_name": "f",
                "variant_name": variant,
                "namespace": "",
                "input": given,
                "output": output,
                "embedding": embedding,
            },
        )
        for given, output, embedding in examples
    ]
    database = database_of(client)
    assert database is not None
    database.write(rows)
    database.flush()


def said(text: str) -> str:
    return json.dumps([{"type": "text", "text": text}])


def of_chat(mock_provider: Any) -> list[dict[str, Any]]:
    return [request["body"] for request in mock_provider.requests() if request["path"].endswith("completions")]


def messages(mock_provider: Any) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in of_chat(mock_provider)[-1]["messages"]]


def test_without_a_database_it_is_a_plain_call_with_its_own_instructions(
    build: Any, models: Callable[..., str], mock_provider: Any
) -> None:
    client = build(models("echo") + function(mock_provider.url))
    answer = client.inference(function_name="f", input={"system": "Be brief.", **question("abc")})
    assert answer.content[0].text == "abc"
    embedding, chat = mock_provider.requests()
    assert embedding["body"] == {
        "model": "letters",
        "input": '{"system":"Be brief.","messages":[{"role":"user","content":[{"type":"text","text":"abc"}]}]}',
        "encoding_format": "float",
    }
    system, said_by_user = chat["body"]["messages"]
    assert system["content"].startswith("You are tasked with learning by induction")
    assert said_by_user == {"role": "user", "content": "abc"}


def test_the_nearest_examples_are_shown_the_nearest_first(
    build: Any, models: Callable[..., str], mock_provider: Any, stored: Any
) -> None:
    client = build(models("echo") + function(mock_provider.url), url=stored.url)
    given = stored_input("abcabc")
    teach(
        client,
        [
            (stored_input("xyz"), said("far"), vector("xyz")),
            (stored_input("near"), said("near"), vector(given)),
            (stored_input("middle"), said("middle"), vector(given + "zzzzzz")),
        ],
    )
    teach(client, [(given, said("of another variant"), vector(given))], variant="other")
    answer = client.inference(function_name="f", input=question("abcabc"))
    system, *said_before = messages(mock_provider)
    assert system[0] == "system"
    assert said_before == [
        ("user", stored_input("near")),
        ("assistant", "near"),
        ("user", stored_input("middle")),
        ("assistant", "middle"),
        ("user", given),
    ]
    assert answer.usage.input_tokens == 22
    embedded, model = sorted(stored.rows(client, "ModelInference"), key=lambda row: row["model_name"], reverse=True)
    assert (embedded["model_name"], embedded["output"], embedded["output_tokens"]) == ("letters", "[]", None)
    assert json.loads(embedded["input_messages"])[0]["content"] == [{"type": "text", "text": given}]
    assert model["model_name"] == "echo"


def test_max_distance_leaves_out_what_is_far(build: Any, models: Callable[..., str], mock_provider: Any, stored: Any) -> None:
    client = build(models("echo") + function(mock_provider.url, "max_distance = 0.0"), url=stored.url)
    given = stored_input("abc")
    teach(client, [(given, said("same"), vector(given)), (given, said("other"), vector(given + "zzz"))])
    client.inference(function_name="f", input=question("abc"))
    assert [text for role, text in messages(mock_provider) if role == "assistant"] == ["same"]


@pytest.mark.parametrize("embedding", ["zeros", "letters"])
def test_vectors_of_zeros_are_at_a_distance_and_not_an_error(
    build: Any, models: Callable[..., str], mock_provider: Any, stored: Any, embedding: str
) -> None:
    client = build(models("echo") + function(mock_provider.url, embedding=embedding), url=stored.url)
    given = stored_input("abc")
    teach(client, [(given, said("nowhere"), [0.0] * 26), (given, said("here"), vector(given))])
    client.inference(function_name="f", input=question("abc"))
    answers = [text for role, text in messages(mock_provider) if role == "assistant"]
    assert answers == (["here", "nowhere"] if embedding == "letters" else ["nowhere", "here"])


def test_outputs_are_shown_as_a_model_would_have_said_them(
    build: Any, models: Callable[..., str], mock_provider: Any, stored: Any
) -> None:
    client = build(models("echo") + function(mock_provider.url), url=stored.url)
    call = {
        "type": "tool_call",
        "id": "9",
        "raw_name": "look",
        "raw_arguments": '{"a":1}',
        "name": "look",
        "arguments": {"a": 1},
    }
    output = json.dumps([{"type": "thought", "text": "hm"}, {"type": "text", "text": "so"}, call])
    teach(client, [(stored_input("asked"), output, vector("a"))])
    client.inference(function_name="f", input=question("abc"))
    answer = of_chat(mock_provider)[-1]["messages"][2]
    assert answer["content"] == "so"
    assert answer["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"a":1}'}


def test_json_examples_are_shown_raw(build: Any, models: Callable[..., str], mock_provider: Any, stored: Any) -> None:
    toml = models("echo") + function(mock_provider.url, 'json_mode = "off"', kind="json")
    client = build(toml, url=stored.url, files={"out.json": "{}"})
    teach(client, [(stored_input("asked"), json.dumps({"raw": '{ "a" : 1 }', "parsed": {"a": 1}}), vector("a"))])
    client.inference(function_name="f", input=question("abc"))
    assert messages(mock_provider)[2] == ("assistant", '{ "a" : 1 }')


BROKEN = [  # observed in 2026.6.0
    ("chat", "{}", "invalid type: map, expected a sequence at line 1 column 0"),
    ("chat", "null", "invalid type: null, expected a sequence at line 1 column 4"),
    ("chat", '[{"type":"text"}]', "missing field `text` at line 1 column 17"),
    ("chat", '[{"type":"text","text":5}]', "text: invalid type: integer `5`, expected a string at line 1 column 26"),
    (
        "chat",
        '[{"type":"zz"}]',
        "unknown variant `zz`, expected one of `text`, `tool_call`, `thought`, `unknown` at line 1 column 15",
    ),
    ("json", "5", "invalid type: integer `5`, expected struct JsonInferenceOutput at line 1 column 1"),
    ("json", "[]", "invalid length 0, expected struct JsonInferenceOutput with 2 elements at line 1 column 2"),
    ("json", '{"raw":5}', "invalid type: integer `5`, expected a string at line 1 column 8"),
]


@pytest.mark.parametrize(("kind", "output", "fault"), BROKEN, ids=[output for _, output, _ in BROKEN])
def test_an_output_that_cannot_be_read_fails_the_variant(kind: str, output: str, fault: str) -> None:
    with pytest.raises(GatewayError) as caught:
        shown([{"input": stored_input("q"), "output": output, "distance": 0.0}], kind)
    assert caught.value.message.startswith("Failed to parse `output` in example `RawExample { input: ")
    assert caught.value.message.endswith(f"output: {json.dumps(output)}, cosine_distance: 0.0 }}`: {fault}")


def test_an_output_that_is_missing_and_an_input_that_is_none_are_told() -> None:
    for given, output, message in (
        (stored_input("q"), "", "DICL example missing output. There was a bug in a notebook from 2025-08"),
        ("", said("a"), "Failed to parse `input`: EOF while parsing a value at line 1 column 0"),
        ("5", said("a"), "Failed to parse `input`: invalid type: integer `5`, expected struct StoredInput at line 1 column 1"),
    ):
        with pytest.raises(GatewayError, match=re.escape(message)):
            shown([{"input": given, "output": output, "distance": 0.0}], "chat")


def test_a_blank_input_and_an_unknown_block_are_shown() -> None:
    question_, answer = shown([{"input": "{ }", "output": '[{"type":"unknown","data":1}]', "distance": 0.0}], "chat")
    assert question_.content == (Text('{"messages":[]}'),)
    assert answer.content == (Unknown(1),)


@pytest.mark.parametrize("embedding", [[1.0, 2.0], []])
def test_examples_with_vectors_of_another_size_fail_the_variant(
    build: Any, models: Callable[..., str], mock_provider: Any, stored: Any, embedding: list[float]
) -> None:
    client = build(models("echo") + function(mock_provider.url), url=stored.url)
    teach(client, [(stored_input("a"), said("a"), embedding)])
    with pytest.raises(TensorZeroError, match=r"Failed to run ClickHouse query: Code: 190.*must have equal sizes") as caught:
        client.inference(function_name="f", variant_name="dicl", input=question("abc"))
    assert caught.value.status_code == 500


def test_templates_are_shown_as_json(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    toml = models("echo") + function(mock_provider.url)
    toml += '[functions.f.variants.x]\ntype = "chat_completion"\nmodel = "echo"\ntemplates.hi.path = "hi.minijinja"\n'
    client = build(toml, files={"hi.minijinja": "Hello {{ name }}"})
    block = {"type": "template", "name": "hi", "arguments": {"name": "Bob"}}
    client.inference(function_name="f", variant_name="dicl", input={"messages": [{"role": "user", "content": [block]}]})
    assert messages(mock_provider)[-1] == ("user", '{"type":"template","name":"hi","arguments":{"name":"Bob"}}')


def test_the_embedding_comes_before_the_streamed_answer(
    build: Any, models: Callable[..., str], mock_provider: Any, stored: Any
) -> None:
    client = build(models("echo") + function(mock_provider.url), url=stored.url)
    stream = client.inference(
        function_name="f", input=question("abc"), stream=True, include_raw_usage=True, include_raw_response=True
    )
    usage, raw, *chunks, last = stream
    assert [entry.api_type for entry in usage.raw_usage] == ["embeddings"]
    assert '"letters"' in raw.raw_response[0].data
    assert "".join(block.text for chunk in chunks for block in chunk.content) == "abc"
    assert last.usage.input_tokens == 22
    assert len(stored.rows(client, "ModelInference")) == 2


def test_an_embedding_that_fails_fails_the_variant(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    client = build(models("echo") + function(mock_provider.url, embedding="error500"))
    with pytest.raises(TensorZeroError, match="All variants failed with errors: dicl: All model providers failed to infer"):
        client.inference(function_name="f", input=question("abc"))
    assert of_chat(mock_provider) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extra_body": [{"pointer": "/a", "value": 1}]}, "Inference-level `extra_body` is not yet supported"),
        (
            {"input": {"messages": [{"role": "user", "content": [{"type": "unknown", "data": 1}]}]}},
            "Unsupported content block type `unknown` for provider `dicl`",
        ),
    ],
)
def test_what_it_does_not_take(
    build: Any, models: Callable[..., str], mock_provider: Any, options: dict[str, Any], message: str
) -> None:
    client = build(models("echo") + function(mock_provider.url))
    with pytest.raises(TensorZeroError, match=message):
        client.inference(**{"function_name": "f", "variant_name": "dicl", "input": question("abc"), **options})


def test_a_cached_embedding_is_not_asked_for_again(
    build: Any, models: Callable[..., str], mock_provider: Any, stored: Any
) -> None:
    client = build(models("echo") + function(mock_provider.url), url=stored.url)
    asked = {"function_name": "f", "input": question("abc"), "cache_options": {"enabled": "on"}}
    client.inference(**asked)
    answer = client.inference(**asked)
    assert len(mock_provider.requests()) == 2
    assert answer.usage.input_tokens == 0


def test_a_streamed_winner_counts_as_its_embedding(
    build: Any, models: Callable[..., str], mock_provider: Any, stored: Any
) -> None:
    best = '[functions.f.variants.best]\ntype = "experimental_best_of_n_sampling"\ncandidates = ["dicl"]\n'
    toml = models("echo") + function(mock_provider.url) + best + 'evaluator = { model = "echo" }\n'
    client = build(toml, url=stored.url)
    ask = {"function_name": "f", "variant_name": "best", "input": question("abc"), "stream": True}
    before, chunk, last = client.inference(**ask, include_raw_usage=True)
    assert [entry.api_type for entry in before.raw_usage] == ["chat_completions"]
    assert [entry.api_type for entry in chunk.raw_usage] == ["embeddings"]
    assert (last.usage.input_tokens, last.finish_reason) == (22, "stop")
    rows = {row["model_name"]: row for row in stored.rows(client, "ModelInference")}
    assert json.loads(rows["letters"]["output"]) == json.loads(rows["echo"]["output"]) == [{"type": "text", "text": "abc"}]
    assert rows["letters"]["finish_reason"] == "stop"


def test_a_kept_stream_hides_what_the_embedding_spent(
    build: Any, models: Callable[..., str], mock_provider: Any, stored: Any
) -> None:
    more = (
        function(mock_provider.url, embedding="others").replace('[functions.f]\ntype = "chat"\n', "").replace("s.dicl]", "s.b]")
    )
    client = build(models("echo") + function(mock_provider.url) + more, url=stored.url)

    def spent(variant: str) -> Any:
        options = {"function_name": "f", "variant_name": variant, "cache_options": {"enabled": "on"}}
        return list(client.inference(**options, input=question("abc"), stream=True))[-1].usage

    assert spent("dicl").input_tokens == 22
    assert (spent("b").input_tokens, spent("b").cost) == (0, 0.0)
    assert len(mock_provider.requests()) == 3
