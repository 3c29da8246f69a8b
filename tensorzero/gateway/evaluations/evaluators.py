"""The evaluators that are no models: each compares an answer with what the configuration or the datapoint says.

An answer is what inference returns: `content` of a chat function, `output` of a JSON function.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

Json = Mapping[str, Any]


class EvaluatorError(Exception):
    """An evaluator that could not say anything: told beside the answer, and counted nowhere."""


def exact_match(answer: Json, _evaluator: Json, reference: Any) -> bool | None:
    """Whether the answer is the datapoint's output; None where it has none.

    Chat blocks are compared in order and whole, ids of tool calls too; of a JSON output the parsed value alone.
    """
    if reference is None:
        return None
    if "content" in answer:
        return answer["content"] == reference
    if reference.get("parsed") is None:
        return None
    return answer["output"]["parsed"] == reference["parsed"]


def tool_use(answer: Json, evaluator: Json, _reference: Any = None) -> bool:
    """Whether the tools that were called are those that the evaluator wants. Raises EvaluatorError for a JSON answer."""
    if "content" not in answer:
        raise EvaluatorError("Tool use evaluators are only supported for chat functions")
    called = Counter(block["raw_name"] for block in answer["content"] if block["type"] == "tool_call")
    wanted = Counter(evaluator.get("tools", ()))
    match evaluator["behavior"]:
        case "none":
            return not called
        case "any":
            return bool(called)
        case "none_of":
            return not called.keys() & wanted.keys()
        case "any_of":
            return bool(called.keys() & wanted.keys())
        case _:
            return all(called[name] >= count for name, count in wanted.items())


def regex(answer: Json, evaluator: Json, _reference: Any = None) -> bool:
    """Whether `must_match` is found anywhere in the answer's text, and `must_not_match` nowhere."""
    wanted, unwanted = evaluator.get("must_match"), evaluator.get("must_not_match")
    text = _text(answer)
    if text is None:
        return wanted is None
    if wanted is not None and re.search(wanted, text) is None:
        return False
    return unwanted is None or re.search(unwanted, text) is None


def typescript(_answer: Json, _evaluator: Json, _reference: Any = None) -> bool:
    """Raises EvaluatorError."""
    raise EvaluatorError("Evaluators of type `typescript` are not supported here: they need a JavaScript engine")


BY_TYPE: dict[str, Callable[[Json, Json, Any], bool | float | None]] = {
    "exact_match": exact_match,
    "tool_use": tool_use,
    "regex": regex,
    "typescript": typescript,
}
"""Every type but `llm_judge`, which asks a model. They are given the answer, the evaluator's table, the datapoint's output."""


def _text(answer: Mapping[str, Any]) -> str | None:
    if "output" in answer:
        return answer["output"]["raw"]
    return "".join(block["text"] for block in answer["content"] if block["type"] == "text")
