"""A variant that a call brings along: dry runs only, and nothing but its shape is checked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroInternalError
from tensorzero.gateway.providers.dummy import script

ASK = {"messages": [{"role": "user", "content": "hi"}]}
TOML = """
[models.team]
namespace = "team"
routing = ["d"]
providers.d = { type = "dummy", model_name = "good" }
[functions.f]
type = "chat"
variants.a = { type = "chat_completion", model = "dummy::a", system_template = "sys.minijinja" }
variants.b = { type = "chat_completion", model = "dummy::b" }
[functions.j]
type = "json"
variants.a = { type = "chat_completion", model = "dummy::json", json_mode = "off" }
"""
FILES = {"sys.minijinja": "From the file."}
CHAT = {"type": "chat_completion", "model": "dummy::echo_request_messages"}


def file(name: str, text: str) -> dict[str, str]:
    return {"__tensorzero_remapped_path": name, "__data": text}


@pytest.fixture
def client(build: Any) -> Any:
    return build(TOML, files=FILES)


def ask(client: Any, config: dict[str, Any], function: str = "f", **options: Any) -> Any:
    given = {"input": ASK, "dryrun": True, **options}
    return client.inference(function_name=function, internal_dynamic_variant_config=config, **given)


def test_it_answers_under_a_name_of_its_own_and_stores_nothing(build: Any, stored: Any) -> None:
    client = build(TOML, url=stored.url, files=FILES)
    answer = ask(client, CHAT)
    assert answer.variant_name == "tensorzero::dynamic_variant"
    chunks = list(ask(client, CHAT, stream=True))
    assert chunks[-1].usage is not None
    assert stored.rows(client, "ChatInference") == stored.rows(client, "ModelInference") == []


def test_its_templates_count_for_the_call_only(client: Any) -> None:
    config = {**CHAT, "system_template": file("sys.minijinja", "You are {{ system_text }}.")}
    answer = ask(client, config, input={"system": "Al", **ASK})
    assert json.loads(answer.content[0].text)["system"] == "You are Al."
    with script("a", "x"):
        client.inference(function_name="f", variant_name="a", input=ASK, dryrun=True)
    again = ask(client, {**CHAT, "user_template": file("u", "<{{ user_text }}>")})
    assert json.loads(again.content[0].text)["messages"][0]["content"][0]["text"] == "<hi>"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ user_text", "Error rendering template u: Failed to add template: syntax error: unexpected end of input"),
        ("{{ other }}", "Error rendering template u: Could not render template: undefined value"),
    ],
)
def test_a_template_that_fails(client: Any, template: str, message: str) -> None:
    with pytest.raises(TensorZeroError) as caught:
        ask(client, {**CHAT, "user_template": file("u", template)})
    assert caught.value.status_code == 500
    assert json.loads(str(caught.value.text))["error"].startswith(message)


def test_candidates_are_the_functions_variants(client: Any) -> None:
    config = {
        "type": "experimental_best_of_n_sampling",
        "candidates": ["a", "b"],
        "evaluator": {"model": "dummy::best_of_n_1"},
    }
    with script("a", "from a"), script("b", "from b"):
        assert ask(client, config).content[0].text == "from b"
    with pytest.raises(TensorZeroError, match="Unknown candidate variant: zz"):
        ask(client, {**config, "candidates": ["zz"]})


def test_what_a_configuration_would_refuse_is_no_matter(client: Any) -> None:
    ask(client, {**CHAT, "json_mode": "strict", "weight": -1.0})
    answer = ask(client, {"type": "chat_completion", "model": "dummy::json"}, "j")
    assert answer.output.parsed == {"answer": "Hello"}
    assert ask(client, CHAT, "tensorzero::default").variant_name == "tensorzero::dynamic_variant"


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({**CHAT, "foo": 1}, "foo: unknown field `foo`, expected one of `weight`, `model`"),
        ({"type": "chat_completion"}, "missing field `model`"),
        ({**CHAT, "temperature": "x"}, 'temperature: invalid type: string "x", expected f32'),
        ({**CHAT, "system_template": "x"}, 'system_template: invalid type: string "x", expected struct ResolvedTomlPathData'),
        ({**CHAT, "system_template": {"__tensorzero_remapped_path": "x"}}, "system_template: missing field `__data`"),
        ({**CHAT, "templates": {"x": [{}]}}, "templates.x.path: missing field `__tensorzero_remapped_path`"),
        (
            {**CHAT, "templates": {"x": [5]}},
            "templates.x.path: invalid type: integer `5`, expected struct ResolvedTomlPathData",
        ),
        (
            {"type": "experimental_best_of_n_sampling", "candidates": [], "evaluator": {"model": 5}},
            "evaluator: invalid type: integer `5`, expected a string",
        ),
    ],
)
def test_a_shape_that_is_wrong(client: Any, config: dict[str, Any], fault: str) -> None:
    with pytest.raises(TensorZeroInternalError) as caught:
        ask(client, config)
    assert str(caught.value).startswith(
        f"Failed to deserialize JSON to tensorzero_core::config::UninitializedVariantInfo: {fault}"
    )


@pytest.mark.parametrize(
    ("config", "options", "status", "message"),
    [
        (CHAT, {"dryrun": False}, 400, "If `internal_dynamic_variant_config` is used, `dryrun` must also be set to true"),
        (CHAT, {"variant_name": "a"}, 400, "`variant_name` and `internal_dynamic_variant_config` cannot both be set."),
        ({**CHAT, "model": "nope"}, {}, 500, "Unknown model: nope"),
        (
            {**CHAT, "model": "team"},
            {},
            400,
            (
                "Variant `tensorzero::dynamic_variant` uses model `team` which has namespace `team`, but the request namespace "
                "is `None`. Namespaced models can only be used with a matching namespace."
            ),
        ),
        (
            CHAT,
            {"extra_body": [{"pointer": "/a", "value": 1, "variant_name": "tensorzero::dynamic_variant"}]},
            404,
            "Unknown variant: tensorzero::dynamic_variant",
        ),
        (
            {**CHAT, "system_template": file("a", "x"), "templates": {"system": {"path": file("b", "y")}}},
            {},
            500,
            (
                "functions.f.variants.tensorzero::dynamic_variant: Cannot specify both `templates.system.path` and "
                "`system_template`"
            ),
        ),
    ],
)
def test_what_is_refused(client: Any, config: dict[str, Any], options: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(TensorZeroError) as caught:
        ask(client, config, **options)
    assert (caught.value.status_code, json.loads(str(caught.value.text))["error"]) == (status, message)


def test_it_needs_a_function(client: Any) -> None:
    with pytest.raises(TensorZeroError, match="If a dynamic variant config is passed, `function_name` must be specified"):
        client.inference(model_name="dummy::good", internal_dynamic_variant_config=CHAT, input=ASK, dryrun=True)
