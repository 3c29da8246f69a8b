"""The three things that are fuzzed. A kind makes a case (JSON) out of a seed, and runs one.

`case(seed)` depends on the seed alone; `run(case)` returns how it ended and raises `Finding`.
"""

from __future__ import annotations

import base64
import copy
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import fuzz_gateway as subject
import mutating

from tensorzero.gateway.config.toml_text import write_toml
from tensorzero.gateway.errors import ConfigError, GatewayError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
Case = dict[str, Any]


class Kind(NamedTuple):
    case: Callable[[int], Case]
    run: Callable[[Case], str]


# Configurations


@functools.cache
def configurations() -> list[dict[str, str]]:
    """The rich one, and those whose snapshots the original wrote."""
    rich = {path.name: path.read_text("utf-8") for path in (HERE / "rich").iterdir()}
    recorded = json.loads((HERE.parent / "gateway/config/data/snapshots.json").read_text("utf-8"))["cases"]
    flat = [
        case["files"] for case in recorded if "tensorzero.toml" in case["files"] and not any("/" in n for n in case["files"])
    ]
    return [rich] * max(1, len(flat) // 2) + flat


@functools.cache
def config_words() -> list[str]:
    words: set[str] = set()
    for files in configurations():
        for table, key in mutating.places(tomllib.loads(files["tensorzero.toml"])):
            words.update(word for word in (key, table[key]) if isinstance(word, str))
    return sorted(words)


@functools.cache
def config_values() -> list[Any]:
    document = tomllib.loads((HERE / "rich/tensorzero.toml").read_text("utf-8"))
    return [table[key] for table, key in mutating.places(document)]


def config_case(seed: int | Random) -> Case:
    choose = seed if isinstance(seed, Random) else Random(seed)
    files = dict(choose.choice(configurations()))
    text = files["tensorzero.toml"]
    way = choose.randrange(10)
    if way < 6:
        document = mutating.mutate(tomllib.loads(text), choose, config_words(), config_values(), choose.randrange(1, 4))
        text = write_toml(without_nulls(document if isinstance(document, dict) else {"x": document}))
    elif way < 9:
        for _ in range(choose.randrange(1, 3)):
            text = mutating.mutate_text(text, choose)
    else:
        name = choose.choice(sorted(files))
        files[name] = mutating.mutate_text(files[name], choose)
        text = files["tensorzero.toml"]
    return {"files": {**files, "tensorzero.toml": text}}


def without_nulls(value: Any) -> Any:
    """TOML has no null and text of whole characters only."""
    if isinstance(value, dict):
        return {clean(key): without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item is not None]
    if isinstance(value, str):
        return clean(value)
    return min(max(value, -(2**63)), 2**63 - 1) if type(value) is int else value


def clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def run_config(case: Case) -> str:
    try:
        config = subject.load(case["files"])
        storage = config.other.get("object_storage") or {}
        if storage.get("type", "disabled") != "disabled":  # opening it writes to the bucket or the folder
            return "loaded"
        database = subject.RowsInMemory()
        client = subject.client_on(config, subject.FakeHttp(200, [ANSWERS[0]]), database)
    except ConfigError as error:
        if not error.mistakes or not error.message:
            raise subject.Finding("a ConfigError without a mistake") from error
        return "ConfigError"
    except GatewayError as error:
        return type(error).__name__
    for name in list(config.functions)[:2]:
        subject.outcome_of(client, database, {"function_name": name, "input": INPUTS[0]["input"], "episode_id": EPISODE})
    return "loaded"


# Inputs

EPISODE = "0192ced0-947e-74b3-a3d7-02fd2c54d637"
IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def user(*content: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}], **more}


