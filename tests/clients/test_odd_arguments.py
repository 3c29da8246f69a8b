"""Arguments of unusual Python types and half-right UUIDs: taken or refused as the original does (observed 2026.6.0)."""

from __future__ import annotations

import enum
from collections import ChainMap, UserDict
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import tensorzero as t
from tensorzero.clients.shapes import plain
from tensorzero.gateway.functions.input import usual_input
from tensorzero.types import TensorZeroInternalError

INPUT = {"messages": [{"role": "user", "content": "hi"}]}
ID = "019a0489-9cae-7c2c-bd77-404de0d3cde0"
HEX = ID.replace("-", "")


class Name(str, enum.Enum):
    DRAFT = "draft"


class Plain(enum.Enum):
    DRAFT = "draft"


@pytest.fixture
def client() -> t.TensorZeroGateway:
    return t.TensorZeroGateway.build_http(gateway_url="http://127.0.0.1:1")


def body(client: t.TensorZeroGateway, **arguments: Any) -> dict[str, Any]:
    return client._prepare_inference_request(**({"input": INPUT} | arguments))


def test_a_member_of_an_enum_of_texts_counts_for_its_text(client: t.TensorZeroGateway) -> None:
    made = body(
        client,
        function_name=Name.DRAFT,
        variant_name=Name.DRAFT,
        tool_choice=type("Choice", (str,), {"__str__": lambda _self: "no"})("auto"),
        allowed_tools=[Name.DRAFT],
        tags={Name.DRAFT: Name.DRAFT},
        input={"system": Name.DRAFT, "messages": []},
    )
    found = [made[key] for key in ("function_name", "variant_name", "tool_choice")]
    found += made["allowed_tools"] + list(made["tags"]) + list(made["tags"].values()) + [made["input"]["system"]]
    assert found == ["draft", "draft", "auto", "draft", "draft", "draft", "draft"]
    assert {type(text) for text in found} == {str}


@pytest.mark.parametrize(
    "given",
    [
        {"input": {"messages": [{"role": "user", "content": Plain.DRAFT}]}},
        {"input": {"system": {"name": Plain.DRAFT}, "messages": []}},
        {"tool_choice": Plain.DRAFT},
        {"extra_body": [{"pointer": "/a", "value": [{"b": (Plain.DRAFT,)}]}]},
    ],
)
def test_a_member_of_any_other_enum_has_no_json_form(client: t.TensorZeroGateway, given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"^Object of type Plain is not JSON serializable$"):
        body(client, **given)


def test_a_member_of_any_other_enum_is_no_value_of_feedback(client: t.TensorZeroGateway) -> None:
    with pytest.raises(TypeError, match=r"^Object of type Plain is not JSON serializable$"):
        client.feedback(metric_name="m", value=Plain.DRAFT, inference_id=ID)


def test_a_boolean_of_numpy_is_one(client: t.TensorZeroGateway) -> None:
    tool = {"name": "n", "description": "d", "parameters": {}, "strict": np.True_}
    made = body(client, stream=np.True_, dryrun=np.False_, additional_tools=[tool])
    assert [made["stream"], made["dryrun"], made["additional_tools"][0]["strict"]] == [True, False, True]
    assert {type(made["stream"]), type(made["dryrun"])} == {bool}


@pytest.mark.parametrize("given", [UserDict(a="b"), ChainMap({"a": "b"})])
def test_whatever_has_items_by_number_is_a_list(client: t.TensorZeroGateway, given: Any) -> None:
    assert body(client, allowed_tools=given)["allowed_tools"] == ["a"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (b"x", "'int' object cannot be converted to 'PyString'"),
        (np.array([1]), "'int64' object cannot be converted to 'PyString'"),
        (np.array(1), "iteration over a 0-d array"),
        (np.int64(1), "'int64' object cannot be converted to 'Sequence'"),
        (Plain.DRAFT, "'Plain' object cannot be converted to 'Sequence'"),
        (MappingProxyType({}), "'mappingproxy' object cannot be converted to 'Sequence'"),
        ({"x"}, "'set' object cannot be converted to 'Sequence'"),
        (Name.DRAFT, "Can't extract `str` to `Vec`"),
    ],
)
def test_what_is_no_list_is_refused_by_its_type(client: t.TensorZeroGateway, given: Any, told: str) -> None:
    with pytest.raises(TypeError) as caught:
        body(client, allowed_tools=given)
    assert str(caught.value) == f"argument 'allowed_tools': {told}"


