"""Names, fields, defaults and signatures are those of the facts in tools/client_surface.json."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import pickle
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tensorzero
import tensorzero_notebook
from tensorzero import generated_types, internal, types
from tensorzero import tensorzero as native

ROOT = Path(__file__).resolve().parent.parent
FACTS: dict[str, Any] = json.loads((ROOT / "tools" / "client_surface.json").read_text(encoding="utf-8"))
NATIVE: dict[str, Any] = FACTS["native"]
CLIENTS = (tensorzero.TensorZeroGateway, tensorzero.AsyncTensorZeroGateway)
LIFETIME = {"build_http", "build_embedded", "close"}


def shown(parameters: Any) -> list[str]:
    """`name` or `name=default`, in order, without self and cls."""
    found = []
    for parameter in parameters:
        if parameter.name not in {"self", "cls"}:
            default = "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
            found.append(f"{parameter.name}{default}")
    return found


def listed(signature: str) -> list[str]:
    """The same of a signature of the facts."""
    signature = signature.removeprefix("*, ")
    tree = ast.parse(f"def f(*, {signature}): ..." if signature else "def f(): ...").body[0]
    assert isinstance(tree, ast.FunctionDef)
    pairs = zip(tree.args.kwonlyargs, tree.args.kw_defaults, strict=True)
    return [arg.arg if default is None else f"{arg.arg}={ast.literal_eval(default)!r}" for arg, default in pairs]


def described(cls: type) -> dict[str, str | None]:
    """Field name to the facts' text of its default."""
    found: dict[str, str | None] = {}
    for field in dataclasses.fields(cls):
        if field.default_factory is not dataclasses.MISSING:
            found[field.name] = f"factory:{field.default_factory()!r}"
        else:
            found[field.name] = None if field.default is dataclasses.MISSING else repr(field.default)
    return found


def test_all_holds_the_138_public_names() -> None:
    assert sorted(tensorzero.__all__) == FACTS["in_all"]
    assert len(tensorzero.__all__) == 138
    names: dict[str, Any] = {}
    exec("from tensorzero import *", names)
    assert set(FACTS["in_all"]) <= set(names)


@pytest.mark.parametrize("name", FACTS["importable"])
def test_the_other_names_are_importable(name: str) -> None:
    assert getattr(tensorzero, name) is not None
    assert name not in tensorzero.__all__


def test_names_of_two_modules_are_the_right_ones_at_the_top() -> None:
    assert tensorzero.JsonInferenceOutput is generated_types.JsonInferenceOutput
    for name in ("Text", "Thought", "Template", "RawText", "ToolCall", "ToolResult", "FileBase64", "Tool", "OrderBy", "System"):
        assert getattr(tensorzero, name) is getattr(types, name)
    assert tensorzero.RenderedStoredInference is tensorzero.RenderedSample


@pytest.mark.parametrize("name", FACTS["generated"])
def test_generated_class(name: str) -> None:
    cls = getattr(generated_types, name)
    facts = FACTS["generated"][name]
    assert described(cls) == {field: (fact[1:] or [None])[0] for field, fact in facts.items()}
    assert [field.type for field in dataclasses.fields(cls)] == [fact[0] for fact in facts.values()]
    with pytest.raises(TypeError):
        cls(*("x" for _ in facts))
    assert cls.__hash__ is None


@pytest.mark.parametrize(("name", "parent"), FACTS["generated_bases"].items())
def test_generated_class_is_one_of_its_parents(name: str, parent: str) -> None:
    assert getattr(generated_types, name).__bases__ == (getattr(generated_types, parent),)


