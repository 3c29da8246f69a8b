"""`experimental_mixture_of_n`: several candidates answer, a fuser makes one answer of them.

A fuser that fails does not fail the call: a candidate is taken at random then, as in the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tensorzero.gateway.call import InferenceCall
from tensorzero.gateway.config.sections import ChatCompletionConfig, MixtureOfNConfig
from tensorzero.gateway.errors import BadRequest, GatewayError
from tensorzero.gateway.functions.rendering import render_messages
from tensorzero.gateway.values import VariantResult
from tensorzero.gateway.variants.candidates import Candidates, after, any_one, as_answer, inferences_of, listing, usable
from tensorzero.gateway.variants.chat_completion import (
    Prepared,
    VariantStream,
    ask,
    assemble,
    open_stream,
    result_of,
)  # fmt: skip
from tensorzero.runtime.deadline import DeadlineExceeded

if TYPE_CHECKING:
    from tensorzero.gateway.gateway import Gateway

_GIVEN = "You have been provided with a set of responses from various models to the "
_A_PROBLEM = "latest user\nquery.\n"
_THIS_PROBLEM = "following problem:\n------\n{system}\n------\n"
_INSTRUCTIONS = (
    "Your task is to synthesize these responses into a single, high-quality response. It is crucial to critically evaluate the "
    "information provided in these responses, recognizing that some of it may be biased or incorrect. Your response should not "
    "simply replicate the given answers but should offer a refined, accurate, and comprehensive reply to the instruction and "
    "take the best from all the responses. Ensure your response is well-structured, coherent, and adheres to the highest "
    "standards of accuracy and reliability.  Below will be: first, any messages leading up to this point, and then, a final "
    "message containing the set of candidate responses."
)


async def infer(gateway: Gateway, variant: MixtureOfNConfig, candidates: Candidates, call: InferenceCall) -> VariantResult:
    """The fused answer; a candidate that stands alone needs no fuser."""
    answers = candidates.answers
    if len(answers) == 1:
        return after(as_answer(variant.name, answers, 0), candidates.failed)
    fuser = variant.judge
    try:
        ready = _prepare(gateway, variant, fuser, answers, call)
        answer = await ask(gateway, ready, fuser.retries, call)
    except GatewayError as error:
        return after(_without_fuser(variant, answers), (*candidates.failed, *error.attempts))
    except DeadlineExceeded as passed:
        raise passed.after(candidates.failed) from None
    result = result_of(variant.name, ready, answer, call)
    result.params = {}  # in the row of a plain call, not of a streamed one (observed 2026.6.0)
    result.model_inferences += inferences_of(answers)
    return after(result, candidates.failed)


async def stream(
    gateway: Gateway, variant: MixtureOfNConfig, candidates: Candidates, call: InferenceCall
) -> VariantStream | VariantResult:
    """The fuser's stream; a whole answer where a candidate takes its place."""
    answers = candidates.answers
    if len(answers) == 1:
        return after(as_answer(variant.name, answers, 0), candidates.failed)
    fuser = variant.judge
    try:
        ready = _prepare(gateway, variant, fuser, answers, call)
        opened = await open_stream(gateway, ready, fuser.retries, call)
    except GatewayError as error:
        return after(_without_fuser(variant, answers), (*candidates.failed, *error.attempts))
    opened.previous = inferences_of(answers)
    if candidates.failed:
        opened.previous[0].failed = (*candidates.failed, *opened.previous[0].failed)
    return opened


def _without_fuser(variant: MixtureOfNConfig, candidates: Sequence[VariantResult]) -> VariantResult:
    result = as_answer(variant.name, candidates, any_one(candidates))
    result.original_response = None
    return result


def _prepare(
    gateway: Gateway,
    variant: MixtureOfNConfig,
    fuser: ChatCompletionConfig,
    candidates: Sequence[VariantResult],
    call: InferenceCall,
) -> Prepared:
    if call.extra_body:
        raise BadRequest("Inference-level `extra_body` is not yet supported for mixture_of_n variant")
    shown = usable(candidates, call.function.type)
    if not shown:
        raise GatewayError("No valid candidates available to prepare request.")
    system, messages = render_messages(fuser, call.function, call.input, call.templates or gateway.config.templates)
    problem = _A_PROBLEM if system is None else _THIS_PROBLEM.format(system=system)
    asked = replace(call, params={}, extra_cache_key=None)
    question = listing([text for _, text in shown], "\n")
    return assemble(gateway, fuser, asked, _GIVEN + problem + _INSTRUCTIONS, (*messages, question))
