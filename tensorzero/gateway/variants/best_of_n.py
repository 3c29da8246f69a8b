"""`experimental_best_of_n_sampling`: several candidates answer, an evaluator picks one of them.

Nothing that goes wrong with the evaluator fails the call: a candidate is taken at random then, as in the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import BestOfNConfig, ChatCompletionConfig
from tensorzero.gateway.errors import AllRetriesFailed, Attempts, BadRequest, GatewayError
from tensorzero.gateway.functions.rendering import render_messages
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.values import Block, ModelInference, VariantResult
from tensorzero.gateway.variants.candidates import Candidates, after, any_one, as_answer, listing, usable
from tensorzero.gateway.variants.chat_completion import Prepared, ask, assemble
from tensorzero.runtime.deadline import DeadlineExceeded

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

_SCHEMA = Schema(
    {
        "type": "object",
        "properties": {"thinking": {"type": "string"}, "answer_choice": {"type": "integer"}},
        "required": ["thinking", "answer_choice"],
        "additionalProperties": False,
    }
)
_TASK = "You are an assistant tasked with re-ranking candidate answers to "
_A_PROBLEM = "a problem.\n"
_THIS_PROBLEM = "the following problem:\n------\n{system}\n------\n"
_INSTRUCTIONS = """\
The messages below are the conversation history between the user and the assistant along with a final message giving a set of \
candidate responses.
Please evaluate the following candidate responses and provide your reasoning along with the index of the best candidate in the \
following JSON format:
{
    "thinking": "your reasoning here",
    "answer_choice": int  // Range: 0 to MAX
}
In the "thinking" block:
First, you should analyze each response itself against the conversation history and determine if it is a good response or not.
Then you should think out loud about which is best and most faithful to instructions.
In the "answer_choice" block: you should output the index of the best response."""
_QUESTION = "\nPlease evaluate these candidates and provide the index of the best one."


async def infer(gateway: Gateway, variant: BestOfNConfig, candidates: Candidates, call: InferenceCall) -> VariantResult:
    """The best candidate; one that stands alone needs no evaluator."""
    answers = candidates.answers
    if len(answers) == 1:
        return after(as_answer(variant.name, answers, 0), candidates.failed)
    try:
        verdict = await _judge(gateway, variant.judge, answers, call)
    except DeadlineExceeded as passed:
        passed.attempts = candidates.failed  # not those of the evaluator (observed 2026.6.0)
        raise
    chosen, evaluation = verdict.chosen, verdict.evaluation
    result = as_answer(variant.name, answers, any_one(answers) if chosen is None else chosen)
    result.original_response = None
    if evaluation is not None:
        result.original_response = evaluation.raw_response
        result.model_inferences.append(evaluation)
    return after(result, (*candidates.failed, *verdict.failed))


class _Verdict(NamedTuple):
    """The position that the evaluator chose, and its answer; None for either where there is none. `failed`: what an evaluator
    that gave no answer said instead."""

    chosen: int | None = None
    evaluation: ModelInference | None = None
    failed: Attempts = ()


async def _judge(
    gateway: Gateway, evaluator: ChatCompletionConfig, candidates: Sequence[VariantResult], call: InferenceCall
) -> _Verdict:
    shown = usable(candidates, call.function.type)
    if len(shown) == 1:
        return _Verdict(shown[0][0])
    try:
        ready = _prepare(gateway, evaluator, [text for _, text in shown], call)
        evaluation = await ask(gateway, ready, evaluator.retries, call, shows_earlier=False)
    except GatewayError as error:  # of several tries only the last is shown (observed 2026.6.0)
        return _Verdict(failed=(error.errors[-1] if isinstance(error, AllRetriesFailed) else error).attempts)
    choice = _choice(evaluation.content)
    return _Verdict(None if choice is None or choice >= len(shown) else shown[choice][0], evaluation)


def _prepare(gateway: Gateway, evaluator: ChatCompletionConfig, texts: list[str], call: InferenceCall) -> Prepared:
    if call.extra_body:
        raise BadRequest("Inference-level `extra_body` is not yet supported for best_of_n variant")
    if not texts:
        raise GatewayError("No valid candidates available to prepare request.")
    system, messages = render_messages(evaluator, call.function, call.input, call.templates or gateway.config.templates)
    asked = replace(call, params={}, stream=False, tools=None, schema=_SCHEMA, extra_headers=(), extra_cache_key=None)
    if evaluator.json_mode is None:
        evaluator = replace(evaluator, json_mode="strict")
    question = listing(texts, " ", _QUESTION)
    return assemble(gateway, evaluator, asked, _instructions(system, len(texts)), (*messages, question))


def _instructions(system: str | None, count: int) -> str:
    problem = _A_PROBLEM if system is None else _THIS_PROBLEM.format(system=system)
    return _TASK + problem + _INSTRUCTIONS.replace("MAX", str(count - 1))


def _choice(content: Sequence[Block]) -> int | None:
    """`answer_choice` of the first text or tool call."""
    for block in content:
        if block["type"] in ("text", "tool_call"):
            return _index(block["text"] if block["type"] == "text" else block["arguments"])
    return None


def _index(text: str) -> int | None:
    try:
        answer: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    choice = answer.get("answer_choice") if isinstance(answer, dict) else None
    return choice if isinstance(choice, int) and not isinstance(choice, bool) and choice >= 0 else None
