"""Datasets: what is stored of a datapoint, what a change and a deletion leave, what is given back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tensorzero import CreateDatapointsFromInferenceRequestParamsInferenceIds, TensorZeroError, TensorZeroGateway
from tensorzero.gateway.identifiers import new_id
from tensorzero.generated_types import UpdateChatDatapointRequest, UpdateJsonDatapointRequest
from tests.gateway.conftest import ASK, Build, Stored

CONFIG = """
[models.m]
routing = ["p"]
providers.p = { type = "dummy", model_name = "echo" }
[models.j]
routing = ["p"]
providers.p = { type = "dummy", model_name = "json" }
[tools.get_temperature]
description = "Temperature of a place"
parameters = "answer.json"
[functions.free]
type = "chat"
variants.v = { type = "chat_completion", model = "m" }
[functions.greet]
type = "chat"
system_schema = "name.json"
variants.v = { type = "chat_completion", model = "m", system_template = "greet.minijinja" }
[functions.weather]
type = "chat"
tools = ["get_temperature"]
variants.v = { type = "chat_completion", model = "m" }
[functions.extract]
type = "json"
output_schema = "answer.json"
variants.v = { type = "chat_completion", model = "j", json_mode = "strict" }
"""
ANSWER = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
FILES = {"answer.json": json.dumps(ANSWER), "name.json": json.dumps(NAME), "greet.minijinja": "Hi {{ name }}"}
NO_SCHEMA = (
    "Error in compiling client-provided JSON schema: 3 is not valid under any of the schemas listed in the 'anyOf' keyword"
)
TOOL = {"type": "function", "name": "t", "description": "d", "parameters": {"type": "object"}, "strict": False}


@pytest.fixture
def client(build: Build, stored: Stored) -> TensorZeroGateway:
    return build(CONFIG, stored.url, files=FILES)


def chat(**more: Any) -> dict[str, Any]:
    return {"type": "chat", "function_name": "free", "input": ASK, **more}


def extract(**more: Any) -> dict[str, Any]:
    return {"type": "json", "function_name": "extract", "input": ASK, **more}


def weather(**more: Any) -> dict[str, Any]:
    return {"type": "chat", "function_name": "weather", "input": ASK, **more}


def create(client: TensorZeroGateway, *requests: Any, dataset: str = "d") -> list[str]:
    return client.create_datapoints(dataset_name=dataset, requests=list(requests)).ids


def got(client: TensorZeroGateway, ids: list[str], dataset: str = "d") -> list[Any]:
    """In the order of `ids`."""
    found = {one.id: one for one in client.get_datapoints(dataset_name=dataset, ids=ids).datapoints}
    return [found[one] for one in ids]


def listed(client: TensorZeroGateway, **request: Any) -> set[str]:
    return {one.id for one in client.list_datapoints(dataset_name="d", request={"limit": 100, **request}).datapoints}


def refused(call: Any, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(TensorZeroError) as caught:
        call(**arguments)
    return caught.value.status_code, json.loads(caught.value.text)["error"]


def test_a_datapoint_has_every_field(client: TensorZeroGateway) -> None:
    episode = new_id()
    output = [{"type": "text", "text": "Tokyo"}, {"type": "thought", "text": "hm"}]
    (one, two) = got(client, create(client, chat(output=output, name="n", tags={"a": "b"}, episode_id=episode), extract()))
    assert (one.type, one.dataset_name, one.function_name, one.name, one.tags) == ("chat", "d", "free", "n", {"a": "b"})
    assert (one.episode_id, one.is_custom, one.is_deleted, one.staled_at, one.source_inference_id) == (
        episode,
        True,
        False,
        None,
        None,
    )
    assert (one.auxiliary, one.tool_choice, one.additional_tools, one.allowed_tools, one.provider_tools) == (
        None,
        None,
        None,
        None,
        [],
    )
    assert one.input.messages[0].content[0].text == "capital of Japan?"
    assert [block.type for block in one.output] == ["text", "thought"]
    assert (two.type, two.output, two.output_schema, two.tags) == ("json", None, ANSWER, {})
    assert two.updated_at.endswith("Z")


def test_rows_are_those_of_the_original(client: TensorZeroGateway, stored: Stored) -> None:
    ids = create(client, chat(), weather(tool_choice="required"))
    rows = {str(row["id"]): row for row in stored.rows(client, "ChatInferenceDatapoint")}
    plain, tools = rows[ids[0]], rows[ids[1]]
    assert json.loads(plain["input"]) == {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "capital of Japan?"}]}]
    }
    assert (plain["tool_params"], plain["allowed_tools"], plain["tool_choice"], plain["dynamic_tools"]) == ("", None, None, [])
    assert json.loads(tools["allowed_tools"]) == {"tools": ["get_temperature"], "choice": "function_default"}
    assert tools["tool_choice"] == "required"
    assert json.loads(tools["tool_params"])["tools_available"][0]["name"] == "get_temperature"
    assert plain["snapshot_hash"] > 0


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"raw": '{"answer": "Tokyo"}'}, ('{"answer": "Tokyo"}', {"answer": "Tokyo"})),
        ({"raw": '{"answer": 3}'}, ('{"answer": 3}', None)),
        ({"raw": "no json"}, ("no json", None)),
        ({"raw": '{"answer": "a"}', "parsed": {"answer": "other"}}, ('{"answer": "a"}', {"answer": "a"})),
        ({"raw": None}, (None, None)),
        (None, None),
    ],
)
def test_of_a_json_output_only_what_the_model_wrote_counts(client: TensorZeroGateway, output: Any, expected: Any) -> None:
    (one,) = got(client, create(client, extract(output=output)))
    assert (one.output if one.output is None else (one.output.raw, one.output.parsed)) == expected


def test_a_datapoint_may_have_a_schema_of_its_own(client: TensorZeroGateway) -> None:
    own = {"type": "object", "properties": {"b": {"type": "number"}}, "required": ["b"]}
    (one,) = got(client, create(client, extract(output_schema=own, output={"raw": '{"b": 2}'})))
    assert (one.output_schema, one.output.parsed) == (own, {"b": 2})


def test_tool_calls_of_an_output_are_checked_anew(client: TensorZeroGateway) -> None:
    def call(name: str, arguments: str) -> dict[str, Any]:
        return {
            "type": "tool_call",
            "id": "1",
            "raw_name": name,
            "raw_arguments": arguments,
            "name": "x",
            "arguments": {"x": 1},
        }

    calls = [call("get_temperature", '{"answer": "a"}'), call("get_temperature", '{"answer": 3}'), call("nope", "x")]
    (one,) = got(client, create(client, weather(output=calls)))
    assert [(block.name, block.arguments) for block in one.output] == [
        ("get_temperature", {"answer": "a"}),
        ("get_temperature", None),
        (None, None),
    ]


def test_tools_read_back_as_they_were_asked_for(client: TensorZeroGateway) -> None:
    plain, chosen, added = got(
        client,
        create(
            client,
            weather(),
            weather(allowed_tools=["get_temperature"], tool_choice={"specific": "get_temperature"}, parallel_tool_calls=True),
            chat(additional_tools=[TOOL]),
        ),
    )
    assert (plain.tool_choice, plain.allowed_tools) == ("auto", None)
    assert (chosen.tool_choice.specific, chosen.allowed_tools, chosen.parallel_tool_calls) == (
        "get_temperature",
        ["get_temperature"],
        True,
    )
    assert [tool.name for tool in added.additional_tools] == ["t"]


def test_what_does_not_fit_is_refused_and_nothing_of_the_request_is_kept(client: TensorZeroGateway) -> None:
    prefix = "Failed to convert {} datapoint to database insert: "
    for request, status, message in (
        (chat(function_name="zz"), 400, prefix.format("chat") + "Unknown function: zz"),
        (chat(function_name="extract"), 400, prefix.format("chat") + "Function 'extract' is not configured as a chat function"),
        (extract(function_name="free"), 400, prefix.format("json") + "Function 'free' is not configured as a JSON function"),
        (weather(allowed_tools=["nope"]), 400, prefix.format("chat") + "Tool not found: nope"),
        (
            chat(function_name="greet"),
            400,
            prefix.format("chat") + "`input.system` is empty but a system template is present.",
        ),
        (
            extract(output_schema={"type": 3}),
            400,
            prefix.format("json") + NO_SCHEMA,
        ),
    ):
        assert refused(client.create_datapoints, dataset_name="d", requests=[chat(), request]) == (status, message)
    assert refused(client.create_datapoints, dataset_name="d", requests=[]) == (400, "At least one datapoint must be provided")
    assert listed(client) == set()


@pytest.mark.parametrize("name", ["builder", "tensorzero::x"])
def test_reserved_names_are_refused(client: TensorZeroGateway, name: str) -> None:
    message = f'Invalid dataset name: {name}. Datasets cannot be named "builder" or begin with "tensorzero::"'
    ids = {"type": "inference_ids", "inference_ids": []}
    for call, arguments in (
        (client.create_datapoints, {"requests": [chat()]}),
        (client.list_datapoints, {"request": {}}),
        (client.delete_dataset, {}),
        (client.delete_datapoints, {"ids": [new_id()]}),
        (client.update_datapoints, {"requests": [UpdateChatDatapointRequest(id=new_id())]}),
        (client.create_datapoints_from_inferences, {"params": ids}),
    ):
        assert refused(call, dataset_name=name, **arguments) == (400, message)


def update(client: TensorZeroGateway, *requests: Any) -> list[str]:
    return client.update_datapoints(dataset_name="d", requests=list(requests)).ids


def test_a_change_makes_a_datapoint_with_a_new_id_and_marks_the_old_one(client: TensorZeroGateway) -> None:
    (old,) = create(client, chat(output=[{"type": "text", "text": "a"}], name="n", tags={"k": "v"}, episode_id=new_id()))
    (new,) = update(client, UpdateChatDatapointRequest(id=old, output=[{"type": "text", "text": "b"}]))
    before, after = got(client, [old, new])
    assert before.staled_at is not None
    assert before.output[0].text == "a"
    assert (after.output[0].text, after.name, after.tags, after.episode_id) == ("b", "n", {"k": "v"}, before.episode_id)
    assert after.staled_at is None
    assert listed(client) == {new}
    message = f"Datapoint not found for dataset: d and id: {old}"
    assert refused(client.update_datapoints, dataset_name="d", requests=[UpdateChatDatapointRequest(id=old)]) == (404, message)


def test_what_is_left_out_stays_and_none_clears(client: TensorZeroGateway) -> None:
    (one,) = create(
        client, weather(output=[{"type": "text", "text": "a"}], name="n", tags={"k": "v"}, tool_choice="none", allowed_tools=[])
    )
    (one,) = update(client, UpdateChatDatapointRequest(id=one, tags=None, input=None))  # None means unchanged for these two
    (now,) = got(client, [one])
    assert (now.tags, now.name, now.output[0].text, now.tool_choice) == ({"k": "v"}, "n", "a", "none")
    (one,) = update(
        client, UpdateChatDatapointRequest(id=one, output=None, name=None, tags={}, tool_choice=None, allowed_tools=None)
    )
    (now,) = got(client, [one])
    assert (now.tags, now.name, now.output, now.tool_choice, now.allowed_tools) == ({}, None, None, "auto", None)
    (one,) = update(client, UpdateChatDatapointRequest(id=one, additional_tools=[TOOL]))
    assert [tool.name for tool in got(client, [one])[0].additional_tools] == ["t"]
    (one,) = update(client, UpdateChatDatapointRequest(id=one, additional_tools=[]))
    assert got(client, [one])[0].additional_tools is None


def test_a_json_output_is_checked_against_the_schema_that_counts_now(client: TensorZeroGateway) -> None:
    (one,) = create(client, extract(output={"raw": '{"answer": "a"}'}))
    other = {"type": "object", "required": ["c"]}
    (one,) = update(client, UpdateJsonDatapointRequest(id=one, output_schema=other))
    assert got(client, [one])[0].output.parsed == {"answer": "a"}  # what is there is not looked at again
    (one,) = update(client, UpdateJsonDatapointRequest(id=one, output={"raw": '{"answer": "a"}'}))
    assert got(client, [one])[0].output.parsed is None


def test_a_change_that_cannot_be_made_changes_nothing(client: TensorZeroGateway) -> None:
    a, b = create(client, chat(), extract())
    fine, wrong = UpdateChatDatapointRequest(id=a, name="x"), UpdateChatDatapointRequest(id=b)
    message = f"Datapoint {b} is a JSON datapoint but a chat update was provided"
    assert refused(client.update_datapoints, dataset_name="d", requests=[fine, wrong]) == (400, message)
    message = f"Datapoint {a} is a chat datapoint but a JSON update was provided"
    assert refused(client.update_datapoints, dataset_name="d", requests=[UpdateJsonDatapointRequest(id=a)]) == (400, message)
    twice = (400, f"Duplicate datapoint id provided: {a}")
    assert refused(client.update_datapoints, dataset_name="d", requests=[fine, fine]) == twice
    elsewhere = (404, f"Datapoint not found for dataset: other and id: {a}")
    assert refused(client.update_datapoints, dataset_name="other", requests=[fine]) == elsewhere
    assert listed(client) == {a, b}


def test_a_new_name_keeps_the_id(client: TensorZeroGateway) -> None:
    (one,) = create(client, chat(name="old"))

    def rename(**name: Any) -> Any:
        given = [{"id": one, **name}]
        assert client.update_datapoints_metadata(dataset_name="d", requests=given).ids == [one]
        return got(client, [one])[0].name

    assert [rename(name="new"), rename(), rename(name=None)] == ["new", "new", None]
    unknown = new_id()
    message = f"Datapoint not found for dataset: d and id: {unknown}"
    given = {"dataset_name": "d", "requests": [{"id": unknown, "name": "x"}]}
    assert refused(client.update_datapoints_metadata, **given) == (404, message)


def test_deleting_marks_and_what_is_marked_is_read_by_id_only(client: TensorZeroGateway) -> None:
    a, b, c = create(client, chat(), extract(), chat())
    assert client.delete_datapoints(dataset_name="d", ids=[a, b, new_id()]).num_deleted_datapoints == 2
    assert client.delete_datapoints(dataset_name="d", ids=[a]).num_deleted_datapoints == 0
    assert listed(client) == {c}
    assert [one.staled_at is not None for one in got(client, [a, b, c])] == [True, True, False]
    assert refused(client.delete_datapoints, dataset_name="d", ids=[]) == (400, "ids must be a non-empty list")
    assert client.delete_dataset(dataset_name="d").num_deleted_datapoints == 1
    assert client.delete_dataset(dataset_name="d").num_deleted_datapoints == 0
    assert listed(client) == set()


def test_a_list_is_filtered_searched_ordered_and_cut(client: TensorZeroGateway) -> None:
    a, b, c = create(client, chat(tags={"k": "1"}), extract(output={"raw": '{"answer": "Kyoto"}'}), chat(tags={"k": "2"}))
    tag = {"type": "tag", "key": "k", "value": "1", "comparison_operator": "="}
    assert listed(client, filter=tag) == {a}
    assert listed(client, filter={**tag, "comparison_operator": "!="}) == {c}
    assert listed(client, filter={"type": "not", "child": tag}) == {b, c}
    assert listed(client, filter={"type": "and", "children": []}) == {a, b, c}
    assert listed(client, filter={"type": "or", "children": []}) == set()
    time = {"type": "time", "time": "2020-01-01T00:00:00.5+02:00", "comparison_operator": ">"}
    assert listed(client, filter=time) == {a, b, c}
    assert listed(client, search_query_experimental="kyoto") == {b}
    assert listed(client, function_name="extract") == {b}
    assert listed(client, function_name="nobody's") == set()
    assert len(listed(client, limit=2)) == 2
    assert len(listed(client, limit=2, offset=2)) == 1
    assert len(client.list_datapoints(dataset_name="d", request={"page_size": 1}).datapoints) == 1
    order = [{"by": "search_relevance", "direction": "descending"}]
    message = "OrderBy::SearchRelevance requires search_query_experimental to be provided"
    assert refused(client.list_datapoints, dataset_name="d", request={"order_by": order}) == (400, message)


def test_twenty_come_where_no_limit_is_given(client: TensorZeroGateway) -> None:
    create(client, *[chat() for _ in range(25)])
    assert len(client.list_datapoints(dataset_name="d", request={}).datapoints) == 20


def test_ids_are_found_in_their_dataset_or_in_any(client: TensorZeroGateway) -> None:
    (one,) = create(client, chat())
    (other,) = create(client, chat(), dataset="e")
    assert [found.id for found in client.get_datapoints(dataset_name="d", ids=[one, other, new_id()]).datapoints] == [one]
    with pytest.warns(DeprecationWarning, match="without a dataset name"):
        assert {found.id for found in client.get_datapoints(ids=[one, other]).datapoints} == {one, other}
    assert client.get_datapoints(dataset_name="d", ids=[]).datapoints == []


def from_inferences(client: TensorZeroGateway, ids: list[Any], source: Any = None) -> list[str]:
    params = CreateDatapointsFromInferenceRequestParamsInferenceIds(inference_ids=[str(one) for one in ids])
    return client.create_datapoints_from_inferences(dataset_name="d", params=params, output_source=source).ids


def test_inferences_become_datapoints_the_newest_first(client: TensorZeroGateway) -> None:
    answer = client.inference(function_name="free", input=ASK, tags={"k": "v"})
    extracted = client.inference(function_name="extract", input=ASK)
    asked = client.inference(function_name="weather", input=ASK, additional_tools=[{**TOOL, "name": "u"}])
    three, two, one = got(client, from_inferences(client, [answer.inference_id, extracted.inference_id, asked.inference_id]))
    assert [three.function_name, two.function_name, one.function_name] == ["weather", "extract", "free"]
    assert (one.source_inference_id, one.episode_id) == (str(answer.inference_id), str(answer.episode_id))
    assert (one.is_custom, one.tags, one.name) == (False, {"k": "v"}, None)
    assert one.output[0].text == "capital of Japan?"
    assert (two.output.parsed, two.output_schema) == ({"answer": "Hello"}, ANSWER)
    assert [tool.name for tool in three.additional_tools] == ["u"]


def test_their_output_may_be_left_out_or_a_demonstration(client: TensorZeroGateway) -> None:
    shown = client.inference(function_name="free", input=ASK).inference_id
    other = client.inference(function_name="free", input=ASK).inference_id
    client.feedback(metric_name="demonstration", inference_id=shown, value="Kyoto")
    assert got(client, from_inferences(client, [shown], "demonstration"))[0].output[0].text == "Kyoto"
    assert got(client, from_inferences(client, [shown], "none"))[0].output is None
    before = listed(client)
    params = {"params": CreateDatapointsFromInferenceRequestParamsInferenceIds(inference_ids=[str(shown), str(other)])}
    given = {"dataset_name": "d", "output_source": "demonstration", **params}
    assert refused(client.create_datapoints_from_inferences, **given) == (400, f"Inference {other} not found")
    assert listed(client) == before


def test_a_query_takes_all_that_fit_and_not_the_first_twenty(client: TensorZeroGateway) -> None:
    for number in range(25):
        client.inference(function_name="free", input=ASK, tags={"odd": str(number % 2)})
    query = {"type": "inference_query", "function_name": "free"}
    make = client.create_datapoints_from_inferences
    assert len(make(dataset_name="d", params=query).ids) == 25
    odd = {"type": "tag", "key": "odd", "value": "1", "comparison_operator": "="}
    assert len(make(dataset_name="d", params={**query, "filters": odd, "limit": 7}).ids) == 7
    assert make(dataset_name="d", params={**query, "variant_name": "nobody's"}).ids == []
    unknown = {"dataset_name": "d", "params": {**query, "function_name": "zz"}}
    assert refused(make, **unknown) == (404, "Unknown function: zz")


def test_datapoints_survive_a_new_process(build: Build, stored: Stored) -> None:
    client = build(CONFIG, stored.url, files=FILES)
    ids = create(client, chat(), extract())
    client.close()
    assert {one.id for one in got(build(CONFIG, stored.url, files=FILES), ids)} == set(ids)


def test_without_a_database_ids_are_given_and_nothing_is_found(build: Build) -> None:
    client = build(CONFIG, files=FILES)
    assert len(create(client, chat())) == 1
    assert listed(client) == set()
    assert client.delete_dataset(dataset_name="d").num_deleted_datapoints == 0
