"""`[functions.F.evaluators]` and `[evaluations]`: their shapes, their checks, and the metrics they make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tensorzero.gateway.config.mistakes import Mistakes, Place, nearest
from tensorzero.gateway.config.sections import MetricConfig
from tensorzero.gateway.config.shapes import (
    INVALID,
    Choice,
    Field,
    FileText,
    Flag,
    Real,
    Record,
    Shape,
    Table,
    Tagged,
    Text,
    Unresolved,
    as_json,
    unknown_variant,
    wrong_type,
)  # fmt: skip
from tensorzero.gateway.config.shared_shapes import TEXTS
from tensorzero.gateway.config.variant_shapes import JUDGE_VARIANTS

_CUTOFF = Field("cutoff", Real(single=True))
_OUTPUT_TYPE = Field("output_type", Choice(("float", "boolean")), required=True)
_OPTIMIZE = Field("optimize", Choice(("min", "max")), required=True)
_LISTED = Record("ToolUseTools", (Field("tools", TEXTS, required=True),))
_UNLISTED = Record("ToolUse", ())
_BEHAVIORS: dict[str, Shape] = {"none": _UNLISTED, "none_of": _LISTED, "any": _UNLISTED, "any_of": _LISTED, "all_of": _LISTED}


class _ToolUse:
    """`tool_use` is itself chosen by its `behavior`; the original prints no group for it."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        return Tagged(_BEHAVIORS, tag="behavior").read(value, place, mistakes)


EVALUATOR_TYPES: dict[str, Shape] = {
    "exact_match": Record("ExactMatchConfig", (_CUTOFF,)),
    "llm_judge": Record(
        "UninitializedLLMJudgeConfig",
        (
            Field("input_format", Choice(("serialized", "messages"))),
            Field("variants", JUDGE_VARIANTS, required=True),
            _OUTPUT_TYPE,
            _OPTIMIZE,
            Field(
                "include",
                Record("LLMJudgeIncludeConfig", (Field("reference_output", Flag(), default=False),), needed=0),
            ),
            _CUTOFF,
            Field("description", Text()),
        ),
    ),
    "tool_use": _ToolUse(),
    "regex": Record("RegexConfig", (Field("must_match", Text()), Field("must_not_match", Text()))),
    "typescript": Record(
        "UninitializedTypescriptConfig",
        (Field("typescript_file", FileText(), required=True), _OUTPUT_TYPE, _OPTIMIZE),
    ),
}
EVALUATORS = Table(Tagged(EVALUATOR_TYPES))


class _Evaluation:
    """`type = "inference"` (or `static`), read by the standard rules for a `type` key: no path below it."""

    record = Record(
        "UninitializedInferenceEvaluationConfig",
        (
            Field("evaluators", EVALUATORS, default=dict),
            Field("function_name", Text(), required=True),
            Field("description", Text()),
        ),
    )

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if isinstance(value, Unresolved):
            return INVALID
        if not isinstance(value, Mapping):
            wrong_type(value, "internally tagged enum UninitializedEvaluationConfig", place, mistakes)
            return INVALID
        kind = value.get("type")
        if kind is None:
            mistakes.at(place, "missing field `type`")
            return INVALID
        if not isinstance(kind, str):
            return Text().read(kind, place.key("type"), mistakes)
        if kind not in ("inference", "static"):
            unknown_variant(kind, ("inference",), place, mistakes)
            return INVALID
        rest = as_json({key: item for key, item in value.items() if key != "type"})
        read = self.record.read(rest, place.freeze(), mistakes)
        return INVALID if read is INVALID else {"type": "inference", **read}


EVALUATIONS = Table(_Evaluation())


def check_evaluators(read: Mapping[str, Any], section: str, keys: tuple[str, ...], mistakes: Mistakes) -> None:
    """`section` is the header as messages name it, such as `[functions.f.evaluators]`."""
    for name, evaluator in read.items():
        where = (*keys, name)
        if "::" in name:
            mistakes.say(f'Evaluator names cannot contain "::" (referenced in `{section}`)', where)
        for problem in _problems(name, evaluator, section):
            mistakes.say(problem, where)


def _problems(name: str, evaluator: Mapping[str, Any], section: str) -> Iterable[str]:
    about = f"Evaluator `{name}` in `{section}`"
    match evaluator["type"]:
        case "regex":
            if "must_match" not in evaluator and "must_not_match" not in evaluator:
                yield f"{about}: at least one of `must_match` or `must_not_match` must be specified"
            for key in ("must_match", "must_not_match"):
                if key in evaluator and (problem := _regex_problem(evaluator[key])):
                    yield f"{about}: invalid regex in `{key}`: {problem}"
        case "tool_use":
            if evaluator.get("tools") == []:
                yield f"{about}: `tools` must be a non-empty list when behavior is `{evaluator['behavior']}`"
        case "llm_judge":
            variants = evaluator["variants"]
            for variant in variants:
                if variant.startswith("tensorzero::"):
                    yield f"Variant name cannot start with 'tensorzero::': {variant}"
            active = [variant for variant in variants.values() if variant.get("active")]
            rule = f"{about} must have exactly 1 variant that is active."
            if len(variants) == 1 and next(iter(variants.values())).get("active") is False:
                yield f"{rule} You have specified a single inactive variant."
            elif len(variants) > 1 and len(active) != 1:
                yield f"{rule} Found {len(active)} variants with nonzero weights."
        case _:
            return


def _regex_problem(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        position = getattr(error, "pos", None) or 0
        return f"regex parse error:\n    {pattern}\n    {' ' * position}^\nerror: {_reason(str(error))}"
    return None


def _reason(problem: str) -> str:
    return "unclosed group" if "unterminated subpattern" in problem else problem


def evaluator_metrics(prefix: str, evaluators: Mapping[str, Any]) -> dict[str, MetricConfig]:
    """The metric of each evaluator: `<prefix>::evaluator_name::<name>`, always on inferences."""
    metrics: dict[str, MetricConfig] = {}
    for name, evaluator in evaluators.items():
        kind, optimize = evaluator.get("output_type", "boolean"), evaluator.get("optimize", "max")
        metrics[f"{prefix}::evaluator_name::{name}"] = MetricConfig(kind, optimize, "inference", evaluator.get("description"))
    return metrics


def check_evaluations(read: Mapping[str, Any], functions: Iterable[str], mistakes: Mistakes) -> None:
    names = list(functions)
    for name, evaluation in read.items():
        keys = ("evaluations", name)
        if "::" in name:
            mistakes.say(f'evaluation names cannot contain "::" (referenced in `[evaluations.{name}]`)', keys)
        function = evaluation["function_name"]
        if function not in names:
            message = f"Function `{function}` not found (referenced in `[evaluations.{name}]`)"
            mistakes.say(message, (*keys, "function_name"), nearest(function, names))
        check_evaluators(evaluation["evaluators"], f"[evaluations.{name}]", (*keys, "evaluators"), mistakes)
