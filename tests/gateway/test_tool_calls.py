"""Tools from the call to the upstream body, the answer and the row, plain and streamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tensorzero import TensorZeroError, ToolCall

PLACE = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
SCHEMA_FILE = {"place.json": json.dumps(PLACE)}
ASK = {"messages": [{"role": "user", "content": "How warm is Tokyo?"}]}
OWN = {"name": "get_wind", "description": "Wind", "parameters": {"type": "object", "required": ["speed"]}, "strict": True}
TOOLS = """
[tools.warmth]
name = "get_temperature"
description = "How warm"
parameters = "place.json"
strict = true
[tools.rain]
description = "How wet"
parameters = "place.json"
"""


def weather(model: str, settings: str = "") -> str:
    return (
        f'{TOOLS}\n[functions.weather]\ntype = "chat"\ntools = ["warmth"]\n{settings}\n'
        f'variants.v = {{ type = "chat_completion", model = "{model}" }}\n'
    )


def described(name: str, description: str, parameters: Any, strict: bool) -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function, "strict": strict}


def test_a_configured_tool_is_sent_called_checked_and_stored(
    build: Any, stored: Any, models: Callable[..., str], mock_provider: Any
) -> None:
    client = build(models("tool") + weather("tool", "parallel_tool_calls = false"), stored.url, files=SCHEMA_FILE)
    answer = client.inference(function_name="weather", input=ASK)
    call = answer.content[0]
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("get_temperature", {"location": "Tokyo"})
    assert (call.raw_name, call.raw_arguments) == ("get_temperature", '{"location":"Tokyo"}')
    assert answer.finish_reason.value == "tool_call"
    (request,) = mock_provider.requests()
    body = request["body"]
    assert list(body) == ["messages", "model", "stream", "tools", "tool_choice", "parallel_tool_calls"]
    assert body["tools"] == [described("get_temperature", "How warm", PLACE, strict=True)]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("auto", False)
    (row,) = stored.rows(client, "ChatInference")
    assert json.loads(row["output"])[0]["arguments"] == {"location": "Tokyo"}
    assert json.loads(row["allowed_tools"]) == {"tools": ["warmth"], "choice": "function_default"}
    assert (row["tool_choice"], row["parallel_tool_calls"], list(row["dynamic_tools"])) == ("auto", False, [])
    assert json.loads(row["tool_params"])["tools_available"][0]["name"] == "get_temperature"
    (inference,) = stored.rows(client, "ModelInference")
    called = {"type": "tool_call", "id": "call_1", "name": "get_temperature", "arguments": '{"location":"Tokyo"}'}
    assert json.loads(inference["output"]) == [called]


def test_a_call_brings_tools_and_restricts_them(
    build: Any, stored: Any, models: Callable[..., str], mock_provider: Any
) -> None:
    client = build(models("tool") + weather("tool"), stored.url, files=SCHEMA_FILE)
    client.inference(
        function_name="weather", input=ASK, additional_tools=[OWN], allowed_tools=["get_wind", "rain"], tool_choice="required"
    )
    (request,) = mock_provider.requests()
    assert [tool["function"]["name"] for tool in request["body"]["tools"]] == ["get_temperature", "rain", "get_wind"]
    assert request["body"]["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "required",
            "tools": [{"type": "function", "function": {"name": name}} for name in ("get_wind", "rain")],
        },
    }
    (row,) = stored.rows(client, "ChatInference")
    assert [json.loads(tool) for tool in row["dynamic_tools"]] == [{"type": "function", **OWN}]
    assert json.loads(row["allowed_tools"]) == {"tools": ["get_wind", "rain"], "choice": "explicit"}


def test_a_model_called_by_name_takes_tools_too(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    client = build(models("tool"))
    answer = client.inference(
        model_name="tool", input=ASK, additional_tools=[OWN], tool_choice={"specific": "get_wind"}, parallel_tool_calls=True
    )
    assert (answer.content[0].name, answer.content[0].arguments) == ("get_wind", None)
    (request,) = mock_provider.requests()
    assert request["body"]["tool_choice"] == {"type": "function", "function": {"name": "get_wind"}}
    assert request["body"]["parallel_tool_calls"] is True


def test_a_plain_chat_call_has_nothing_of_tools(
    build: Any, stored: Any, models: Callable[..., str], mock_provider: Any
) -> None:
    client = build(models("echo"), stored.url)
    client.inference(model_name="echo", input=ASK, tool_choice="required", parallel_tool_calls=True)
    (request,) = mock_provider.requests()
    assert list(request["body"]) == ["messages", "model", "stream"]
    (row,) = stored.rows(client, "ChatInference")
    assert (row["tool_params"], row["allowed_tools"], row["tool_choice"], row["parallel_tool_calls"]) == ("", None, None, None)


def test_calls_and_results_of_the_input_go_upstream(build: Any, models: Callable[..., str], mock_provider: Any) -> None:
    client = build(models("tool") + weather("tool"), files=SCHEMA_FILE)
    called = {"type": "tool_call", "id": "1", "name": "get_temperature", "arguments": {"location": "Tokyo"}}
    result = {"type": "tool_result", "id": "1", "name": "get_temperature", "result": "31"}
    messages = [*ASK["messages"], {"role": "assistant", "content": [called]}, {"role": "user", "content": [result]}]
    client.inference(function_name="weather", input={"messages": messages})
    (request,) = mock_provider.requests()
    function = {"name": "get_temperature", "arguments": '{"location":"Tokyo"}'}
    assert request["body"]["messages"][1:] == [
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]},
        {"role": "tool", "content": "31", "tool_call_id": "1"},
    ]


def test_a_streamed_call_arrives_in_pieces_and_is_stored_whole(build: Any, stored: Any, models: Callable[..., str]) -> None:
    client = build(models("tool") + weather("tool"), stored.url, files=SCHEMA_FILE)
    chunks = list(client.inference(function_name="weather", input=ASK, stream=True))
    pieces = [block for chunk in chunks for block in chunk.content]
    assert [(piece.id, piece.raw_name, piece.raw_arguments) for piece in pieces] == [
        ("call_1", "get_temperature", ""),
        ("call_1", "", '{"location"'),
        ("call_1", "", ':"Tokyo"}'),
    ]
    assert chunks[-1].finish_reason.value == "tool_call"
    (row,) = stored.rows(client, "ChatInference")
    (block,) = json.loads(row["output"])
    assert (block["name"], block["raw_arguments"]) == ("get_temperature", '{"location":"Tokyo"}')
    assert block["arguments"] == {"location": "Tokyo"}
    assert row["tool_choice"] == "auto"


@pytest.mark.parametrize(
    ("model", "name", "arguments"),
    [
        ("tool", "get_temperature", {"location": "Brooklyn", "units": "celsius"}),
        ("invalid_tool_arguments", "get_temperature", None),
        ("good_tool", None, None),
    ],
)
def test_the_dummy_models_calls_are_checked_like_any(build: Any, model: str, name: str | None, arguments: Any) -> None:
    dummy = f'[models.m]\nrouting = ["d"]\nproviders.d = {{ type = "dummy", model_name = "{model}" }}\n'
    (block,) = build(dummy + weather("m"), files=SCHEMA_FILE).inference(function_name="weather", input=ASK).content
    assert (block.name, block.arguments) == (name, arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"allowed_tools": ["nope"]}, "Tool not found: nope"),
        ({"tool_choice": {"specific": "warmth"}}, "Tool not found: warmth"),
        (
            {"additional_tools": [{**OWN, "name": "get_temperature"}]},
            "Duplicate tool name: get_temperature. Tool names must be unique.",
        ),
    ],
)
def test_names_that_do_not_fit_are_refused_before_any_model_is_asked(
    build: Any, models: Callable[..., str], mock_provider: Any, arguments: Any, message: str
) -> None:
    client = build(models("tool") + weather("tool"), files=SCHEMA_FILE)
    with pytest.raises(TensorZeroError) as caught:
        client.inference(function_name="weather", input=ASK, **arguments)
    assert (caught.value.status_code, json.loads(caught.value.text)) == (400, {"error": message})
    assert mock_provider.requests() == []


@pytest.mark.parametrize("stream", [False, True])
def test_provider_tools_are_refused_by_a_provider_that_has_none(
    build: Any, models: Callable[..., str], mock_provider: Any, stream: bool
) -> None:
    client = build(models("echo"))
    with pytest.raises(TensorZeroError, match="does not support `provider_tools`, but 1 provider tool") as caught:
        client.inference(model_name="echo", input=ASK, provider_tools=[{"tool": {"type": "web"}}], stream=stream)
    assert caught.value.status_code == 502
    assert mock_provider.requests() == []


def test_provider_tools_of_another_model_are_kept_and_not_sent(build: Any, stored: Any, models: Callable[..., str]) -> None:
    client = build(models("echo"), stored.url)
    entry = {"scope": {"model_name": "other"}, "tool": {"type": "web"}}
    client.inference(model_name="echo", input=ASK, provider_tools=[entry])
    (row,) = stored.rows(client, "ChatInference")
    assert [json.loads(tool) for tool in row["dynamic_provider_tools"]] == [entry]
    assert json.loads(row["allowed_tools"]) == {"tools": [], "choice": "function_default"}
