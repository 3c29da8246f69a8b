"""The loaded configuration's functions as `experimental_get_config` shows them: JSON with the original's keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.paths import DATA, NAME
from tensorzero.gateway.config.sections import (
    BestOfNConfig,
    ChainOfThoughtConfig,
    ChatCompletionConfig,
    Config,
    DiclConfig,
    ExperimentationConfig,
    ExtraBody,
    ExtraHeader,
    FunctionConfig,
    Retries,
    SampledConfig,
    TemplateConfig,
    Timeouts,
    VariantConfig,
)
from tensorzero.gateway.floats import shortest_single
from tensorzero.gateway.templates.environment import Templates
from tensorzero.gateway.variants.dicl import DEFAULT_INSTRUCTIONS

Json = dict[str, Any]

_KINDS = {
    "experimental_best_of_n_sampling": "best_of_n_sampling",
    "experimental_mixture_of_n": "mixture_of_n",
    "experimental_dynamic_in_context_learning": "dicl",
    "experimental_chain_of_thought": "chain_of_thought",
}
_NEWER = ("reasoning_effort", "service_tier", "thinking_budget_tokens", "verbosity")  # shown where they are set
_PARAMETERS = (
    "temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "seed", "stop_sequences",
)  # fmt: skip
_DICL_PARAMETERS = (
    "temperature", "top_p", "stop_sequences", "presence_penalty", "frequency_penalty", "max_tokens", "seed",
)  # fmt: skip
_BUILT_IN = {"analyze": "chat", "mutate": "json"}  # of GEPA, which every configuration has (observed 2026.6.0)


def functions_json(config: Config) -> dict[str, Json]:
    functions = {name: _function(function, config.templates) for name, function in config.functions.items()}
    return functions | _judges(config) | _built_in()


def _built_in() -> dict[str, Json]:
    return {
        f"tensorzero::optimization::gepa::{name}": _function(FunctionConfig(name, kind, {}), Templates({}))  # type: ignore[arg-type]
        for name, kind in _BUILT_IN.items()
    }


def _judges(config: Config) -> dict[str, Json]:
    """A JSON function for each evaluator that is a model."""
    found: dict[str, Json] = {}
    for name, evaluation in config.evaluations.items():
        found |= _judges_of(f"tensorzero::llm_judge::{name}", evaluation["evaluators"])
    for name, function in config.functions.items():
        found |= _judges_of(f"tensorzero::llm_judge::function_name::{name}", function.evaluators)
    return found


def _judges_of(prefix: str, evaluators: Mapping[str, Mapping[str, Any]]) -> dict[str, Json]:
    judges = {name: one for name, one in evaluators.items() if one["type"] == "llm_judge"}
    return {f"{prefix}::{name}": _judge(f"{prefix}::{name}", one) for name, one in judges.items()}


def _judge(name: str, evaluator: Mapping[str, Any]) -> Json:
    """Its variants with what their author wrote; what a judge is asked besides comes with evaluations."""
    shown = _function(FunctionConfig(name, "json", {}), Templates({}))
    for key, read in evaluator["variants"].items():
        shown["variants"][key] = {"inner": _judge_variant(f"{name}::{key}::system", read), "timeouts": {}}
    return shown


def _judge_variant(template: str, read: Mapping[str, Any]) -> Json:
    if read["type"] != "chat_completion":
        return {"type": _KINDS[read["type"]]}
    kept: Json = {name: read.get(name) for name in (*_PARAMETERS, *_NEWER, "json_mode")}
    templates = {"system": TemplateConfig(template, legacy=True)}
    chat = ChatCompletionConfig(template, "chat_completion", model=read["model"], templates=templates, **kept)
    instructions = Templates({template: read["system_instructions"][DATA] + "\n"})
    return {"type": "chat_completion", **_chat(FunctionConfig(template, "json", {}), chat, instructions)}


def _function(function: FunctionConfig, templates: Templates) -> Json:
    shown: Json = {
        "type": function.type,
        "variants": {name: _variant(function, variant, templates) for name, variant in function.variants.items()},
        "schemas": {
            name: {"schema": {"value": schema.value}, "legacy_definition": name in function.legacy_schemas}
            for name, schema in function.schemas.items()
        },
    }
    if function.type == "chat":
        shown["tools"] = list(function.tools)
        shown["tool_choice"] = function.tool_choice
        shown["parallel_tool_calls"] = function.parallel_tool_calls
    else:
        output = {} if function.output_schema is None else function.output_schema.value
        shown["output_schema"] = {"value": output}
        shown["json_mode_tool_call_config"] = _answer_tool(output)
    shown["description"] = function.description
    shown["experimentation"] = _experimentation(function.experimentation)
    if function.evaluators:
        shown["evaluators"] = {name: _evaluator(one) for name, one in function.evaluators.items()}
    return shown


def _answer_tool(schema: Any) -> Json:
    return {
        "static_tools_available": [{"Implicit": {"parameters": {"value": schema}}}],
        "dynamic_tools_available": [],
        "provider_tools": [],
        "openai_custom_tools": [],
        "tool_choice": {"specific": "respond"},
        "parallel_tool_calls": None,
        "allowed_tools": {"tools": [], "choice": "function_default"},
    }


def _experimentation(config: ExperimentationConfig) -> Json:
    return {
        "base": _choice(config),
        "namespaces": {name: _choice(one) for name, one in config.namespaces.items()},
    }


def _choice(config: ExperimentationConfig) -> Json:
    if config.type == "uniform":
        return {"type": "default"}
    if config.type == "adaptive":
        return {"type": "adaptive", **config.settings}
    shown: Json = {"type": "static", "candidate_variants": dict(config.weights)}
    if config.fallbacks:
        shown["fallback_variants"] = list(config.fallbacks)
    return shown


def _evaluator(read: Mapping[str, Any]) -> Json:
    shown = {key: value for key, value in read.items() if key != "variants"}
    if read["type"] != "llm_judge":
        return shown
    usual = {"type": "llm_judge", "input_format": "serialized", "output_type": None, "include": {"reference_output": False}}
    return usual | shown


def _variant(function: FunctionConfig, variant: VariantConfig, templates: Templates) -> Json:
    return {"inner": _inner(function, variant, templates), "timeouts": _timeouts(variant.timeouts)}


def _inner(function: FunctionConfig, variant: VariantConfig, templates: Templates) -> Json:
    if isinstance(variant, ChatCompletionConfig):
        return {"type": "chat_completion", **_chat(function, variant, templates)}
    match variant:
        case ChainOfThoughtConfig(chat=chat):
            return {"type": "chain_of_thought", **_chat(function, chat, templates)}
        case DiclConfig():
            return _dicl(variant)
        case SampledConfig(judge=judge, candidates=candidates):
            kind, part = (
                ("best_of_n_sampling", "evaluator") if isinstance(variant, BestOfNConfig) else ("mixture_of_n", "fuser")
            )
            shown = _chat(function, judge, templates)
            return {"type": kind, "weight": variant.weight, "candidates": list(candidates), part: shown}
        case _:
            raise TypeError(type(variant).__name__)


def _chat(function: FunctionConfig, chat: ChatCompletionConfig, templates: Templates) -> Json:
    return {
        "weight": chat.weight,
        "model": chat.model,
        "templates": {
            role: {
                "template": {
                    "path": {NAME: template.name, DATA: templates.source(template.name)},
                    "contents": templates.source(template.name),
                },
                "schema": {"value": function.schemas[role].value} if role in function.schemas else None,
                "legacy_definition": template.legacy,
            }
            for role, template in chat.templates.items()
        },
        **_parameters(chat, _PARAMETERS),
        "json_mode": chat.json_mode,
        "retries": _retries(chat.retries),
        "extra_body": _extra_body(chat.extra_body),
        "extra_headers": _extra_headers(chat.extra_headers),
    }


def _dicl(variant: DiclConfig) -> Json:
    chat = variant.chat
    own = {NAME: "tensorzero::dicl::default_system_instructions", DATA: DEFAULT_INSTRUCTIONS}
    return {
        "type": "dicl",
        "weight": variant.weight,
        "embedding_model": variant.embedding_model,
        "k": variant.k,
        "model": chat.model,
        "system_instructions": variant.system_instructions or own,
        **_parameters(chat, _DICL_PARAMETERS),
        "json_mode": chat.json_mode,
        "extra_body": _extra_body(chat.extra_body),
        "extra_headers": _extra_headers(chat.extra_headers),
        "retries": _retries(chat.retries),
        "max_distance": variant.max_distance,
    }


def _parameters(chat: ChatCompletionConfig, names: tuple[str, ...]) -> Json:
    given = {name: shortest_single(one) if isinstance(one, float) else one for name, one in chat.params.items()}
    return {name: given.get(name) for name in names} | {name: given[name] for name in _NEWER if name in given}


def _retries(retries: Retries) -> Json:
    return {"num_retries": retries.num_retries, "max_delay_s": retries.max_delay_s}


def _extra_body(entries: tuple[ExtraBody, ...]) -> list[Json] | None:
    return [{"pointer": one.pointer, **_change(one)} for one in entries] or None


def _extra_headers(entries: tuple[ExtraHeader, ...]) -> list[Json] | None:
    return [{"name": one.name, **_change(one)} for one in entries] or None


def _change(entry: ExtraBody | ExtraHeader) -> Json:
    return {"delete": True} if entry.delete else {"value": entry.value}


def _timeouts(timeouts: Timeouts) -> Json:
    shown: Json = {}
    if timeouts.non_streaming_total_ms is not None:
        shown["non_streaming"] = {"total_ms": timeouts.non_streaming_total_ms}
    streaming = {"ttft_ms": timeouts.streaming_ttft_ms, "total_ms": timeouts.streaming_total_ms}
    if any(value is not None for value in streaming.values()):
        shown["streaming"] = {name: value for name, value in streaming.items() if value is not None}
    return shown
