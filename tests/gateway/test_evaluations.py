"""Evaluations: what is asked, judged, stored and told, as the original does it."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroGateway, TensorZeroInternalError
from tensorzero.gateway.evaluations.evaluators import EvaluatorError, exact_match, regex, tool_use
from tensorzero.gateway.evaluations.judging import judge_input
from tensorzero.gateway.evaluations.stopping import Stopping, half_width
from tensorzero.gateway.providers.dummy import Scripted, script
from tests.gateway.conftest import ASK, Build, Stored

JUDGED = '{"score": true}'
CONFIG = """
[models.m]
routing = ["p"]
providers.p = { type = "dummy", model_name = "echo" }
[models.j]
routing = ["p"]
providers.p = { type = "dummy", model_name = "json" }
[models.judge]
routing = ["p"]
providers.p = { type = "dummy", model_name = "the-judge" }

[functions.free]
type = "chat"
variants.v = { type = "chat_completion", model = "m" }
variants.broken = { type = "chat_completion", model = "dummy::error" }
[functions.free.evaluators]
exact = { type = "exact_match" }
polite = { type = "regex", must_match = "please" }
tools = { type = "tool_use", behavior = "none" }
script = { type = "typescript", typescript_file = "e.ts", output_type = "float", optimize = "max" }
[functions.free.evaluators.judged]
type = "llm_judge"
output_type = "boolean"
optimize = "max"
variants.one = { type = "chat_completion", model = "judge", json_mode = "on", system_instructions = "judge.txt" }

[functions.extract]
type = "json"
output_schema = "answer.json"
variants.v = { type = "chat_completion", model = "j", json_mode = "strict" }

