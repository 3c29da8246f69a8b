"""Bodies about datasets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from tensorzero.bodies.inferences import OUTPUT_SOURCES, QUERY_FIELDS, TAG, TIME
from tensorzero.inputs.reading import InputShapeError, parse_input
from tensorzero.parsing.value_shapes import (
    Fields,
    Path,
    Shape,
    WrongShapeError,
    anything,
    boolean,
    choice,
    flattened,
    mapping,
    optional,
    sequence,
    string,
    struct,
    tagged,
    unsigned,
    uuid,
    whole_choice,
    wrong_type,
)


def whole_input(value: Any, path: Path) -> None:
    """An input in an object that is read whole."""
    if not isinstance(value, dict):
        raise wrong_type(value, path, "struct Input")
    try:
        parse_input(value)
    except InputShapeError as error:
        steps = tuple(error.steps or ())
        raise WrongShapeError((*path, *steps), error.reason) from None


def tool_choice(value: Any, path: Path) -> None:
    """`none`, `auto`, `required`, or `{"specific": name}`."""
    if isinstance(value, dict) and list(value) == ["specific"] and isinstance(value["specific"], str):
        return
    whole_choice("none", "auto", "required", "specific")(value, path)


def _output_blocks() -> Mapping[str, Fields]:
    return {
        "text": ({"text": string}, ("text",)),
        "tool_call": (
            {"id": string, "raw_name": string, "raw_arguments": string, "name": optional(string), "arguments": anything},
            ("id", "raw_name", "raw_arguments"),
        ),
        "thought": (
            {"text": optional(string), "signature": optional(string), "provider_type": optional(string)},
            (),
        ),
        "unknown": ({"data": anything, "model_name": optional(string), "provider_name": optional(string)}, ("data",)),
    }


CHAT_OUTPUT = sequence(tagged(_output_blocks))
JSON_OUTPUT = struct("JsonDatapointOutputUpdate", {"raw": optional(string)})
_TOOLS: Mapping[str, Shape] = {
    "additional_tools": optional(sequence(anything)),
    "allowed_tools": optional(sequence(string)),
    "tool_choice": optional(tool_choice),
    "parallel_tool_calls": optional(boolean),
    "provider_tools": optional(sequence(anything)),
}
_ABOUT: Mapping[str, Shape] = {"name": optional(string), "tags": optional(mapping(string))}


@cache
def _created() -> Mapping[str, Fields]:
    common = {"function_name": string, "input": whole_input, "episode_id": optional(uuid), **_ABOUT}
    needed = ("function_name", "input")
    return {
        "chat": ({**common, "output": optional(CHAT_OUTPUT), **_TOOLS}, needed),
        "json": ({**common, "output": optional(JSON_OUTPUT), "output_schema": anything}, needed),
    }


@cache
def _updated() -> Mapping[str, Fields]:
    common = {"id": uuid, "input": optional(whole_input), **_ABOUT}
    return {
        "chat": ({**common, "output": optional(CHAT_OUTPUT), **_TOOLS}, ("id",)),
        "json": ({**common, "output": optional(JSON_OUTPUT), "output_schema": anything}, ("id",)),
    }


@cache
def _from_inferences() -> Mapping[str, Fields]:
    query = {name: _unplaced(shape) for name, shape in QUERY_FIELDS.items()}
    source = whole_choice(*OUTPUT_SOURCES)
    return {
        "inference_ids": ({"inference_ids": sequence(uuid), "output_source": optional(source)}, ("inference_ids",)),
        "inference_query": ({**query, "output_source": optional(source)}, ()),
    }


def _unplaced(shape: Shape) -> Shape:
    """Of a struct whose fields are those of another: its errors do not say where."""

    def check(value: Any, path: Path) -> None:
        try:
            shape(value, path)
        except WrongShapeError as wrong:
            raise WrongShapeError(path[:-1], wrong.reason) from None

    return check


@cache
def _datapoint_filters() -> Mapping[str, Fields]:
    return {
        "tag": TAG,
        "time": TIME,
        "and": ({"children": sequence(DATAPOINT_FILTER)}, ("children",)),
        "or": ({"children": sequence(DATAPOINT_FILTER)}, ("children",)),
        "not": ({"child": DATAPOINT_FILTER}, ("child",)),
    }


DATAPOINT_FILTER = tagged(_datapoint_filters)
CREATE_DATAPOINT = tagged(_created, placed=False)
UPDATE_DATAPOINT = tagged(_updated, placed=False)
UPDATE_METADATA = struct("UpdateDatapointMetadataRequest", {"id": uuid, "name": optional(string)}, ("id",))
FROM_INFERENCES = tagged(_from_inferences, placed=False)
LIST_DATAPOINTS = struct(
    "ListDatapointsRequest",
    {
        "function_name": optional(string),
        "limit": optional(unsigned(32)),
        "page_size": optional(unsigned(32)),
        "offset": optional(unsigned(32)),
        "filter": optional(DATAPOINT_FILTER),
        "order_by": optional(
            sequence(
                flattened(
                    "DatapointOrderBy",
                    "by",
                    {"direction": choice("ascending", "descending")},
                    {"timestamp": {}, "search_relevance": {}},
                )
            )
        ),
        "search_query_experimental": optional(string),
    },
)
