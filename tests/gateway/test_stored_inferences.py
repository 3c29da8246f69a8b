"""Stored inferences read back: filters and their NULL rules, orders, pages, sources, in every way to reach a database."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorzero import AsyncTensorZeroGateway, TensorZeroError, TensorZeroGateway
from tensorzero.gateway.identifiers import new_id
from tests.clickhouse.clickhouse_server import ClickHouseServer

CONFIG = """
[models.m]
routing = ["p"]
providers.p = { type = "dummy", model_name = "echo" }

[models.j]
routing = ["p"]
providers.p = { type = "dummy", model_name = "json" }

[tools.get_temperature]
description = "Temperature of a place"
parameters = "tool.json"

[functions.freeform]
type = "chat"
variants.plain = { type = "chat_completion", model = "m" }

[functions.weather]
type = "chat"
tools = ["get_temperature"]
variants.tooluser = { type = "chat_completion", model = "m" }

[functions.ask]
type = "chat"
variants.plain = { type = "chat_completion", model = "m" }
variants.warm = { type = "chat_completion", model = "m" }

[functions.extract]
type = "json"
output_schema = "out.json"
variants.strict = { type = "chat_completion", model = "j", json_mode = "strict" }

[metrics]
thumbs_up = { type = "boolean", optimize = "max", level = "inference" }
rating = { type = "float", optimize = "max", level = "inference" }
solved = { type = "boolean", optimize = "max", level = "episode" }
"""
RECORDED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "stored_inference_pages.json").read_text("utf-8"))
"""Requests, and which of the inferences below the original gave back for each (observed 2026.6.0)."""


def asked(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


class History:
    """A gateway, and what it was asked: six free answers, two JSON ones, three with tools, one of several turns."""

    def __init__(self, client: TensorZeroGateway) -> None:
        self.client = client
        self.made: list[Any] = []
        for number in range(6):
            tags = {"n": str(number)} | ({"odd": "1"} if number % 2 else {})
            self._ask("freeform", asked(f'say "q" {number}\nand more é'), tags=tags)
            if number == 2:
                time.sleep(1.05)  # times count in whole seconds
        for number in range(2):
            self._ask("extract", asked("capital of Japan?"), tags={"n": str(number)})
        self._ask("weather", asked("Tokyo?"))
        choice = {"specific": "get_temperature"}
        self._ask("weather", asked("Tokyo?"), allowed_tools=["get_temperature"], tool_choice=choice, parallel_tool_calls=True)
        added = {"name": "t", "description": "d", "parameters": {"type": "object"}, "strict": True}
        self._ask("weather", asked("Tokyo?"), tool_choice="none", additional_tools=[added])
        self._ask("freeform", SEVERAL_TURNS)
        self._judge()

    def _ask(self, function_name: str, given: dict[str, Any], **more: Any) -> None:
        self.made.append(self.client.inference(function_name=function_name, input=given, **more))

    def _judge(self) -> None:
        feedback = self.client.feedback
        for number, rating in enumerate((0.1, 1.5, 0.5, 0.5)):
            feedback(metric_name="rating", inference_id=self.made[number].inference_id, value=rating)
            if number < 3:
                feedback(metric_name="thumbs_up", inference_id=self.made[number].inference_id, value=bool(number % 2))
        feedback(metric_name="rating", inference_id=self.made[0].inference_id, value=2)
        feedback(metric_name="solved", episode_id=self.made[4].episode_id, value=True)
        feedback(metric_name="demonstration", inference_id=self.made[0].inference_id, value="Kyoto")
        feedback(metric_name="demonstration", inference_id=self.made[6].inference_id, value={"answer": "Kyoto"})

    def positions(self, request: dict[str, Any]) -> list[int]:
        text = json.dumps(request)
        for number, one in enumerate(self.made):
            text = text.replace(f'"INF{number}"', f'"{one.inference_id}"').replace(f'"EP{number}"', f'"{one.episode_id}"')
        ids = [str(one.inference_id) for one in self.made]
        return [ids.index(one.inference_id) for one in self.client.list_inferences(request=json.loads(text)).inferences]


SEVERAL_TURNS = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "raw_text", "value": "b"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_call", "id": "1", "name": "f", "arguments": "{}"},
                {"type": "thought", "text": "hm"},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "id": "1", "name": "f", "result": "r"}]},
    ]
}


def config_file(folder: Path) -> str:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    (folder / "out.json").write_text(json.dumps(schema))
    (folder / "tool.json").write_text(json.dumps(schema))
    (folder / "tensorzero.toml").write_text(CONFIG)
    return str(folder / "tensorzero.toml")


@pytest.fixture(scope="module", params=["in this process", pytest.param("at a server", marks=pytest.mark.slow)])
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    folder = tmp_path_factory.mktemp("history")
    if request.param == "in this process":
        with TensorZeroGateway.build_embedded(config_file=config_file(folder), clickhouse_url=f"chdb://{folder}/db") as client:
            yield History(client)
        return
    server = ClickHouseServer(folder / "db")
    server.start()
    with TensorZeroGateway.build_embedded(config_file=config_file(folder), clickhouse_url=server.url) as client:
        yield History(client)
    server.kill()


@pytest.mark.parametrize("number", range(len(RECORDED)))
def test_a_request_gives_what_the_original_gives(history: History, number: int) -> None:
    assert history.positions(RECORDED[number]["request"]) == RECORDED[number]["expected"]


@pytest.mark.parametrize(
    ("search", "expected"),
    [('"q" 2', [2]), ("2\nand", [2]), ("MORE É", [5, 4, 3, 2, 1, 0]), ("raw_value", []), ("tool_result", [11])],
)
def test_a_search_looks_into_the_stored_json_whatever_the_case(history: History, search: str, expected: list[int]) -> None:
    assert history.positions({"search_query_experimental": search}) == expected
    assert history.positions({"search_query_experimental": search, "function_name": "freeform"}) == expected


def test_by_relevance_the_most_frequent_come_first(history: History) -> None:
    order = [{"by": "search_relevance", "direction": "descending"}]
    found = history.positions({"search_query_experimental": "tool", "order_by": order})
    assert found[0] == 11  # its messages hold a call and its result


def test_an_inference_has_every_field(history: History) -> None:
    made = history.made
    ids = [str(made[number].inference_id) for number in (0, 6, 9, 10)]
    added, chosen, extracted, free = history.client.get_inferences(ids=ids).inferences
    assert (free.type, free.function_name, free.variant_name) == ("chat", "freeform", "plain")
    assert (free.inference_id, free.episode_id) == (str(made[0].inference_id), str(made[0].episode_id))
    assert free.tags == {"n": "0"}
    assert free.input.messages[0].content[0].text == 'say "q" 0\nand more é'
    assert [block.text for block in free.output] == ['say "q" 0\nand more é']
    assert free.timestamp.endswith("Z")
    assert len(free.timestamp) == 20
    assert int(free.snapshot_hash, 16) > 0
    assert (free.dispreferred_outputs, free.extra_body, free.provider_tools, free.tool_choice) == ([], [], [], None)
    assert free.inference_params.chat_completion.temperature is None
    assert extracted.output.parsed == {"answer": "Hello"}
    assert extracted.output_schema["required"] == ["answer"]
    assert (chosen.allowed_tools, chosen.parallel_tool_calls) == (["get_temperature"], True)
    assert chosen.tool_choice.specific == "get_temperature"
    assert (added.tool_choice, added.allowed_tools, [tool.name for tool in added.additional_tools]) == ("none", None, ["t"])


def test_a_demonstration_stands_in_for_the_output_and_the_answer_is_the_dispreferred_one(history: History) -> None:
    ids = [str(history.made[number].inference_id) for number in (0, 1, 6)]
    extracted, free = history.client.get_inferences(ids=ids, output_source="demonstration").inferences
    assert [block.text for block in free.output] == ["Kyoto"]
    assert [block.text for block in free.dispreferred_outputs[0]] == ['say "q" 0\nand more é']
    assert extracted.output.parsed == {"answer": "Kyoto"}
    assert [one.output for one in history.client.get_inferences(ids=ids, output_source="none").inferences] == [None] * 3


def test_ids_are_looked_up_and_a_function_filters_them(history: History) -> None:
    client, ids = history.client, [str(history.made[number].inference_id) for number in (0, 6)]
    assert client.get_inferences(ids=[]).inferences == []
    assert client.get_inferences(ids=[new_id()]).inferences == []
    assert [one.function_name for one in client.get_inferences(ids=ids * 2, function_name="extract").inferences] == ["extract"]


@pytest.mark.parametrize(
    ("request_", "status", "message", "hint"),
    [
        ({"function_name": "freefrom"}, 404, "Unknown function: freefrom", "Did you mean `freeform`?"),
        (
            {"filters": {"type": "boolean_metric", "metric_name": "thumb", "value": True}},
            400,
            "Invalid metric name: thumb",
            "Did you mean `thumbs_up`?",
        ),
        (
            {"order_by": [{"by": "metric", "name": "rating", "direction": "ascending"}]},
            400,
            "ORDER BY metric 'rating' is not supported when querying without function_name",
            "",
        ),
        (
            {"function_name": "freeform", "order_by": [{"by": "metric", "name": "nope", "direction": "ascending"}]},
            400,
            "Invalid metric name: nope",
            "",
        ),
        ({"before": new_id(), "after": new_id()}, 400, "Cannot specify both 'before' and 'after' parameters", ""),
        ({"after": new_id(), "offset": 0}, 400, "Cannot use 'offset' with cursor pagination ('before' or 'after')", ""),
        (
            {"after": new_id(), "order_by": [{"by": "search_relevance", "direction": "ascending"}]},
            400,
            "Cannot order by search relevance; only ordering by timestamp is supported with before/after pagination.",
            "",
        ),
        (
            {"order_by": [{"by": "search_relevance", "direction": "ascending"}]},
            400,
            "ORDER BY relevance requires search_query_experimental in the request",
            "",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    history: History, request_: dict[str, Any], status: int, message: str, hint: str
) -> None:
    with pytest.raises(TensorZeroError) as caught:
        history.client.list_inferences(request=request_)
    assert caught.value.status_code == status
    assert json.loads(caught.value.text) == {"error": message}
    assert hint in (getattr(caught.value, "hint", None) or "")


def test_a_value_in_a_filter_is_a_value_whatever_stands_in_it(history: History) -> None:
    hostile = "x' OR 1=1 -- {p0:String} \\"
    for filters in (
        {"type": "tag", "key": hostile, "value": hostile, "comparison_operator": "="},
        {
            "type": "not",
            "child": {"type": "not", "child": {"type": "tag", "key": hostile, "value": "", "comparison_operator": "="}},
        },
    ):
        assert history.positions({"filters": filters}) == []
    assert history.positions({"variant_name": hostile}) == []


def test_the_asyncio_client_reads_the_same(tmp_path: Path) -> None:
    async def read() -> tuple[str, list[str]]:
        async with AsyncTensorZeroGateway.build_embedded(
            config_file=config_file(tmp_path), clickhouse_url="chdb://memory", async_setup=False
        ) as client:
            answer = await client.inference(function_name="freeform", input=asked("hi"))
            found = await client.list_inferences(request={})
            return str(answer.inference_id), [one.inference_id for one in found.inferences]

    made, found = asyncio.run(read())
    assert found == [made]


def test_without_a_database_there_is_nothing(tmp_path: Path) -> None:
    with TensorZeroGateway.build_embedded(config_file=config_file(tmp_path)) as client:
        assert client.list_inferences(request={}).inferences == []
        assert client.get_inferences(ids=[new_id()]).inferences == []