[evaluations.extraction]
type = "inference"
function_name = "extract"
evaluators.exact = { type = "exact_match" }
"""
ANSWER = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
FILES = {
    "answer.json": json.dumps(ANSWER),
    "judge.txt": "Is it {{ right }}?",
    "e.ts": "export function tensorzero_evaluator() { return 1 }",
}
TEXT = [{"type": "text", "text": "capital of Japan?"}]


@pytest.fixture
def client(build: Build, stored: Stored) -> TensorZeroGateway:
    return build(CONFIG, stored.url, files=FILES)


def dataset(client: TensorZeroGateway, *outputs: Any, function: str = "free", name: str = "d") -> list[str]:
    kind = "json" if function == "extract" else "chat"
    requests = [{"type": kind, "function_name": function, "input": ASK, "output": output} for output in outputs]
    return client.create_datapoints(dataset_name=name, requests=requests).ids


def run(client: TensorZeroGateway, *evaluators: str, **more: Any) -> tuple[Any, list[dict[str, Any]]]:
    arguments: dict[str, Any] = {"dataset_name": "d", "variant_name": "v", "inference_cache": "off", **more}
    if "evaluation_name" not in arguments:
        arguments = {"function_name": "free", "evaluator_names": list(evaluators), **arguments}
    handler = client.experimental_run_evaluation(**arguments)
    return handler, list(handler)


def test_every_datapoint_is_answered_judged_and_told(client: TensorZeroGateway) -> None:
    ids = dataset(client, TEXT, [{"type": "text", "text": "another"}], None)
    handler, events = run(client, "exact", concurrency=3)
    assert handler.run_info["num_datapoints"] == 3
    assert handler.run_info["evaluation_name"].startswith("free__d__20")
    said = {event["datapoint"]["id"]: event["evaluations"] for event in events}
    assert said == {ids[0]: {"exact": True}, ids[1]: {"exact": False}, ids[2]: {"exact": None}}
    assert handler.summary_stats() == {"exact": {"mean": 0.5, "stderr": 0.35355338, "count": 2}}
    event = next(event for event in events if event["datapoint"]["id"] == ids[0])
    assert event.keys() == {"type", "datapoint", "response", "evaluations", "evaluator_errors", "processing_time_ms"}
    assert event["response"].keys() == {"inference_id", "episode_id", "variant_name", "content", "usage", "finish_reason"}
    assert event["datapoint"]["episode_id"] is None
    assert "name" not in event["datapoint"]


def test_its_inferences_and_feedback_carry_its_tags(client: TensorZeroGateway, stored: Stored) -> None:
    (datapoint_id,) = dataset(client, {"raw": '{"answer": "Hello"}'}, function="extract")
    handler, (event,) = run(client, evaluation_name="extraction")
    run_id = handler.run_info["evaluation_run_id"]
    (row,) = stored.rows(client, "JsonInference")
    tags = {
        "tensorzero::evaluation_run_id": run_id,
        "tensorzero::evaluation_name": "extraction",
        "tensorzero::internal": "true",
    }
    assert row["tags"] == tags | {
        "tensorzero::datapoint_id": datapoint_id,
        "tensorzero::dataset_name": "d",
        "tensorzero::variant_pinned": "v",
    }
    (judged,) = stored.rows(client, "BooleanMetricFeedback")
    assert judged["metric_name"] == "tensorzero::evaluation_name::extraction::evaluator_name::exact"
    assert (str(judged["target_id"]), judged["value"]) == (event["response"]["inference_id"], True)
    assert judged["tags"] == tags | {"tensorzero::datapoint_id": datapoint_id, "tensorzero::evaluator_name": "exact"}
    (noted,) = stored.rows(client, "InferenceEvaluationRuns", "run_id_uint")
    assert (noted["function_name"], noted["function_type"], noted["dataset_name"]) == ("extract", "json", "d")
    assert (noted["evaluation_name"], noted["variant_names"], noted["source"]) == ("extraction", ["v"], "dataset_name")
    assert json.loads(noted["metrics"])[0]["evaluator_name"] == "exact"


def test_a_judge_is_a_json_function_that_is_asked_in_words(client: TensorZeroGateway, stored: Stored) -> None:
    dataset(client, TEXT)
    with script("the-judge", JUDGED):
        _, (event,) = run(client, "judged")
    assert event["evaluations"] == {"judged": True}
    (row,) = stored.rows(client, "JsonInference")
    assert (row["function_name"], row["variant_name"]) == ("tensorzero::llm_judge::function_name::free::judged", "one")
    arguments = json.loads(row["input"])["messages"][0]["content"][0]["arguments"]
    assert json.loads(arguments["generated_output"]) == TEXT
    assert arguments["reference_output"] is None
    asked = next(one for one in stored.rows(client, "ModelInference") if one["inference_id"] == row["id"])
    assert asked["system"].endswith("Is it {{ right }}?")  # instructions are text
    said = json.loads(asked["input_messages"])[0]["content"][0]["text"]
    assert said.startswith('# Input\n\n{"messages":[')
    assert said.endswith('# Generated Output\n\n[{"type":"text","text":"capital of Japan?"}]')
    (judged,) = stored.rows(client, "BooleanMetricFeedback")
    assert judged["tags"]["tensorzero::evaluator_inference_id"] == str(row["id"])


@pytest.mark.parametrize("said", ["no json", '{"score": "high"}'])
def test_a_judge_that_answers_nonsense_is_an_error_and_no_value(client: TensorZeroGateway, said: str) -> None:
    dataset(client, TEXT)
    with script("the-judge", said):
        handler, (event,) = run(client, "judged", "exact")
    assert event["evaluations"] == {"exact": True}
    assert event["evaluator_errors"] == {"judged": "JSON output does not contain a `parsed` field"}
    assert handler.summary_stats()["judged"] == {"mean": 0.0, "stderr": 0.0, "count": 0}


def test_a_judge_that_fails_is_an_error_of_that_datapoint(client: TensorZeroGateway) -> None:
    dataset(client, TEXT, TEXT)
    with script("the-judge", Scripted((), error="out of order"), JUDGED):
        _, events = run(client, "judged")
    assert Counter(len(event["evaluator_errors"]) for event in events) == {0: 1, 1: 1}


def test_what_a_person_said_of_the_same_output_stands_in_for_the_judge(client: TensorZeroGateway, stored: Stored) -> None:
    (datapoint_id,) = dataset(client, TEXT)
    with script("the-judge", JUDGED):
        _, (event,) = run(client, "judged")
    (judged,) = stored.rows(client, "BooleanMetricFeedback")
    tags = {
        "tensorzero::datapoint_id": datapoint_id,
        "tensorzero::human_feedback": "true",
        "tensorzero::evaluator_inference_id": judged["tags"]["tensorzero::evaluator_inference_id"],
    }
    client.feedback(
        metric_name=judged["metric_name"], inference_id=event["response"]["inference_id"], value=False, internal=True, tags=tags
    )
    with script("the-judge", JUDGED):
        _, (again,) = run(client, "judged")
    assert again["evaluations"] == {"judged": False}
    newest = max(stored.rows(client, "BooleanMetricFeedback"), key=lambda row: row["id"].int)
    assert newest["tags"]["tensorzero::derived_from_human_feedback"] == "true"
    assert len(stored.rows(client, "JsonInference")) == 1  # the judge was not asked again


def test_an_inference_that_fails_is_an_error_event_and_the_run_goes_on(client: TensorZeroGateway) -> None:
    ids = dataset(client, TEXT, TEXT)
    handler, events = run(client, "exact", variant_name="nope")
    assert {event["datapoint_id"] for event in events} == set(ids)
    text = 'HTTP Error (status code 404): {"error":"Unknown variant: nope"}'
    assert all(event["message"] == f"Error inferring for datapoint {event['datapoint_id']}: {text}" for event in events)
    assert handler.summary_stats() == {"exact": {"mean": 0.0, "stderr": 0.0, "count": 0}}
    _, events = run(client, "exact", variant_name="broken")
    assert [event["type"] for event in events] == ["error", "error"]


def test_a_variant_of_the_calls_own_stores_nothing(client: TensorZeroGateway, stored: Stored) -> None:
    dataset(client, TEXT)
    own = {"type": "chat_completion", "model": "m"}
    _, (event,) = run(client, "exact", variant_name=None, internal_dynamic_variant_config=own)
    assert (event["evaluations"], event["response"]["variant_name"]) == ({"exact": True}, "tensorzero::dynamic_variant")
    assert stored.rows(client, "ChatInference") == []
    assert stored.rows(client, "BooleanMetricFeedback") == []


def test_several_evaluators_judge_each_answer(client: TensorZeroGateway) -> None:
    dataset(client, TEXT)
    _, (event,) = run(client, "exact", "polite", "tools", "script")
    assert event["evaluations"] == {"exact": True, "polite": False, "tools": True}
    assert "JavaScript" in event["evaluator_errors"]["script"]


def test_datapoints_are_chosen_by_id_too_and_cut_at_a_maximum(client: TensorZeroGateway) -> None:
    first, *_ = dataset(client, TEXT, TEXT, TEXT)
    client.delete_datapoints(dataset_name="d", ids=[first])
    _, events = run(client, "exact", dataset_name=None, datapoint_ids=[first])
    assert [event["datapoint"]["id"] for event in events] == [first]  # by id, what was deleted is found
    assert len(run(client, "exact")[1]) == 2
    assert len(run(client, "exact", max_datapoints=1)[1]) == 1
    assert run(client, "exact", dataset_name="nobody's")[0].run_info["num_datapoints"] == 0


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"evaluation_name": "nope"}, ValueError, "evaluation `nope` not found"),
        ({"function_name": "zz", "evaluator_names": ["a"]}, ValueError, "function `zz` not found"),
        ({"function_name": "free", "evaluator_names": ["a"]}, ValueError, "evaluator `a` not found on function `free`"),
        (
            {"datapoint_ids": ["0190a0a0-0000-7000-8000-000000000000"]},
            RuntimeError,
            "Evaluation failed: Cannot provide both `dataset_name` and `datapoint_ids`. Please specify one or the other.",
        ),
        (
            {"dataset_name": None},
            RuntimeError,
            "Evaluation failed: Must provide either `dataset_name` or `datapoint_ids`.",
        ),
        (
            {"dataset_name": None, "datapoint_ids": ["0190a0a0-0000-7000-8000-000000000000"]},
            RuntimeError,
            "Evaluation failed: No datapoints found for the provided `datapoint_ids`",
        ),
        (
            {"dataset_name": None, "datapoint_ids": ["0190a0a0-0000-7000-8000-000000000000"], "max_datapoints": 1},
            RuntimeError,
            "Evaluation failed: Cannot provide both `datapoint_ids` and `max_datapoints`. `max_datapoints` can only be used",
        ),
        (
            {"dataset_name": "builder"},
            RuntimeError,
            'Evaluation failed: Invalid dataset name: builder. Datasets cannot be named "builder" or begin with "tensorzero::"',
        ),
        ({"adaptive_stopping": {"precision": 3}}, TypeError, '`adaptive_stopping["precision"]` must be a dictionary'),
        (
            {"inference_cache": "zz"},
            TensorZeroInternalError,
            "Failed to deserialize JSON to tensorzero_core::cache::CacheEnabledMode: unknown variant `zz`, expected one of",
        ),
    ],
)
def test_what_cannot_begin_is_refused(
    client: TensorZeroGateway, arguments: dict[str, Any], kind: type[Exception], message: str
) -> None:
    given = {"dataset_name": "d", "variant_name": "v"} | arguments
    if "function_name" not in given:
        given = {"evaluation_name": "extraction"} | given
    with pytest.raises(kind) as caught:
        client.experimental_run_evaluation(**given)
    assert str(caught.value).startswith(message)


def test_datapoints_of_two_datasets_are_refused(client: TensorZeroGateway) -> None:
    ids = [*dataset(client, TEXT), *dataset(client, TEXT, name="e")]
    with pytest.raises(RuntimeError, match=r"^Evaluation failed: All datapoints must belong to the same dataset"):
        run(client, "exact", dataset_name=None, datapoint_ids=ids)


def test_a_run_that_is_given_up_begins_nothing_more(client: TensorZeroGateway, stored: Stored) -> None:
    dataset(client, *[TEXT] * 200)
    arguments: dict[str, Any] = {
        "function_name": "free",
        "evaluator_names": ["exact"],
        "dataset_name": "d",
        "variant_name": "v",
    }
    handler = client.experimental_run_evaluation(**arguments, concurrency=2, inference_cache="off")
    next(handler)
    handler._stream.close()
    done = len(stored.rows(client, "ChatInference"))
    assert 0 < done < 200
    assert len(stored.rows(client, "ChatInference")) == done


def test_the_asyncio_client_gets_the_same_events(tmp_path: Path) -> None:
    for name, text in (*FILES.items(), ("tensorzero.toml", CONFIG)):
        (tmp_path / name).write_text(text)

    async def evaluate() -> tuple[dict[str, Any], list[str]]:
        async with AsyncTensorZeroGateway.build_embedded(
            config_file=str(tmp_path / "tensorzero.toml"), clickhouse_url="chdb://memory", async_setup=False
        ) as client:
            request: Any = {"type": "chat", "function_name": "free", "input": ASK, "output": TEXT}
            await client.create_datapoints(dataset_name="d", requests=[request] * 5)
            handler = await client.experimental_run_evaluation(
                function_name="free", evaluator_names=["exact"], dataset_name="d", variant_name="v", concurrency=4
            )
            return {"events": [event["type"] async for event in handler]}, list(await handler.summary_stats())

    events, names = asyncio.run(evaluate())
    assert events == {"events": ["success"] * 5}
    assert names == ["exact"]


def chat(*calls: str) -> dict[str, Any]:
    return {"content": [{"type": "tool_call", "raw_name": name} for name in calls]}


@pytest.mark.parametrize(
    ("behavior", "tools", "calls", "fits"),
    [
        ("none", [], (), True),
        ("none", [], ("a",), False),
        ("any", [], (), False),
        ("any", [], ("a",), True),
        ("none_of", ["a"], ("b",), True),
        ("none_of", ["a"], ("a", "b"), False),
        ("any_of", ["a", "b"], ("b",), True),
        ("any_of", ["a"], ("b",), False),
        ("all_of", ["a", "b"], ("b", "a", "c"), True),
        ("all_of", ["a", "a"], ("a",), False),
        ("all_of", ["a", "a"], ("a", "a"), True),
    ],
)
def test_tool_use_counts_what_was_called(behavior: str, tools: list[str], calls: tuple[str, ...], fits: bool) -> None:
    evaluator = {"behavior": behavior, "tools": tools} if tools else {"behavior": behavior}
    assert tool_use(chat(*calls), evaluator) is fits
    with pytest.raises(EvaluatorError):
        tool_use({"output": {"raw": "", "parsed": None}}, evaluator)


def test_a_regular_expression_is_looked_for_anywhere_in_the_whole_text() -> None:
    answer = {"content": [{"type": "text", "text": "foo"}, {"type": "thought", "text": "x"}, {"type": "text", "text": "bar"}]}
    assert regex(answer, {"must_match": "ob"})
    assert not regex(answer, {"must_match": "x"})
    assert not regex(answer, {"must_match": "foo", "must_not_match": "bar$"})
    assert regex({"content": []}, {"must_not_match": "a"})
    assert regex({"output": {"raw": None}}, {"must_not_match": "a"})
    assert not regex({"output": {"raw": None}}, {"must_match": ""})


def test_an_exact_match_compares_whole_blocks_and_parsed_values() -> None:
    assert exact_match({"content": TEXT}, {}, TEXT) is True
    assert exact_match({"content": [*TEXT, *TEXT]}, {}, TEXT) is False
    assert exact_match({"content": TEXT}, {}, None) is None
    answer = {"output": {"raw": '{"a": 1}', "parsed": {"a": 1}}}
    assert exact_match(answer, {}, {"raw": '{"a":1}', "parsed": {"a": 1}}) is True
    assert exact_match(answer, {}, {"raw": "x", "parsed": None}) is None
    assert exact_match({"output": {"raw": "x", "parsed": None}}, {}, {"raw": "", "parsed": {"a": 1}}) is False


def test_a_judge_may_see_the_conversation_itself_and_the_reference() -> None:
    given = {"system": {"name": "x"}, "messages": [{"role": "user", "content": TEXT}]}
    evaluator = {"input_format": "messages", "include": {"reference_output": True}}
    asked = judge_input(evaluator, given, {"content": TEXT}, TEXT)
    assert asked is not None
    texts = [message.content[0].text for message in asked.messages]  # type: ignore[union-attr]
    shown = '[{"type":"text","text":"capital of Japan?"}]'
    expected = f"# Generated Output\n\n{shown}\n\n# Reference Output\n\n{shown}\n"
    assert texts == ['{"name":"x"}', "capital of Japan?", expected]
    assert judge_input(evaluator, given, {"content": TEXT}, None) is None
    with pytest.raises(EvaluatorError, match="not supported for LLM judge evaluations"):
        judge_input({}, {"messages": [{"role": "user", "content": [{"type": "file"}]}]}, {"content": TEXT}, None)


def wilson(successes: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """As textbooks have it."""
    p = successes / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    width = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return middle - width, middle + width


@pytest.mark.parametrize("count", [1, 5, 20, 137])
def test_the_half_width_is_that_of_wilsons_interval(count: int) -> None:
    for successes in range(count + 1):
        low, high = wilson(successes, count)
        mean = successes / count
        values = [1.0] * successes + [0.0] * (count - successes)
        assert half_width(values, "boolean") == pytest.approx(max(mean - max(low, 0.0), min(high, 1.0) - mean))
    assert half_width([], "boolean") is None
    assert half_width([1.0], "float") is None
    assert half_width([0.0, 1.0], "float") == pytest.approx(1.96 * 0.5 / math.sqrt(2))


def test_evaluators_stop_after_twenty_answers_and_the_run_when_all_have() -> None:
    stopping = Stopping({"a": 0.2, "b": 0.2, "unknown": 9.0}, {"a": "boolean", "b": "float"})
    for number in range(19):
        stopping.note({"a": True, "b": 0.5})
        assert not stopping.stopped, number
    stopping.note({"a": True, "b": None})
    assert stopping.stopped == {"a", "b"}
    assert stopping.over
    never = Stopping({"a": 9.0}, {"a": "boolean", "without": "boolean"})
    for _ in range(30):
        never.note({"a": True, "without": True})
    assert (never.stopped, never.over) == ({"a"}, False)


def test_a_run_stops_early_where_it_may(client: TensorZeroGateway) -> None:
    dataset(client, *[TEXT] * 60)
    _, events = run(client, "exact", adaptive_stopping={"precision": {"exact": 0.9}})
    assert 20 <= len(events) < 60
