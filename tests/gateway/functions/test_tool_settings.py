"""Which tools a call may use, what is sent of them, what is stored, and what becomes of a model's calls."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tensorzero.gateway.config.sections import FunctionConfig, ToolConfig
from tensorzero.gateway.errors import BadRequest
from tensorzero.gateway.functions.outputs import chat_output
from tensorzero.gateway.functions.tools import refuse_with_json_tool_mode, settle_tools, stored_tools, tool_columns
from tensorzero.gateway.providers.openai_requests import request_body
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.tool_settings import ToolSettings
from tensorzero.gateway.values import ModelRequest

PLACE = Schema({"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]})
CONFIGURED = {
    "warmth": ToolConfig("warmth", "warmth", "How warm", PLACE, strict=True),
    "rain": ToolConfig("rain", "get_rain", "How wet", PLACE),
    "wind": ToolConfig("wind", "wind", "How windy", PLACE),
}
OWN = {"type": "function", "description": "Mine", "parameters": {"type": "object"}, "name": "own", "strict": False}
CUSTOM = {"type": "openai_custom", "name": "code", "format": {"type": "text"}}


def function(*tools: str, **settings: Any) -> FunctionConfig:
    return FunctionConfig("f", "chat", {}, tools=tools, **settings)


def settled(config: FunctionConfig, **body: Any) -> ToolSettings:
    settings = settle_tools(config, CONFIGURED, body)
    assert settings is not None
    return settings


def names(settings: ToolSettings) -> list[str]:
    return [tool.name for tool in (*settings.tools, *settings.dynamic)]


def body_of(settings: ToolSettings) -> dict[str, Any]:
    return request_body("m", ModelRequest(None, (), {}, stream=False, tools=settings))


@pytest.mark.parametrize(
    "body", [{}, {"tool_choice": "required"}, {"parallel_tool_calls": True}, {"allowed_tools": []}, {"additional_tools": []}]
)
def test_without_any_tool_there_are_no_settings(body: dict[str, Any]) -> None:
    assert settle_tools(function(), CONFIGURED, body) is None


def test_configured_tools_come_first_and_the_calls_own_after_them() -> None:
    settings = settled(function("rain", "warmth"), additional_tools=[OWN])
    assert names(settings) == ["get_rain", "warmth", "own"]
    assert settings.allowed == ("rain", "warmth", "own")
    assert not settings.explicit


def test_allowed_tools_can_add_a_configured_tool_once() -> None:
    settings = settled(function("warmth"), allowed_tools=["wind", "wind"])
    assert names(settings) == ["warmth", "wind"]
    assert settings.allowed == ("wind", "wind")
    assert settings.explicit


def test_a_tool_of_the_call_shadows_a_configured_one_in_allowed_tools() -> None:
    settings = settled(function(), allowed_tools=["own"], additional_tools=[OWN])
    assert names(settings) == ["own"]


@pytest.mark.parametrize("allowed", ["nope", "get_rain"])
def test_allowed_tools_are_keys_and_not_display_names(allowed: str) -> None:
    with pytest.raises(BadRequest, match=f"^Tool not found: {allowed}$") as caught:
        settle_tools(function("rain"), CONFIGURED, {"allowed_tools": [allowed]})
    assert "`rain`" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("own", "duplicate"),
    [([OWN, OWN], "own"), ([{**OWN, "name": "get_rain"}], "get_rain"), ([{**CUSTOM, "name": "get_rain"}], "get_rain")],
)
def test_names_that_models_see_are_unique(own: list[dict[str, Any]], duplicate: str) -> None:
    with pytest.raises(BadRequest, match=f"Duplicate tool name: {duplicate}. Tool names must be unique."):
        settle_tools(function("rain"), CONFIGURED, {"additional_tools": own})


def test_a_key_that_is_not_a_display_name_is_free() -> None:
    assert names(settled(function("rain"), additional_tools=[{**OWN, "name": "rain"}])) == ["get_rain", "rain"]


def test_a_specific_choice_names_a_tool_as_models_see_it() -> None:
    assert settled(function("rain"), tool_choice={"specific": "get_rain"}).choice == {"specific": "get_rain"}
    with pytest.raises(BadRequest, match="Tool not found: rain"):
        settle_tools(function("rain"), CONFIGURED, {"tool_choice": {"specific": "rain"}})
    with pytest.raises(BadRequest, match="Tool not found: own"):
        settle_tools(function(), CONFIGURED, {"tool_choice": {"specific": "own"}})


def test_a_specific_choice_in_the_configuration_is_checked_by_each_call() -> None:
    config = function(tool_choice={"specific": "own"})
    with pytest.raises(BadRequest, match="Tool not found: own"):
        settle_tools(config, CONFIGURED, {})
    assert settled(config, additional_tools=[OWN]).choice == {"specific": "own"}


def test_the_call_wins_over_the_function() -> None:
    config = function("rain", tool_choice="required", parallel_tool_calls=True)
    asked = settled(config, tool_choice="none", parallel_tool_calls=False)
    assert (asked.choice, asked.parallel) == ("none", False)
    own = settled(config)
    assert (own.choice, own.parallel) == ("required", True)


@pytest.mark.parametrize(
    ("field", "value", "end"),
    [("allowed_tools", [], "."), ("additional_tools", [], "."), ("tool_choice", "auto", ""), ("parallel_tool_calls", True, "")],
)
def test_json_functions_take_no_tools(field: str, value: Any, end: str) -> None:
    with pytest.raises(BadRequest) as caught:
        settle_tools(FunctionConfig("f", "json", {}), CONFIGURED, {field: value})
    assert str(caught.value) == f"Cannot pass `{field}` to a JSON function{end}"


def test_json_functions_pass_over_provider_tools() -> None:
    assert settle_tools(FunctionConfig("f", "json", {}), CONFIGURED, {"provider_tools": [{"tool": {}}]}) is None


@pytest.mark.parametrize(
    ("config", "body", "message"),
    [
        (function("rain"), {}, "JSON mode `tool` is not supported with other tools configured."),
        (
            function(tool_choice="required"),
            {},
            "JSON mode `tool` is not supported with `tool_choice` configured in the function.",
        ),
        (
            function(parallel_tool_calls=False),
            {},
            "JSON mode `tool` is not supported with `parallel_tool_calls` configured in the function.",
        ),
        (function(), {"tool_choice": "auto"}, "JSON mode `tool` requires `output_schema`."),
        (
            function(),
            {"output_schema": {}, "tool_choice": "auto", "provider_tools": [{"tool": 1}]},
            "Cannot pass `provider_tools` when using JSON mode `tool`.",
        ),
        (function(), {"output_schema": {}, "allowed_tools": []}, "Cannot pass `allowed_tools` when using JSON mode `tool`."),
    ],
)
def test_json_mode_tool_stands_alone(config: FunctionConfig, body: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        refuse_with_json_tool_mode(config, body)
    assert str(caught.value) == message


def test_json_mode_tool_is_fine_with_an_empty_list_of_provider_tools() -> None:
    refuse_with_json_tool_mode(function(), {"output_schema": {}, "provider_tools": []})


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({}, "auto"),
        ({"tool_choice": "required"}, "required"),
        ({"tool_choice": {"specific": "get_rain"}}, {"type": "function", "function": {"name": "get_rain"}}),
        ({"allowed_tools": ["rain"], "tool_choice": "none"}, "none"),
    ],
)
def test_tool_choice_upstream(body: dict[str, Any], sent: Any) -> None:
    assert body_of(settled(function("rain"), **body))["tool_choice"] == sent


@pytest.mark.parametrize(("choice", "mode"), [("auto", "auto"), ("required", "required"), ({"specific": "get_rain"}, "auto")])
def test_allowed_tools_go_upstream_as_asked_beside_all_tools(choice: Any, mode: str) -> None:
    body = body_of(settled(function("rain", "warmth"), allowed_tools=["rain"], tool_choice=choice))
    assert [tool["function"]["name"] for tool in body["tools"]] == ["get_rain", "warmth"]
    listed = [{"type": "function", "function": {"name": "rain"}}]
    assert body["tool_choice"] == {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": listed}}


def test_strict_stands_beside_the_function_and_keys_are_in_order() -> None:
    body = body_of(settled(function("warmth"), parallel_tool_calls=False))
    described = {"name": "warmth", "description": "How warm", "parameters": PLACE.value}
    assert body["tools"] == [{"type": "function", "function": described, "strict": True}]
    assert list(body) == ["messages", "model", "stream", "tools", "tool_choice", "parallel_tool_calls"]


def test_a_custom_tool_goes_upstream_as_such() -> None:
    body = body_of(settled(function(), additional_tools=[CUSTOM]))
    assert body["tools"] == [{"type": "custom", "custom": {"name": "code", "format": {"type": "text"}}}]


def test_nothing_goes_upstream_of_provider_tools_alone() -> None:
    settings = settled(function(), provider_tools=[{"scope": {"model_name": "other"}, "tool": {}}])
    assert list(body_of(settings)) == ["messages", "model", "stream"]


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (None, True),
        ({"model_name": "m"}, True),
        ({"model_name": "m", "provider_name": "p"}, True),
        ({"model_name": "m", "provider_name": "q"}, False),
        ({"model_name": "n"}, False),
    ],
)
def test_provider_tools_have_a_scope(scope: Any, found: bool) -> None:
    settings = settled(function(), provider_tools=[{"scope": scope, "tool": {"type": "web"}}])
    assert settings.provider_tools_for("m", "p") == ([{"type": "web"}] if found else [])


def test_stored_columns() -> None:
    provider_tool = {"scope": {"model_name": "other"}, "tool": {"type": "web"}}
    settings = settled(function("rain"), additional_tools=[OWN, CUSTOM], provider_tools=[provider_tool])
    columns = tool_columns(settings)
    own = {key: value for key, value in OWN.items() if key != "type"}
    rain = {"description": "How wet", "parameters": PLACE.value, "name": "get_rain", "strict": False}
    legacy = orjson.loads(columns["tool_params"])
    assert legacy == {"tools_available": [rain, own], "tool_choice": "auto", "parallel_tool_calls": None}
    assert [orjson.loads(tool) for tool in columns["dynamic_tools"]] == [OWN, CUSTOM]
    assert [orjson.loads(tool) for tool in columns["dynamic_provider_tools"]] == [provider_tool]
    assert orjson.loads(columns["allowed_tools"]) == {"tools": ["rain", "own", "code"], "choice": "function_default"}
    assert columns["tool_choice"] == "auto"
    assert columns["parallel_tool_calls"] is None


def test_a_specific_choice_and_explicit_tools_are_stored_as_such() -> None:
    columns = tool_columns(settled(function("rain"), allowed_tools=[], tool_choice={"specific": "get_rain"}))
    assert columns["tool_choice"] == '{"specific":"get_rain"}'
    assert columns["allowed_tools"] == '{"tools":[],"choice":"explicit"}'


def test_stored_tools_come_back_from_either_form_of_columns() -> None:
    columns = tool_columns(settled(function("rain"), additional_tools=[OWN]))
    assert names(stored_tools(columns)) == ["get_rain", "own"]
    assert names(stored_tools({**columns, "tool_params": ""})) == ["own"]
    assert names(stored_tools({})) == []


def call(name: str, arguments: str) -> dict[str, Any]:
    return {"type": "tool_call", "id": "1", "name": name, "arguments": arguments}


@pytest.mark.parametrize(
    ("name", "arguments", "known", "parsed"),
    [
        ("get_rain", '{"place":"Kyoto"}', "get_rain", {"place": "Kyoto"}),
        ("get_rain", '{"place":3}', "get_rain", None),
        ("get_rain", "not JSON", "get_rain", None),
        ("get_rain", "", "get_rain", None),
        ("rain", '{"place":"Kyoto"}', None, None),
        ("own", '{"any":1}', "own", {"any": 1}),
        ("code", "print()", "code", None),
    ],
)
def test_calls_are_checked_and_never_fail(name: str, arguments: str, known: str | None, parsed: Any) -> None:
    settings = settled(function("rain"), additional_tools=[OWN, CUSTOM], allowed_tools=[])
    (block,) = chat_output([call(name, arguments)], settings)
    raw = {"type": "tool_call", "id": "1", "raw_name": name, "raw_arguments": arguments}
    assert block == {**raw, "name": known, "arguments": parsed}


def test_a_schema_that_does_not_compile_fits_no_arguments() -> None:
    settings = settled(function(), additional_tools=[{**OWN, "parameters": {"type": "nonsense"}}])
    (block,) = chat_output([call("own", "{}")], settings)
    assert (block["name"], block["arguments"]) == ("own", None)


def test_content_without_calls_is_passed_on_as_it_is() -> None:
    content: list[dict[str, Any]] = [{"type": "text", "text": "dry"}]
    assert chat_output(content, None) is content
