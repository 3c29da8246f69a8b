"""Public values, their readers, and the exceptions."""

from __future__ import annotations

import json
import pickle
import uuid
import warnings
from typing import Any

import pytest
import uuid_utils

from tensorzero import generated_types, types
from tensorzero.omit_type import OMIT, OmitType
from tensorzero.types import (
    ChatChunk,
    ChatInferenceResponse,
    ChunkReader,
    FinishReason,
    JsonChunk,
    TensorZeroError,
    TensorZeroInternalError,
    TensorZeroTypeEncoder,
    Text,
    Thought,
    ThoughtChunk,
    ToolCall,
    ToolCallChunk,
    Usage,
)
from tensorzero.util import uuid7

from .loopback import CHAT, CHUNKS, EPISODE_ID, IDS, INFERENCE_ID, JSON, USAGE


def encoded(value: Any) -> Any:
    return json.loads(json.dumps(value, cls=TensorZeroTypeEncoder))


def test_text_is_text_or_arguments_but_not_both() -> None:
    assert repr(Text(text="hi")) == "Text(text='hi', arguments=None, type='text')"
    assert Text("").to_dict() == {"type": "text", "text": ""}
    assert Text(arguments={"a": 1}).to_dict() == {"type": "text", "arguments": {"a": 1}}
    with pytest.raises(ValueError, match=r"^Either `text` or `arguments` must be provided.$"):
        Text()
    with pytest.raises(ValueError, match=r"^Only one of `text` or `arguments` must be provided.$"):
        Text("a", {})
    emptied = Text("a")
    emptied.text = None
    with pytest.raises(ValueError, match=r"^Either `text` or `arguments` must be provided.$"):
        emptied.to_dict()


def test_text_that_holds_arguments_warns_at_the_callers_line() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        block = Text(text={"a": 1})  # type: ignore[arg-type]
    assert [(w.category, w.filename) for w in caught] == [(DeprecationWarning, __file__)]
    assert block.to_dict() == {"type": "text", "arguments": {"a": 1}}


def test_only_a_dict_stands_for_arguments() -> None:
    with pytest.warns(DeprecationWarning, match=r"arguments=\.\.\."):
        block = Text(text=[1])  # type: ignore[arg-type]
    assert block.to_dict() == {"type": "text", "text": [1]}


def test_the_second_field_of_a_thought_is_its_type() -> None:
    assert Thought("a", "b").type == "b"
    assert ThoughtChunk("1", "a", "b").type == "b"


def test_tool_call_leaves_out_what_is_not_set() -> None:
    assert list(ToolCall("1", "{}", "n").to_dict()) == ["id", "raw_arguments", "raw_name", "type"]
    assert list(ToolCall("1", "{}", "n", {}, "n").to_dict()) == ["id", "raw_arguments", "raw_name", "type", "arguments", "name"]


def test_finish_reason_equals_its_text_and_prints_its_name() -> None:
    assert FinishReason.STOP == "stop"
    assert f"{FinishReason.STOP}" == str(FinishReason.STOP) == "FinishReason.STOP"


def test_encoder_drops_omitted_fields_and_keeps_none() -> None:
    request = generated_types.UpdateChatDatapointRequest(id="x", name=None)
    assert encoded({"a": [request]}) == {
        "a": [
            {
                "id": "x",
                "additional_tools": None,
                "input": None,
                "name": None,
                "provider_tools": None,
                "tags": None,
                "type": "chat",
            }
        ]
    }
    some = uuid.uuid4()
    assert encoded([some, uuid_utils.UUID(str(some)), (Text("a"),)]) == [str(some), str(some), [{"type": "text", "text": "a"}]]
    for value in (OMIT, object(), {1, 2}):
        with pytest.raises(TypeError, match=f"^Object of type {type(value).__name__} is not JSON serializable$"):
            encoded(value)


def test_omit_is_one_object_with_a_short_name() -> None:
    assert repr(OMIT) == "OMIT"
    assert isinstance(OMIT, OmitType)
    assert OmitType() != OMIT