@pytest.mark.parametrize("given", ["", 0, False, [], frozenset[str]()])
@pytest.mark.parametrize("kind", ["headers", "attributes", "resources"])
def test_what_is_empty_but_no_dict_gives_no_trace_headers(client: t.TensorZeroGateway, kind: str, given: Any) -> None:
    with pytest.raises(TypeError) as caught:
        client.inference(input=INPUT, **{f"otlp_traces_extra_{kind}": given})
    shown = type(given).__name__
    assert str(caught.value) == f"argument 'otlp_traces_extra_{kind}': '{shown}' object cannot be converted to 'PyDict'"


def test_the_keys_of_a_tool_are_text(client: t.TensorZeroGateway) -> None:
    with pytest.raises(TypeError) as caught:
        body(client, additional_tools=[{1: "b"}])
    assert str(caught.value) == "argument 'additional_tools': 'int' object cannot be converted to 'PyString'"


@pytest.mark.parametrize("key", ["role", "type"])
def test_an_array_where_a_word_belongs_has_no_json_form(client: t.TensorZeroGateway, key: str) -> None:
    message: dict[str, Any] = {"role": "user", "content": [{"type": "text", "text": "x"}]}
    (message if key == "role" else message["content"][0])[key] = np.array([1, 2])
    with pytest.raises(TypeError, match=r"^Object of type ndarray is not JSON serializable$"):
        body(client, input={"messages": [message]})
    with pytest.raises(TypeError, match=r"^Object of type ndarray is not JSON serializable$"):
        usual_input({"messages": [message]}) or plain({"messages": [message]}, "x")


@pytest.mark.parametrize("given", [ID, ID.upper(), HEX, f"{{{ID}}}", f"urn:uuid:{ID}"])
def test_a_uuid_is_taken_in_the_original_s_five_forms(client: t.TensorZeroGateway, given: str) -> None:
    assert body(client, episode_id=given)["episode_id"] == ID


UUID_PROBLEMS = {
    "": "ParseSimpleLength { len: 0 }",
    "{}": "ParseGroupCount { count: 1 }",
    f"{{{HEX}}}": "ParseGroupCount { count: 1 }",
    f"urn:uuid:{HEX}": "ParseGroupCount { count: 1 }",
    "{a-b}": "ParseGroupCount { count: 2 }",
    "{a-b-c-d-e}": "ParseGroupLength { group: 0, len: 1, index: 2 }",
    "urn:uuid:a-b-c-d-e": "ParseGroupLength { group: 0, len: 1, index: 10 }",
    f"urn:uuid:{{{ID}}}": "ParseChar { character: '{', index: 10 }",
    "{0n9a0489-9cae-7c2c-bd77-404de0d3cde0}": "ParseChar { character: 'n', index: 2 }",
    "{日}": "ParseChar { character: '日', index: 2 }",
    "{}{}": "ParseChar { character: '}', index: 2 }",
    f"{ID}\n": r"ParseChar { character: '\n', index: 37 }",
    "\\": r"ParseChar { character: '\\', index: 1 }",
    "'": r"ParseChar { character: '\'', index: 1 }",
    "\0": r"ParseChar { character: '\0', index: 1 }",
    "\x7f": r"ParseChar { character: '\u{7f}', index: 1 }",
    "\u202e": r"ParseChar { character: '\u{202e}', index: 1 }",
    "\u0301": r"ParseChar { character: '\u{301}', index: 1 }",
}


