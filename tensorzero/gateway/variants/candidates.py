"""What best-of-n and mixture-of-n have in common: candidates as text, and one of them as the answer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson

from tensorzero.gateway.errors import Attempts
from tensorzero.gateway.values import ModelInference, VariantResult
from tensorzero.inputs.blocks import RequestMessage, Text

_INTRODUCTION = "Here are the candidate answers (with the index and a row of ------ separating):\n"


class Candidates(NamedTuple):
    """Those that answered, one at least, and what those answered that failed."""

    answers: list[VariantResult]
    failed: Attempts


def usable(candidates: Sequence[VariantResult], function_type: str) -> list[tuple[int, str]]:
    """Position and text of each candidate that can be shown to a model: of a JSON function, those that fit its schema."""
    if function_type == "chat":
        return [(index, orjson.dumps(one.output).decode()) for index, one in enumerate(candidates)]
    return [(index, one.output["raw"]) for index, one in enumerate(candidates) if one.output["parsed"] is not None]


def listing(texts: Sequence[str], separator: str, end: str = "") -> RequestMessage:
    """The user message that shows candidates; `separator` stands between index and text."""
    listed = "\n------\n".join(f"{index}:{separator}{text}" for index, text in enumerate(texts))
    return RequestMessage("user", (Text(f"{_INTRODUCTION}{listed}\n------{end}"),))


def as_answer(variant_name: str, candidates: Sequence[VariantResult], chosen: int) -> VariantResult:
    """One candidate under the variant's name, with every model inference: the chosen one's first.

    Of the others, the last stands in the chosen one's place (observed 2026.6.0).
    """
    answer, others = candidates[chosen], list(candidates)
    others[chosen] = others[-1]
    inferences = [*answer.model_inferences, *inferences_of(others[:-1])]
    return replace(answer, variant_name=variant_name, model_inferences=inferences)


def after(result: VariantResult, attempts: Attempts) -> VariantResult:
    """The same result, with attempts that failed before anything of it answered."""
    if attempts:
        first = result.model_inferences[0]
        first.failed = (*attempts, *first.failed)
    return result


def any_one(candidates: Sequence[VariantResult]) -> int:
    """What is left where nobody could choose."""
    return random.randrange(len(candidates))  # noqa: S311 - no secret


def inferences_of(candidates: Sequence[VariantResult]) -> list[ModelInference]:
    return [one for candidate in candidates for one in candidate.model_inferences]
