"""What each dummy model answers. Figures and texts are the original's test provider's, so that its users know them."""

from __future__ import annotations

import orjson

from tensorzero.gateway.identifiers import new_id
from tensorzero.gateway.values import Block, ModelRequest
from tensorzero.inputs.blocks import File, RequestMessage, Text

TEXT = (
    "Megumin gleefully chanted her spell, unleashing a thunderous explosion that lit up the sky and left a massive crater in "
    "its wake."
)
ALTERNATE = "Megumin chanted her spell, but instead of an explosion, a gentle rain began to fall."
STREAM = (
    "Wally,",
    " the",
    " golden",
    " retriever,",
    " wagged",
    " his",
    " tail",
    " excitedly",
    " as",
    " he",
    " devoured",
    " a",
    " slice",
    " of",
    " cheese",
    " pizza.",
)
STREAM_THINK = ("hmmm", "hmmm")
STREAM_JSON = ('{"name"', ':"John"', ',"age"', ":30", "}")
STREAM_TOOL = ('{"location"', ':"Brooklyn"', ',"units"', ':"celsius', '"}')
STREAM_GOOD_TOOL = ('{"sentiment"', ':"positive"', ',"confidence"', ":0.95", "}")
RAW_REQUEST = "raw request"
RAW = orjson.dumps(
    {
        "id": "id",
        "object": "text.completion",
        "created": 1618870400,
        "model": "text-davinci-002",
        "choices": [{"text": TEXT, "index": 0, "logprobs": None, "finish_reason": None}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
    },
    option=orjson.OPT_INDENT_2,
).decode()
_RAW_USAGE = '"usage":{"prompt_tokens":10,"completion_tokens":10,"total_tokens":20}}'
_FIXED_TEXTS = {
    "alternate": ALTERNATE,
    "empty": "",
    "json_diff_schema": '{"response":"Hello"}',
    "json_beatles_1": '{"names":["John", "George"]}',
    "json_beatles_2": '{"names":["Paul", "Ringo"]}',
    "flaky_best_of_n_judge": '{"thinking": "hmmm", "answer_choice": 0}',
    "llm_judge::true": '{"score": true}',
    "llm_judge::false": '{"score": false}',
    "llm_judge::zero": '{"score": 0}',
    "llm_judge::one": '{"score": 1}',
}
_TEXTS_THAT_ARE_RAW = {
    "json_goodbye": '{"answer":"Goodbye"}',
    "json_cot": '{"thinking":"hmmm", "response": {"answer":"tokyo!"}}',
    "best_of_n_0": '{"thinking": "hmmm", "answer_choice": 0}',
    "best_of_n_1": '{"thinking": "hmmm", "answer_choice": 1}',
    "best_of_n_big": '{"thinking": "hmmm", "answer_choice": 100}',
}
_TOOL_CALLS = {
    "tool": (
        "get_temperature",
        '{"location":"Brooklyn","units":"celsius"}',
        '{"location":"Brooklyn","units":"celsius",' + _RAW_USAGE,
    ),
    "bad_tool": ("get_temperature", '{"location":"Brooklyn","units":"Celsius"}', '{"location":"Brooklyn","units":"Celsius"}'),
    "invalid_tool_arguments": ("get_temperature", "Not valid 'JSON'", RAW),
    "good_tool": (
        "output_schema_tool",
        '{"sentiment":"positive","confidence":0.95}',
        '{"sentiment":"positive","confidence":0.95}',
    ),
}
_THOUGHTS: dict[str, tuple[str | None, str]] = {
    "reasoner": (None, TEXT),
    "reasoner_with_signature": ("my_signature", TEXT),
    "json_reasoner": (None, '{"answer":"Hello"}'),
}


def answer(model: str, request: ModelRequest) -> tuple[list[Block], str]:
    """Content and raw response of a plain call."""
    if model == "null":
        return [], RAW
    if model == "json":
        return _text('{"answer":"Hello"}'), '{"answer":"Hello",' + _RAW_USAGE
    if model in _FIXED_TEXTS:
        return _text(_FIXED_TEXTS[model]), RAW
    if model in _TEXTS_THAT_ARE_RAW:
        return _text(_TEXTS_THAT_ARE_RAW[model]), _TEXTS_THAT_ARE_RAW[model]
    if model in _TOOL_CALLS:
        name, arguments, raw = _TOOL_CALLS[model]
        return [{"type": "tool_call", "id": "0", "name": name, "arguments": arguments}], raw
    if model in _THOUGHTS:
        signature, text = _THOUGHTS[model]
        thought: Block = {"type": "thought", "text": "hmmm"}
        if signature is not None:
            thought["signature"] = signature
        return [thought, *_text(text)], RAW
    return _text(_about_the_request(model, request)), RAW


def _text(text: str) -> list[Block]:
    return [{"type": "text", "text": text}]


def _about_the_request(model: str, request: ModelRequest) -> str:
    """Models whose answer says what they were asked; any other name gets the usual text."""
    if model == "echo":
        return echo(request.messages)
    if model == "random_answer":
        return f'{{"answer":"{new_id()}"}}'
    if model == "echo_request_messages":
        messages = [{"role": m.role, "content": [block.stored() for block in m.content]} for m in request.messages]
        return orjson.dumps({"system": request.system, "messages": messages}).decode()
    if model in ("extract_images", "require_pdf"):
        return orjson.dumps([file.stored() for file in _files(request)]).decode()
    return TEXT


def has_pdf(request: ModelRequest) -> bool:
    return any((file.fetched or file).mime_type == "application/pdf" for file in _files(request))


def _files(request: ModelRequest) -> list[File]:
    return [block for message in request.messages for block in message.content if isinstance(block, File)]


def echo(messages: tuple[RequestMessage, ...]) -> str:
    """The first text of the last user message."""
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    texts = [block.text for block in last.content if isinstance(block, Text)] if last else []
    return texts[0] if texts else ""