TOOL = {"name": "add", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "number"}}}}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
INPUTS: list[Case] = [
    {"function_name": "chat", "input": {"messages": [{"role": "user", "content": "hello"}]}},
    {"function_name": "chat", "input": user({"type": "text", "text": "a"}, {"type": "raw_text", "value": "b"}), "stream": True},
    {
        "function_name": "typed",
        "input": user(
            {"type": "text", "arguments": {"topic": "x"}},
            {"type": "template", "name": "extra", "arguments": {"n": 1}},
            system={"style": "dry"},
        ),
    },
    {
        "function_name": "tools",
        "input": {
            "messages": [
                {"role": "user", "content": "what is the weather?"},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_call", "id": "1", "name": "weather", "arguments": {"place": "Rome"}}],
                },
                {"role": "user", "content": [{"type": "tool_result", "id": "1", "name": "weather", "result": "rain"}]},
            ]
        },
        "additional_tools": [TOOL],
        "allowed_tools": ["weather", "add"],
        "tool_choice": {"specific": "add"},
        "parallel_tool_calls": True,
        "provider_tools": [{"scope": {"model_name": "m", "provider_name": "p"}, "tool": {"x": 1}}],
    },
    {
        "function_name": "json",
        "input": user({"type": "text", "text": "a"}, system="s"),
        "output_schema": SCHEMA,
        "stream": False,
    },
    {
        "function_name": "json",
        "input": user({"type": "text", "text": "a"}),
        "stream": True,
        "include_aggregated_response": True,
    },
    {
        "model_name": "dummy::good",
        "input": user(
            {
                "type": "thought",
                "text": "hm",
                "signature": "s",
                "provider_type": "x",
                "summary": [{"type": "summary_text", "text": "t"}],
            },
            {"type": "unknown", "data": {"a": 1}, "model_name": "m", "provider_name": "p"},
            {
                "type": "file",
                "file_type": "base64",
                "mime_type": "image/png",
                "data": IMAGE,
                "detail": "low",
                "filename": "a.png",
            },
            {"type": "file", "file_type": "url", "url": "http://127.0.0.1:9/a.png"},
        ),
    },
    {
        "function_name": "best",
        "input": user({"type": "text", "text": "a"}),
        "tags": {"a": "b"},
        "episode_id": EPISODE,
        "variant_name": "pick",
        "credentials": {"key": "v"},
        "include_raw_response": True,
        "include_raw_usage": True,
        "cache_options": {"enabled": "on", "max_age_s": 10},
        "namespace": "n",
        "dryrun": False,
        "params": {
            "chat_completion": {"temperature": 0.5, "max_tokens": 10, "stop_sequences": ["x"], "seed": 1, "json_mode": "off"}
        },
        "extra_body": [{"pointer": "/a", "value": 1}, {"variant_name": "one", "pointer": "/a/b", "delete": True}],
        "extra_headers": [{"model_name": "m", "provider_name": "p", "name": "x-a", "value": "b"}],
    },
    {
        "input": user({"type": "text", "text": "a"}),
        "internal_dynamic_variant_config": {
            "type": "chat_completion",
            "model": "dummy::good",
            "weight": 1.0,
            "temperature": 0.5,
            "templates": {"extra": {"path": {"__tensorzero_remapped_path": "t", "__data": "Hi"}}},
        },
        "function_name": "chat",
        "dryrun": True,
    },
]
INPUT_WORDS = sorted(
    {key for case in INPUTS for _, key in mutating.places(case) if isinstance(key, str)}
    | {box[key] for case in INPUTS for box, key in mutating.places(case) if isinstance(box[key], str)}
    | {
        "arguments",
        "raw_arguments",
        "raw_name",
        "assistant",
        "system",
        "input_audio",
        "image/jpeg",
        "storage_path",
        "object_storage",
    }
)
INPUT_VALUES = [box[key] for case in INPUTS for box, key in mutating.places(case)]
ARGUMENTS = frozenset(key for case in INPUTS for key in case)


def input_case(seed: int | Random) -> Case:
    choose = seed if isinstance(seed, Random) else Random(seed)
    base = copy.deepcopy(choose.choice(INPUTS))
    changed = dict(base)
    if choose.random() < 0.8:
        changed["input"] = mutating.mutate(base["input"], choose, INPUT_WORDS, INPUT_VALUES, choose.randrange(1, 4))
    else:
        changed = mutating.mutate(base, choose, INPUT_WORDS, INPUT_VALUES, choose.randrange(1, 3))
    if not isinstance(changed, dict):
        changed = base
    return {key: value for key, value in changed.items() if key in ARGUMENTS} | {"input": changed.get("input")}


@functools.cache
def asked(provider: str) -> tuple[Any, subject.RowsInMemory]:
    """A client whose models are all `dummy` or all `openai`, and its rows. One for all cases."""
    files = {path.name: path.read_text("utf-8") for path in (HERE / "asked").iterdir()}
    model = {
        "dummy": 'type = "dummy"\nmodel_name = "good"',
        "openai": 'type = "openai"\nmodel_name = "x"\napi_base = "http://127.0.0.1:9/v1/"\napi_key_location = "none"',
    }[provider]
    database = subject.RowsInMemory()
    files["tensorzero.toml"] = files["tensorzero.toml"].replace("PROVIDER", model)
    return subject.client_on(subject.load(files), subject.FakeHttp(), database), database


def run_input(case: Case) -> str:
    client, database = asked("dummy")
    with subject.no_names():
        ended = subject.outcome_of(client, database, case)
    database.records.clear()
    return ended


# Upstream answers