@pytest.mark.parametrize(("given", "problem"), UUID_PROBLEMS.items())
def test_what_is_wrong_with_a_uuid_is_told_in_the_original_s_words(
    client: t.TensorZeroGateway, given: str, problem: str
) -> None:
    with pytest.raises(ValueError) as caught:
        body(client, episode_id=given)
    assert str(caught.value) == f"Failed to parse episode_id as UUID: Error({problem})"


def test_a_dict_shown_as_text_is_told_like_a_uuid_in_braces(client: t.TensorZeroGateway) -> None:
    with pytest.raises(ValueError, match=r"index: 3 \}\)$"):
        client.feedback(metric_name="m", value=True, inference_id={1: "b"})  # type: ignore[arg-type]


EVALUATION: dict[str, Any] = {"evaluation_name": "e", "dataset_name": "d", "variant_name": "v"}
WORKFLOW: dict[str, Any] = {
    "function_name": "f",
    "template_variant_name": "v",
    "optimizer_config": {"type": "openai_sft", "model": "m"},
    "output_source": "inference",
}
WRONG_JOBS: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    (
        "experimental_run_evaluation",
        EVALUATION | {"concurrency": "x"},
        TypeError,
        "argument 'concurrency': 'str' object cannot be interpreted as an integer",
    ),
    ("experimental_run_evaluation", EVALUATION | {"concurrency": -1}, OverflowError, "can't convert negative int to unsigned"),
    ("experimental_run_evaluation", EVALUATION | {"concurrency": 2**64}, OverflowError, "int too big to convert"),
    (
        "experimental_run_evaluation",
        EVALUATION | {"max_datapoints": 2**32},
        OverflowError,
        "out of range integral type conversion attempted",
    ),
    (
        "experimental_run_evaluation",
        EVALUATION | {"max_datapoints": 2**64},
        OverflowError,
        "Python int too large to convert to C long",
    ),
    (
        "experimental_run_evaluation",
        EVALUATION | {"datapoint_ids": "x"},
        TypeError,
        "argument 'datapoint_ids': Can't extract `str` to `Vec`",
    ),
    (
        "experimental_run_evaluation",
        EVALUATION | {"datapoint_ids": ["x"]},
        ValueError,
        "Invalid UUID in datapoint_ids: invalid character: found `x` at 1",
    ),
    (
        "experimental_run_evaluation",
        EVALUATION | {"function_name": ""},
        ValueError,
        (
            "Incorrect arguments to identify evaluation: either provide both `function_name` and `evaluator_names`, "
            "or provide only `evaluation_name`"
        ),
    ),
    (
        "experimental_launch_optimization_workflow",
        WORKFLOW | {"val_fraction": "x"},
        TypeError,
        "argument 'val_fraction': must be real number, not str",
    ),
    (
        "experimental_launch_optimization_workflow",
        WORKFLOW | {"dataset_name": "d"},
        ValueError,
        "provide either `output_source` or `dataset_name`, not both",
    ),
    (
        "experimental_launch_optimization_workflow",
        WORKFLOW | {"output_source": "zz"},
        TensorZeroInternalError,
        'Internal TensorZero Error: Invalid inference output source: zz. Should be one of: "inference" or "demonstration".',
    ),
    (
        "experimental_render_samples",
        {"stored_samples": None, "variants": {}},
        TypeError,
        "argument 'stored_samples': 'NoneType' object cannot be converted to 'Sequence'",
    ),
    (
        "experimental_launch_optimization",
        {"train_samples": [], "optimization_config": WORKFLOW["optimizer_config"]},
        TensorZeroInternalError,
        "Internal TensorZero Error: Invalid client mode: Http. This function is only available in EmbeddedGateway mode",
    ),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "given", "error", "told"), WRONG_JOBS)
def test_the_arguments_of_evaluations_and_optimizations_are_checked_before_anything_is_sent(
    client: t.TensorZeroGateway, name: str, given: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error) as caught:
        getattr(client, name)(**given)
    assert str(caught.value) == told
