"""`experimental_get_config()`: what an embedded client tells of its functions, as recorded from the original 2026.6.0."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tensorzero as t

RECORDED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "shown_configs.json").read_text(encoding="utf-8"))
FILES: dict[str, str] = RECORDED[0]["files"]
SHOWN = [(index, name) for index, one in enumerate(RECORDED) for name in one["functions"]]


@pytest.fixture
def client(config_dir: Callable[..., Path]) -> t.TensorZeroGateway:
    return build(config_dir, FILES)


def build(config_dir: Callable[..., Path], files: dict[str, str]) -> t.TensorZeroGateway:
    others = {name: text for name, text in files.items() if name != "tensorzero.toml"}
    return t.TensorZeroGateway.build_embedded(config_file=str(config_dir(files["tensorzero.toml"], others)))


@pytest.fixture
def functions(client: t.TensorZeroGateway) -> Any:
    return client.experimental_get_config().functions


@pytest.mark.parametrize(("index", "name"), SHOWN)
def test_the_text_of_a_function_is_its_json(config_dir: Callable[..., Path], index: int, name: str) -> None:
    functions = build(config_dir, RECORDED[index]["files"]).experimental_get_config().functions
    shown = str(functions[name])
    assert json.loads(shown) == RECORDED[index]["functions"][name]
    assert list(json.loads(shown)) == list(RECORDED[index]["functions"][name])
    assert shown.startswith('{\n  "type": ')


def test_functions_are_counted_with_the_judges_and_the_built_in_ones(functions: Any) -> None:
    declared, judges, built_in = 9, 2, 2
    assert len(functions) == declared + judges + built_in
    assert repr(functions["tensorzero::llm_judge::ev::judge"].type) == "FunctionConfigType.Json"
    assert functions["tensorzero::llm_judge::function_name::eval::judge"].variants["jv"].system_template == "judge it\n\n"
    assert len(functions["tensorzero::optimization::gepa::analyze"].variants) == 0


def test_variants_tell_their_model_and_the_source_of_their_templates(functions: Any) -> None:
    variant = functions["full"].variants["a"]
    assert isinstance(variant, t.ChatCompletionConfig)
    assert (variant.model, variant.user_template) == ("m", "Q: {{ q }}")
    assert variant.system_template == variant.assistant_template == FILES["sys.minijinja"]
    plain = functions["plain"].variants["v"]
    assert (plain.system_template, plain.user_template, plain.assistant_template) == (None, None, None)
    assert functions["wrap"].variants["v"].user_template == "<{{ user_text }}>"


def test_schemas_are_copies(functions: Any) -> None:
    full = functions["full"]
    assert full.user_schema == json.loads(FILES["user.json"])
    full.user_schema["type"] = "changed"
    assert full.user_schema["type"] == "object"
    assert functions["plain"].system_schema is None
    assert functions["j"].output_schema == json.loads(FILES["out.json"])
    assert functions["jnone"].output_schema == {}


@pytest.mark.parametrize(
    ("function", "variant", "kind"),
    [
        ("kinds", "b", t.BestOfNSamplingConfig),
        ("kinds", "mix", t.MixtureOfNConfig),
        ("kinds", "d", t.DICLConfig),
        ("j", "cot", t.ChainOfThoughtConfig),
    ],
)
def test_other_variants_are_opaque(functions: Any, function: str, variant: str, kind: Any) -> None:
    found = functions[function].variants[variant]
    assert type(found) is kind
    with pytest.raises(AttributeError, match=f"'builtins.{kind.__name__}' object has no attribute 'model'"):
        found.model  # noqa: B018


def test_a_type_is_equal_to_nothing_else(functions: Any) -> None:
    chat, as_json = functions["plain"].type, functions["j"].type
    assert (repr(chat), str(as_json), int(chat), int(as_json)) == ("FunctionConfigType.Chat", "FunctionConfigType.Json", 0, 1)
    assert chat == chat
    assert chat not in ("chat", 0, functions["plain"].type, type(chat).Chat)
    assert repr(type(chat).Json) == "FunctionConfigType.Json"
    with pytest.raises(TypeError, match=r"^cannot create 'builtins.FunctionConfigType' instances$"):
        type(chat)()


def test_names_are_looked_up_and_nothing_else(functions: Any) -> None:
    variants = functions["plain"].variants
    for named, argument, kind in ((functions, "function_name", "FunctionsConfig"), (variants, "key", "VariantsConfig")):
        with pytest.raises(KeyError, match=r"^'nope'$"):
            named["nope"]
        with pytest.raises(TypeError, match=f"^argument '{argument}': 'int' object cannot be converted to 'PyString'$"):
            named[0]
        with pytest.raises(TypeError, match=f"^'builtins.{kind}' object is not iterable$"):
            list(named)
        with pytest.raises(TypeError, match=f"^argument of type 'builtins.{kind}' is not iterable$"):
            assert "plain" in named
    assert (len(variants), bool(variants)) == (1, True)


def test_views_are_new_each_time_and_cannot_be_changed_copied_or_made(client: t.TensorZeroGateway) -> None:
    config: Any = client.experimental_get_config()
    assert config.functions is not config.functions
    assert repr(config).startswith("<builtins.Config object at 0x")
    with pytest.raises(AttributeError, match=r"^attribute 'functions' of 'builtins.Config' objects is not writable$"):
        config.functions = 1
    with pytest.raises(AttributeError, match=r"^'builtins.Config' object has no attribute 'x'$"):
        config.x = 1
    with pytest.raises(AttributeError, match=r"^attribute 'functions' of 'builtins.Config' objects is not writable$"):
        del config.functions
    for act in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match=r"^cannot pickle 'builtins.Config' object$"):
            act(config)
    with pytest.raises(TypeError, match=r"^cannot create 'builtins.Config' instances$"):
        type(config)()


def test_the_async_client_tells_it_without_waiting(config_dir: Callable[..., Path]) -> None:
    path = str(config_dir(FILES["tensorzero.toml"], {k: v for k, v in FILES.items() if k != "tensorzero.toml"}))

    async def count() -> int:
        async with await t.AsyncTensorZeroGateway.build_embedded(config_file=path) as client:  # type: ignore[misc]
            return len(client.experimental_get_config().functions)

    assert asyncio.run(count()) == 13


def test_a_closed_client_still_tells_it(client: t.TensorZeroGateway) -> None:
    client.close()
    assert client.experimental_get_config().functions["plain"].variants["v"].model == "m"


def test_over_http_there_is_none() -> None:
    client = t.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1")
    with pytest.raises(ValueError, match=r"^Failed to get config: ") as caught:
        client.experimental_get_config()
    assert str(caught.value) == (
        'Failed to get config: Other { source: TensorZeroInternalError(Error(InvalidClientMode { mode: "Http", message: "This '
        'function is only available in EmbeddedGateway mode" })) }'
    )