def completion(message: dict[str, Any], reason: str = "stop") -> bytes:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "prompt_tokens_details": {"cached_tokens": 1}}
    whole = {
        "id": "c", "object": "chat.completion", "created": 1, "model": "x", "usage": usage, "system_fingerprint": None,
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason, "logprobs": None}],
    }  # fmt: skip
    return json.dumps(whole).encode()


def events(*deltas: dict[str, Any], usage: bool = True) -> bytes:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x"}
    chunks: list[Any] = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        chunks.append({**head, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}})
    return b"".join(b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


CALL = {"id": "k", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Rome"}'}}
ANSWERS = [
    completion({"content": "hello"}),
    completion({"content": '{"answer": "x"}', "refusal": None, "annotations": []}),
    completion({"content": None, "tool_calls": [CALL, {**CALL, "id": "l"}]}, "tool_calls"),
    completion({"content": "a", "reasoning_content": "because"}, "length"),
    completion({"content": '{"thinking": "x", "answer_choice": 1}'}),
    json.dumps({"error": {"message": "no", "type": "t", "code": None}}).encode(),
]
STREAMS = [
    events({"role": "assistant", "content": ""}, {"content": "hel"}, {"content": "lo"}),
    events({"content": '{"answer"'}, {"content": ': "x"}'}, usage=False),
    events(
        {"tool_calls": [{"index": 0, **CALL, "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"place"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ': "x"}'}}, {"index": 1, **CALL}]},
    ),
    events({"reasoning_content": "be"}, {"reasoning_content": "cause", "content": "é 😀"}),
    b'event: error\ndata: {"error": {"message": "no"}}\n\n',
]
UPSTREAM_WORDS = [
    "id", "choices", "message", "delta", "content", "tool_calls", "function", "name", "arguments", "index", "finish_reason",
    "usage", "prompt_tokens", "completion_tokens", "error", "refusal", "custom", "type", "reasoning_content", "reasoning",
    "length", "content_filter", "prompt_tokens_details", "cached_tokens", "audio", "role", "input",
]  # fmt: skip


def upstream_case(seed: int | Random) -> Case:
    choose = seed if isinstance(seed, Random) else Random(seed)
    stream = choose.random() < 0.5
    body = choose.choice(STREAMS if stream else ANSWERS)
    body = mutated_events(body, choose) if stream else mutated_answer(body, choose)
    if choose.random() < 0.25:
        body = mutating.mutate_bytes(body, choose)
    status = 200 if choose.random() < 0.9 else choose.choice([204, 206, 301, 400, 401, 404, 429, 500, 503, 599])
    return {
        "function_name": choose.choice(["chat", "tools", "json", "json", "best", "mixed", "strict", "by_tool", "thinks"]),
        "stream": stream,
        "raw": choose.random() < 0.3,
        "status": status,
        "kind": choose.choice(["text/event-stream", "text/event-stream", "application/json", ""]),
        "breaks": choose.random() < 0.1,
        "parts": [base64.b64encode(part).decode() for part in mutating.pieces(body, choose)],
    }


def mutated_answer(body: bytes, choose: Random) -> bytes:
    changed = mutating.mutate(json.loads(body), choose, UPSTREAM_WORDS, changes=choose.randrange(0, 3))
    return json.dumps(changed).encode()


def mutated_events(body: bytes, choose: Random) -> bytes:
    found = body.split(b"\n\n")
    for _ in range(choose.randrange(0, 3)):
        place = choose.randrange(len(found))
        start, _, data = found[place].rpartition(b"data: ")
        if data.startswith(b"{"):
            found[place] = start + b"data: " + mutated_answer(data, choose)
        elif choose.random() < 0.5:
            found.insert(place, choose.choice([b": ping", b"data:", b"data: []", b"data: null", b"event: x\nid: 1", b"\xff"]))
    return choose.choice([b"\n\n", b"\n\n", b"\r\n\r\n", b"\r\r"]).join(found)


def run_upstream(case: Case) -> str:
    client, database = asked("openai")
    parts = [base64.b64decode(part) for part in case["parts"]]
    client._runtime.http = subject.FakeHttp(case["status"], parts, case["breaks"], case["kind"])
    wanted = {"include_raw_response": True, "include_raw_usage": True, "include_original_response": True} if case["raw"] else {}
    call = {"function_name": case["function_name"], "input": INPUTS[0]["input"], "stream": case["stream"], **wanted}
    ended = subject.outcome_of(client, database, call)
    database.records.clear()
    return ended


KINDS = {
    "config": Kind(config_case, run_config),
    "input": Kind(input_case, run_input),
    "upstream": Kind(upstream_case, run_upstream),
}
