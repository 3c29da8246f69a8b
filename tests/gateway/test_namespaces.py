"""Namespaces: which choice of variants a call gets, and which models it may ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorzero import TensorZeroError, TensorZeroInternalError
from tensorzero.gateway.providers.dummy import script

ASK = {"messages": [{"role": "user", "content": "hi"}]}
MODELS = """
[models.team]
namespace = "team"
routing = ["d"]
providers.d = { type = "dummy", model_name = "team" }
"""
TOML = (
    MODELS
    + """
[functions.f]
type = "chat"
variants.one = { type = "chat_completion", model = "dummy::one" }
variants.two = { type = "chat_completion", model = "dummy::two" }
variants.own = { type = "chat_completion", model = "team" }
variants.judged = { type = "experimental_best_of_n_sampling", candidates = ["one"], evaluator = { model = "team" } }
variants.picked = { type = "experimental_best_of_n_sampling", candidates = ["one", "own"], evaluator = { model = "dummy::x" } }
variants.fused = { type = "experimental_mixture_of_n", candidates = ["one"], fuser = { model = "team" } }
[functions.f.variants.dicl]
type = "experimental_dynamic_in_context_learning"
embedding_model = "dummy::e"
k = 1
model = "team"
[functions.f.experimentation]
type = "static"
candidate_variants = { one = 1.0 }
[functions.f.experimentation.namespaces.team]
type = "static"
candidate_variants = { own = 1.0 }
[functions.f.experimentation.namespaces.other]
type = "static"
candidate_variants = ["two"]
"""
)


def test_a_namespace_has_its_own_choice_and_the_others_the_common_one(build: Any) -> None:
    client = build(TOML)
    with script("one", "one"), script("two", "two"), script("team", "team"):
        chosen = {
            namespace: client.inference(function_name="f", input=ASK, **({} if namespace is None else {"namespace": namespace}))
            for namespace in (None, "team", "other", "unheard of")
        }
    names = {namespace: answer.variant_name for namespace, answer in chosen.items()}
    assert names == {None: "one", "team": "own", "other": "two", "unheard of": "one"}


@pytest.mark.parametrize("variant", ["own", "judged", "picked", "fused", "dicl"])
def test_a_pinned_variant_asks_a_models_namespace(build: Any, variant: str) -> None:
    client = build(TOML)
    with pytest.raises(TensorZeroError) as caught:
        client.inference(function_name="f", variant_name=variant, input=ASK, namespace="other")
    assert caught.value.status_code == 400
    assert json.loads(str(caught.value.text))["error"] == (
        f"Variant `{variant}` uses model `team` which has namespace `team`, but the request namespace is `other`. Namespaced "
        "models can only be used with a matching namespace."
    )
    answer = client.inference(function_name="f", variant_name=variant, input=ASK, namespace="team")
    assert answer.variant_name == variant


@pytest.mark.parametrize("variant", ["own", "judged", "picked", "fused"])
def test_a_choice_must_not_reach_models_of_another_namespace(build: Any, variant: str) -> None:
    with pytest.raises(TensorZeroInternalError, match=f"Variant `{variant}` of function `f` uses model `team` which"):
        build(TOML.replace("{ one = 1.0 }", f"{{ {variant} = 1.0 }}"))
