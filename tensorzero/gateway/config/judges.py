"""Evaluators that are models, as JSON functions: what they are asked, and the schema of their score."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tensorzero.gateway.config.experimentation_section import from_weights
from tensorzero.gateway.config.mistakes import Mistakes
from tensorzero.gateway.config.paths import DATA
from tensorzero.gateway.config.sections import (
    ChainOfThoughtConfig,
    ChatCompletionConfig,
    FunctionConfig,
    SampledConfig,
    TemplateConfig,
    VariantConfig,
)
from tensorzero.gateway.config.variants_section import build_variant
from tensorzero.gateway.schemas.validation import Schema

PREFIX = "tensorzero::llm_judge"
_USER = f"{PREFIX}::user"
_USER_TEMPLATE = (
    "# Input\n\n{{ input }}\n\n# Generated Output\n\n{{ generated_output }}"
    "{% if reference_output %}# Reference Output\n\n{{ reference_output }}{% endif %}"
)
_SCORES = {
    "boolean": {"type": "boolean", "description": "The LLM judge's score as a boolean"},
    "float": {"type": "number", "description": "The score assigned as a number"},
}


def judge_functions(
    functions: Mapping[str, FunctionConfig], evaluations: Mapping[str, Mapping[str, Any]], mistakes: Mistakes
) -> dict[str, FunctionConfig]:
    """A function of each judge, by the name under which its answers are stored. Mistakes in it were told before."""
    found: dict[str, FunctionConfig] = {}
    for name, evaluator in _judges(functions, evaluations):
        variants = {key: _variant(name, key, read, evaluator, mistakes) for key, read in evaluator["variants"].items()}
        weights = {key: float(len(variants) == 1 or bool(read.get("active"))) for key, read in evaluator["variants"].items()}
        found[name] = FunctionConfig(
            name, "json", variants, output_schema=_schema(evaluator["output_type"]), experimentation=from_weights(weights)
        )
    return found


def judge_templates(functions: Mapping[str, Mapping[str, Any]], evaluations: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name -> text of their templates; both as read. Instructions are text: nothing in them is filled in."""
    sources: dict[str, str] = {}
    for name, evaluator in _judges_as_read(functions, evaluations):
        sources[_USER] = _USER_TEMPLATE
        for key, read in evaluator["variants"].items():
            for part in (read, read.get("evaluator", {}), read.get("fuser", {})):
                if "system_instructions" in part:
                    sources[_system(name, key)] = f"{{{{ {json.dumps(part['system_instructions'][DATA])} }}}}"
    return sources


def _judges(
    functions: Mapping[str, FunctionConfig], evaluations: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    as_read = {name: {"evaluators": function.evaluators} for name, function in functions.items()}
    return _judges_as_read(as_read, evaluations)


def _judges_as_read(
    functions: Mapping[str, Mapping[str, Any]], evaluations: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """By the names of their functions."""
    for prefix, owners in ((PREFIX, evaluations), (f"{PREFIX}::function_name", functions)):
        for owner, read in owners.items():
            for name, evaluator in read.get("evaluators", {}).items():
                if evaluator["type"] == "llm_judge":
                    yield f"{prefix}::{owner}::{name}", evaluator


def _system(function: str, variant: str) -> str:
    return f"{function}::{variant}::system"


def _schema(output_type: str) -> Schema:
    return Schema(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "required": ["score"],
            "additionalProperties": False,
            "properties": {"score": _SCORES[output_type]},
        }
    )


def _variant(
    function: str, name: str, read: Mapping[str, Any], evaluator: Mapping[str, Any], mistakes: Mistakes
) -> VariantConfig:
    templates = {"system": TemplateConfig(_system(function, name), legacy=False)}
    if evaluator.get("input_format", "serialized") == "serialized":
        templates["user"] = TemplateConfig(_USER, legacy=False)
    made = build_variant(function, "json", name, read, {}, mistakes)
    match made:
        case ChatCompletionConfig():
            return replace(made, templates=templates)
        case SampledConfig(judge=judge):
            return replace(made, judge=replace(judge, templates=templates))
        case ChainOfThoughtConfig(chat=chat):
            return replace(made, chat=replace(chat, templates=templates))
        case _:
            return made
