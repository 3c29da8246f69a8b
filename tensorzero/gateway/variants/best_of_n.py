"""`experimental_best_of_n_sampling`: several candidates answer, an evaluator picks one of them.

Nothing that goes wrong with the evaluator fails the call: a candidate is taken at random then, as in the original.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from tensorzero.gateway.config.sections import ChatCompletionConfig, Retries, VariantConfig
from tensorzero.gateway.errors import BadRequest, GatewayError
from tensorzero.gateway.functions.rendering import render_messages
from tensorzero.gateway.models.infer import Failed
from tensorzero.gateway.schemas import Schema
from tensorzero.gateway.values import Block, InferenceCall, ModelInference, VariantResult
from tensorzero.gateway.variants.candidates import any_one, as_answer, listing, usable
from tensorzero.gateway.variants.chat_completion import Prepared, assemble, with_retries

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


async def infer(
    gateway: Gateway, variant: VariantConfig, candidates: Sequence[VariantResult], call: InferenceCall, failed: Failed
) -> VariantResult:
    """The best candidate; one that stands alone needs no evaluator."""
    if len(candidates) == 1:
        return as_answer(variant.name, candidates, 0)
    chosen, evaluation = await _judge(gateway, variant.settings["evaluator"], candidates, call, failed)
    result = as_answer(variant.name, candidates, any_one(candidates) if chosen is None else chosen)
    result.original_response = None
    if evaluation is not None:
        result.original_response = evaluation.raw_response
        result.model_inferences.append(evaluation)
    return result


async def _judge(
    gateway: Gateway,
    evaluator: ChatCompletionConfig,
    candidates: Sequence[VariantResult],
    call: InferenceCall,
    failed: Failed,
) -> tuple[int | None, ModelInference | None]:
    """The position that the evaluator chose, and its answer; None for either where there is none."""
    shown = usable(candidates, call.function.type)
    if len(shown) == 1:
        return shown[0][0], None
    try:
        ready = _prepare(gateway, evaluator, [text for _, text in shown], call)
        evaluation = await _evaluate(gateway, ready, evaluator.retries, call, failed)
    except GatewayError:
        return None, None
    choice = _choice(evaluation.content)
    return (None if choice is None or choice >= len(shown) else shown[choice][0]), evaluation


async def _evaluate(gateway: Gateway, ready: Prepared, retries: Retries, call: InferenceCall, failed: Failed) -> ModelInference:
    """As `chat_completion.ask_beside`, but of earlier tries nothing is shown (observed 2026.6.0)."""
    own: Failed = []

    def attempt() -> Awaitable[ModelInference]:
        own.clear()
        return gateway.models.infer(ready.model, ready.request, call, own)

    try:
        evaluation = await with_retries(attempt, retries, call)
    except GatewayError:
        failed += own
        raise
    evaluation.failed = own
    return evaluation


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
