"""Generated dataclasses from JSON: unions by their literal fields, wrong shapes as one error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import tensorzero as t
from tensorzero import generated_types as g
from tensorzero.clients.async_evaluations import AsyncEvaluationJobHandler
from tensorzero.clients.replies import reader
from tensorzero.clients.sync_evaluations import EvaluationJobHandler

SAMPLE: dict[str, Any] = {
    "type": "chat",
    "episode_id": "e",
    "function_name": "f",
    "inference_id": "i",
    "timestamp": "2026-01-01T00:00:00Z",
    "variant_name": "v",
    "input": {
        "system": "s",
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "hi"}, {"type": "tool_result", "id": "1", "name": "n", "result": "r"}],
            }
        ],
    },
    "output": [{"type": "tool_call", "id": "1", "raw_name": "n", "raw_arguments": "{}", "arguments": {"a": 1}}],
    "inference_params": {"chat_completion": {"temperature": 1}},
    "tool_choice": {"specific": "n"},
    "unknown_key": 1,
}


def test_a_stored_inference_is_read_with_all_its_parts() -> None:
    (found,) = reader("GetInferencesResponse")({"inferences": [SAMPLE]}).inferences
    assert isinstance(found, g.StoredInferenceChat)
    assert found.input == g.StoredInput(
        system="s",
        messages=[
            g.StoredInputMessage(
                role="user",
                content=[
                    g.StoredInputMessageContentText(text="hi"),
                    g.StoredInputMessageContentToolResult(id="1", name="n", result="r"),
                ],
            )
        ],
    )
    assert found.output == [
        g.ContentBlockChatOutputToolCall(id="1", raw_name="n", raw_arguments="{}", arguments={"a": 1}),
    ]
    assert found.inference_params is not None
    temperature = found.inference_params.chat_completion.temperature
    assert (temperature, type(temperature)) == (1.0, float)
    assert found.tool_choice == g.ToolChoiceSpecific(specific="n")
    assert (found.tags, found.dispreferred_outputs) == ({}, [])


@pytest.mark.parametrize(
    "reply",
    [
        {},
        [],
        {"inferences": {}},
        {"inferences": [{**SAMPLE, "type": "zz"}]},
        {"inferences": [{**SAMPLE, "episode_id": 1}]},
        {"inferences": [{key: value for key, value in SAMPLE.items() if key != "variant_name"}]},
    ],
)
def test_another_shape_is_an_internal_error(reply: Any) -> None:
    with pytest.raises(t.TensorZeroInternalError, match="the gateway's reply is not a GetInferencesResponse: "):
        reader("GetInferencesResponse")(reply)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ([], "expected an object for GetInferencesResponse, found list"),
        ({}, "GetInferencesResponse.inferences is missing"),
        ({"inferences": {}}, "expected a list, found dict"),
    ],
)
def test_the_first_part_of_another_shape_is_named(reply: Any, fault: str) -> None:
    with pytest.raises(t.TensorZeroInternalError) as caught:
        reader("GetInferencesResponse")(reply)
    assert str(caught.value) == f"Internal TensorZero Error: the gateway's reply is not a GetInferencesResponse: {fault}"


def test_a_union_that_no_member_fits_says_why_for_each_or_for_the_one_that_the_value_names() -> None:
    for change, faults in (
        ({"type": "zz"}, ("expected one of ('chat',), found 'zz'", "expected one of ('json',), found 'zz'")),
        ({"episode_id": 1}, ("expected str, found int",)),
    ):
        with pytest.raises(t.TensorZeroInternalError) as caught:
            reader("GetInferencesResponse")({"inferences": [{**SAMPLE, **change}]})
        assert str(caught.value).endswith(f" is not a GetInferencesResponse: {'; '.join(faults)}")


@pytest.mark.parametrize(("value", "read"), [(1, 1.0), (0, 0.0), (0.5, 0.5)])
def test_a_whole_number_is_read_where_a_fraction_may_stand(value: Any, read: float) -> None:
    params = {"chat_completion": {"temperature": value}}
    (found,) = reader("GetInferencesResponse")({"inferences": [{**SAMPLE, "inference_params": params}]}).inferences
    temperature = found.inference_params.chat_completion.temperature
    assert (temperature, type(temperature)) == (read, float)


@pytest.mark.parametrize("params", [{"temperature": True}, {"temperature": "1"}, {"max_tokens": True}, {"max_tokens": 1.5}])
def test_truth_values_and_texts_are_no_numbers_and_fractions_no_counts(params: dict[str, Any]) -> None:
    with pytest.raises(t.TensorZeroInternalError, match=r"expected (float|int), found (bool|str|float)"):
        reader("GetInferencesResponse")({"inferences": [{**SAMPLE, "inference_params": {"chat_completion": params}}]})


START = {
    "type": "start",
    "evaluation_run_id": "r",
    "num_datapoints": 3,
    "evaluation_config": {"evaluators": {"e": {}, "never": {}}},
}
RESULTS: list[dict[str, Any]] = [
    {
        "type": "success",
        "evaluation_run_id": "r",
        "datapoint": {},
        "response": {},
        "evaluations": {"e": value},
        "evaluator_errors": {},
        "processing_time_ms": 1,
    }
    for value in (True, True, False)
]
END: list[dict[str, Any]] = [
    {"type": "error", "evaluation_run_id": "r", "datapoint_id": "d", "message": "m"},
    {"type": "complete"},
]


async def batches(*events: dict[str, Any]) -> AsyncIterator[list[Any]]:
    for event in events:
        yield [event]


def test_an_evaluation_gives_results_and_numbers_of_those_consumed() -> None:
    handler = EvaluationJobHandler.begin(None, batches(START, *RESULTS, *END))
    assert handler.run_info == {"evaluation_run_id": "r", "num_datapoints": 3}
    assert repr(handler) == str(handler) == '{\n  "evaluation_run_id": "r",\n  "num_datapoints": 3\n}'
    assert handler.summary_stats()["e"] == {"mean": 0.0, "stderr": 0.0, "count": 0}
    results = list(handler.results())
    assert [result["type"] for result in results] == ["success", "success", "success", "error"]
    assert "evaluation_run_id" not in results[0]
    stats = handler.summary_stats()
    assert stats["e"] == {"mean": pytest.approx(2 / 3), "stderr": pytest.approx(0.2722, abs=1e-4), "count": 3}
    assert stats["never"]["count"] == 0


def test_a_fatal_event_ends_an_evaluation() -> None:
    fatal = {"type": "fatal_error", "message": "no"}
    with pytest.raises(RuntimeError, match=r"^Evaluation fatal error: no$"):
        list(EvaluationJobHandler.begin(None, batches(START, fatal)))

    async def main() -> None:
        handler = await AsyncEvaluationJobHandler.begin(None, batches(START, RESULTS[0], fatal))
        assert (await anext(handler))["type"] == "success"
        assert (await handler.summary_stats())["e"]["count"] == 1
        with pytest.raises(RuntimeError, match=r"^Evaluation fatal error: no$"):
            await anext(handler)

    asyncio.run(main())


def test_optimization_objects() -> None:
    status = t.OptimizationJobStatus
    assert (repr(status.Pending), str(status.Failed), int(status.Failed)) == ("Pending", "Failed", 2)
    assert status.Pending == status.Pending
    assert status.Pending != 0
    for wrong in (lambda: hash(status.Pending), lambda: status.Pending < status.Failed):
        with pytest.raises(TypeError):
            wrong()
    assert '"learning_rate": 0.00001' in str(t.TogetherSFTConfig(model="m"))
    assert '"batch_size": 128' in str(t.DICLOptimizationConfig(embedding_model="e", variant_name="v", function_name="f"))
    assert repr(t.GEPAConfig("f", "e", "a", "m")) == str(t.GEPAConfig("f", "e", "a", "m"))
    assert repr(t.OpenAISFTConfig(model="m")).startswith("<builtins.OpenAISFTConfig object at 0x")
    with pytest.raises(TypeError, match="evaluation_name"):
        t.GEPAConfig(function_name="f", analysis_model="a", mutation_model="m")
    with pytest.raises(TypeError, match="argument 'model': 'int' object cannot be converted to 'PyString'"):
        t.OpenAISFTConfig(model=3)  # type: ignore[arg-type]