def test_generated_file_is_what_the_generator_writes() -> None:
    command = [sys.executable, str(ROOT / "tools" / "generate_types.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize("name", FACTS["types"])
def test_written_class(name: str) -> None:
    cls = getattr(types, name, None) or getattr(internal, name)
    assert described(cls) == {field: (fact[1:] or [None])[0] for field, fact in FACTS["types"][name].items()}
    assert cls.__hash__ is None
    assert not any(field.kw_only for field in dataclasses.fields(cls))


@pytest.mark.parametrize("name", NATIVE)
def test_native_class(name: str) -> None:
    cls = getattr(native, name)
    for method, signature in NATIVE[name]["methods"].items():
        assert shown(inspect.signature(getattr(cls, method)).parameters.values()) == listed(signature), method
    for attribute in NATIVE[name]["properties"]:
        assert hasattr(cls, attribute)
    if NATIVE[name]["constructible"]:
        assert shown(inspect.signature(cls).parameters.values()) == listed(NATIVE[name]["signature"])
    else:
        with pytest.raises(TypeError, match=rf"cannot create 'builtins\.{name}' instances"):
            cls()


def test_every_argument_of_a_client_is_keyword_only() -> None:
    for client in CLIENTS:
        for name in NATIVE[client.__name__]["methods"]:
            parameters = list(inspect.signature(getattr(client, name)).parameters.values())
            kinds = {parameter.kind for parameter in parameters if parameter.name != "self"}
            assert kinds <= {inspect.Parameter.KEYWORD_ONLY}, name


def test_both_clients_have_the_same_methods_parameters_and_docstrings() -> None:
    blocking, asynchronous = CLIENTS
    for name in NATIVE["TensorZeroGateway"]["methods"].keys() - LIFETIME:
        one, other = getattr(blocking, name), getattr(asynchronous, name)
        assert inspect.signature(one).parameters == inspect.signature(other).parameters, name
        assert one.__doc__.replace("an iterator", "an async iterator") == other.__doc__, name


def test_classes_that_callers_only_receive_look_as_the_originals_do() -> None:
    client = tensorzero.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1")
    assert repr(client) == f"<builtins.TensorZeroGateway object at {id(client):#x}>"
    for cls in CLIENTS:
        with pytest.raises(TypeError, match=f"type 'builtins.{cls.__name__}' is not an acceptable base type"):
            type("Own", (cls,), {})
    own = type("Own", (tensorzero.BaseTensorZeroGateway,), {"__module__": "mine"})
    with pytest.raises(TypeError, match=r"^cannot create 'Own' instances$"):
        own()
    assert own.__module__ == "mine"
    with pytest.raises(TypeError, match=r"^type 'builtins.Config' is not an acceptable base type$"):
        type("Own", (tensorzero.Config,), {"__module__": "mine"})


def looked_up(value: Any) -> dict[str, Any]:
    """What IPython's `value??` shows."""
    from IPython.core.oinspect import Inspector

    themed = "theme_name" in inspect.signature(Inspector.__init__).parameters
    inspector: Any = Inspector(theme_name="nocolor") if themed else Inspector()
    return inspector.info(value, detail_level=1)


SHOWN = [*CLIENTS, tensorzero.Config, tensorzero.RenderedSample, tensorzero.TensorZeroError, tensorzero.types.Text]


@pytest.mark.parametrize("name", [name for name in tensorzero.__all__ if isinstance(getattr(tensorzero, name), type)])
def test_every_public_class_is_found_where_it_is_written(name: str) -> None:
    cls = getattr(tensorzero, name)
    assert inspect.getsource(cls).lstrip().startswith(("class ", "@"))
    assert Path(inspect.getfile(cls)).is_relative_to(ROOT / "tensorzero")
    assert pickle.loads(pickle.dumps(cls)) is cls
    assert pydoc.render_doc(cls)


@pytest.mark.parametrize("cls", SHOWN, ids=lambda cls: cls.__name__)
def test_two_question_marks_show_the_source(cls: type) -> None:
    info = looked_up(cls)
    assert f"class {cls.__name__}" in info["source"]
    assert Path(str(info["file"])).is_relative_to(ROOT / "tensorzero")


@pytest.mark.parametrize("client", CLIENTS, ids=lambda cls: cls.__name__)
def test_two_question_marks_show_the_source_of_methods_and_of_instances(client: type) -> None:
    for name in ("inference", "feedback", "close", "build_http"):
        assert f"def {name}(" in looked_up(getattr(client, name))["source"]
    instance = tensorzero.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1")
    assert "class TensorZeroGateway" in looked_up(instance)["source"]


def test_a_client_has_the_attributes_of_the_original_s_and_takes_no_others() -> None:
    client: Any = tensorzero.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1")
    for name in ("config", "x"):
        with pytest.raises(AttributeError, match=f"^'builtins.TensorZeroGateway' object has no attribute '{name}'$"):
            getattr(client, name)
    with pytest.raises(AttributeError, match=r"^'builtins.TensorZeroGateway' object has no attribute 'x'$"):
        client.x = 1
    with pytest.raises(AttributeError, match=r"^'builtins.TensorZeroGateway' object attribute 'inference' is read-only$"):
        client.inference = print
    assert not hasattr(client, "__dict__")


WRONG_CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("inference", (1,), {}, "takes 0 positional arguments but 1 was given"),
    ("feedback", ("m", True), {}, "takes 0 positional arguments but 2 were given"),
    ("inference", (), {}, "missing 1 required keyword argument: 'input'"),
    ("feedback", (), {}, "missing 2 required keyword arguments: 'metric_name' and 'value'"),
    (
        "experimental_launch_optimization_workflow",
        (),
        {},
        "missing 3 required keyword arguments: 'function_name', 'template_variant_name', and 'optimizer_config'",
    ),
    ("feedback", (), {"zz": 1}, "got an unexpected keyword argument 'zz'"),
    ("build_http", (), {}, "missing 1 required keyword argument: 'gateway_url'"),
    ("build_embedded", ("t.toml",), {}, "takes 0 positional arguments but 1 was given"),
]


@pytest.mark.parametrize(("name", "positional", "keywords", "told"), WRONG_CALLS)
def test_a_call_with_the_wrong_arguments_is_told_in_the_original_s_words(
    name: str, positional: tuple[Any, ...], keywords: dict[str, Any], told: str
) -> None:
    for cls in CLIENTS:
        built = cls.build_http(gateway_url="http://127.0.0.1:1", **({} if cls is CLIENTS[0] else {"async_setup": False}))
        with pytest.raises(TypeError) as caught:
            getattr(built, name)(*positional, **keywords)
        assert str(caught.value) == f"{cls.__name__}.{name}() {told}"


def test_former_names_are_there_and_warn() -> None:
    with pytest.warns(DeprecationWarning, match="`tensorzero.DiclConfig` is now `tensorzero.DICLConfig`"):
        assert tensorzero.DiclConfig is tensorzero.DICLConfig
    with pytest.warns(DeprecationWarning, match="generated_types.DatapointChat"):
        assert tensorzero.ChatDatapoint is generated_types.DatapointChat
    with pytest.raises(AttributeError, match="module 'tensorzero' has no attribute 'LocalHttpGateway'"):
        _ = tensorzero.LocalHttpGateway


def exported() -> dict[str, Any]:
    """Every public name of both packages that is ours, and every public member of its classes."""
    found: dict[str, Any] = {}
    for package in (tensorzero, tensorzero_notebook):
        for name in package.__all__:
            value = getattr(package, name)
            if not inspect.isclass(value) and not inspect.isfunction(value):
                continue
            found[f"{package.__name__}.{name}"] = value
            for member in dir(value) if inspect.isclass(value) else ():
                inner = inspect.getattr_static(value, member)
                inner = inner.__func__ if isinstance(inner, (classmethod, staticmethod)) else inner
                if not member.startswith("_") and (inspect.isfunction(inner) or isinstance(inner, property)):
                    found[f"{package.__name__}.{name}.{member}"] = inner
    return found


def test_every_exported_name_says_what_it_is() -> None:
    """In words: not the signature that a dataclass writes for itself."""
    silent = [
        name
        for name, value in exported().items()
        if not (doc := vars(value).get("__doc__") if inspect.isclass(value) else inspect.getdoc(value))
        or doc.startswith(f"{name.rpartition('.')[2]}(")
    ]
    assert silent == []