def test_responses_are_read_by_their_shape() -> None:
    chat = types.parse_inference_response(CHAT)
    assert chat == ChatInferenceResponse(
        uuid.UUID(INFERENCE_ID), uuid.UUID(EPISODE_ID), "v", [Text("Tokyo.")], Usage(10, 5), finish_reason=FinishReason.STOP
    )
    answer = types.parse_inference_response(JSON)
    assert answer.output == types.JsonInferenceOutput('{"a":1}', {"a": 1})  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"^Unable to determine response type$"):
        types.parse_inference_response({"content": None})


def test_unknown_usage_keys_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'zz'"):
        types.parse_inference_response({**CHAT, "usage": {**USAGE, "zz": 1}})


def test_blocks_are_read_by_their_type() -> None:
    read = types.parse_content_block
    assert read({"type": "thought", "summary": []}) == Thought()
    assert read({"type": "thought", "text": "t", "summary": [{"text": "s"}], "provider_type": "p"}) == Thought(
        "t", summary=[types.ThoughtSummaryBlock("s")], provider_type="p"
    )
    assert read({"type": "unknown", "data": 1, "model_name": "m"}) == types.UnknownContentBlock(1, "m")
    with pytest.raises(ValueError, match=r"Unknown content block type: {'type': 'zz'}"):
        read({"type": "zz"})
    with pytest.raises(KeyError):
        read({"type": "tool_call"})


def test_chunks_are_read_by_their_keys() -> None:
    first, _, last = (types.parse_inference_chunk(chunk) for chunk in CHUNKS)
    assert isinstance(first, ChatChunk)
    assert first.usage is None
    assert (last.content, last.usage, last.finish_reason) == ([], Usage(10, 5), FinishReason.STOP)  # type: ignore[union-attr]
    assert types.parse_inference_chunk({**IDS, "raw": ""}) == JsonChunk(uuid.UUID(INFERENCE_ID), uuid.UUID(EPISODE_ID), "v", "")
    thought = types.parse_content_block_chunk({"type": "thought", "id": "1", "provider_type": "p", "summary_text": "s"})
    assert thought == ThoughtChunk("1", None, summary_text="s")
    tool = types.parse_content_block_chunk({"type": "tool_call", "id": "1", "raw_arguments": "", "raw_name": ""})
    assert tool == ToolCallChunk("1", "", "")


def test_a_chunk_reader_reads_what_the_function_reads() -> None:
    read = ChunkReader()
    other = {**CHUNKS[0], "inference_id": str(uuid7()), "episode_id": str(uuid7())}
    for chunk in [*CHUNKS, other, *CHUNKS]:
        assert read(chunk) == types.parse_inference_chunk(chunk)


def test_errors_say_what_they_hold_and_survive_pickling() -> None:
    error = TensorZeroError(404, '{"error":"no"}')
    assert str(error) == 'TensorZeroError (status code 404): {"error":"no"}'
    assert (error.args, error.hint) == ((404, '{"error":"no"}'), None)
    assert str(TensorZeroError(500)) == "TensorZeroError (status code 500): None"
    assert repr(TensorZeroError(500)) == "TensorZeroError(500)"
    named = pickle.loads(pickle.dumps(TensorZeroError(status_code=500, text="x")))
    assert (named.status_code, named.text, named.args) == (500, "x", (500, "x"))
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.status_code, copy.text) == (404, '{"error":"no"}')
    assert str(pickle.loads(pickle.dumps(TensorZeroInternalError("x")))) == "x"
    with pytest.warns(DeprecationWarning, match=r"TensorZeroError.response is deprecated"):
        assert error.response.status_code == 404


def test_new_ids_are_version_7_and_in_order() -> None:
    ids = [uuid7() for _ in range(1000)]
    assert {type(i) for i in ids} == {uuid.UUID}
    assert {i.version for i in ids} == {7}
    assert [i.int >> 80 for i in ids] == sorted(i.int >> 80 for i in ids)
