"""What a judge is asked about an answer, as the input of its function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tensorzero.gateway.evaluations.evaluators import EvaluatorError
from tensorzero.inputs.blocks import Input, InputMessage, Template, Text
from tensorzero.inputs.reading import parse_input


def judge_input(
    evaluator: Mapping[str, Any], given: Mapping[str, Any], answer: Mapping[str, Any], reference: Any
) -> Input | None:
    """`given`: the datapoint's input as stored. None where the judge wants a reference and there is none.

    Raises EvaluatorError for what cannot be put into words.
    """
    wants_reference = evaluator.get("include", {}).get("reference_output", False)
    if wants_reference and reference is None:
        return None
    generated = _output_text(answer.get("content", answer.get("output")))
    expected = _output_text(reference) if wants_reference else None
    if evaluator.get("input_format", "serialized") == "serialized":
        arguments = {"input": _input_text(given), "generated_output": generated, "reference_output": expected}
        return Input(None, (InputMessage("user", (Template("user", arguments),)),))
    return _as_messages(given, generated, expected)


def _input_text(given: Mapping[str, Any]) -> str:
    for message in given["messages"]:
        for block in message["content"]:
            if block["type"] in ("file", "unknown"):
                kind = "Image" if block["type"] == "file" else "Unknown"
                raise EvaluatorError(
                    f"{kind} content not supported for LLM judge evaluations with `serialized` input format. If you want image "
                    "evaluations, try the `messages` input format."
                )
    return _json(given)


def _output_text(output: Any) -> str:
    if isinstance(output, list):
        blocks = [block for block in output if block["type"] != "unknown"]
        if not blocks:
            raise EvaluatorError("No valid content blocks found in output")
        return _json(blocks)
    if output["parsed"] is None:
        raise EvaluatorError("JSON output does not contain a `parsed` field")
    return output["raw"] or ""


def _as_messages(given: Mapping[str, Any], generated: str, expected: str | None) -> Input:
    """The conversation itself, its system as a first message, and then what is to be judged."""
    read = parse_input({"messages": [_plain_message(message) for message in given["messages"]]})
    messages = list(read.messages)
    system = given.get("system")
    if system is not None:
        messages.insert(0, InputMessage("user", (Text(system if isinstance(system, str) else _json(system)),)))
    asked = f"# Generated Output\n\n{generated}\n"
    if expected is not None:
        asked += f"\n# Reference Output\n\n{expected}\n"
    return Input(None, (*messages, InputMessage("user", (Text(asked),))))


def _plain_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of templates as their JSON."""
    blocks = [
        {"type": "text", "text": _json(block["arguments"])} if block["type"] == "template" else block
        for block in message["content"]
    ]
    return {"role": message["role"], "content": blocks}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
