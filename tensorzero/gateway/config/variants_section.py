"""Variants as values, and their checks: types against their function, weights, templates against schemas, candidates."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from tensorzero.gateway.config.mistakes import Mistakes, nearest
from tensorzero.gateway.config.paths import NAME
from tensorzero.gateway.config.sections import (
    BestOfNConfig,
    ChainOfThoughtConfig,
    ChatCompletionConfig,
    DiclConfig,
    FunctionConfig,
    MixtureOfNConfig,
    SampledConfig,
    TemplateConfig,
    Timeouts,
    VariantConfig,
)
from tensorzero.gateway.config.shared_shapes import build_extra_body, build_extra_headers, build_retries, build_timeouts
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.templates.environment import Templates

_ROLES = ("system", "user", "assistant")
_COPIED = (
    "temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "seed", "reasoning_effort", "service_tier",
    "thinking_budget_tokens", "verbosity", "json_mode",
)  # fmt: skip
SAMPLED = {"experimental_best_of_n_sampling": "evaluator", "experimental_mixture_of_n": "fuser"}
DICL = "experimental_dynamic_in_context_learning"
CHAIN_OF_THOUGHT = "experimental_chain_of_thought"


def build_variant(
    function: str, function_type: str, name: str, read: Mapping[str, Any], schemas: Mapping[str, Schema], mistakes: Mistakes
) -> VariantConfig:
    keys = ("functions", function, "variants", name)
    where = f"functions.{function}.variants.{name}"
    if name.startswith("tensorzero::"):
        mistakes.say(f"Variant name cannot start with 'tensorzero::': {name}", keys)
    kind = read["type"]
    for part_keys, config in _parts(kind, read):
        if config.get("weight", 0.0) < 0 and "candidates" not in config:  # as observed: only those with a model
            mistakes.say(f"`{where}`: `weight` must be non-negative", (*keys, *part_keys, "weight"))
    if kind == DICL and read.get("max_distance", 0.0) < 0:
        shown = f"{read['max_distance']:g}"
        mistakes.say(f"`{where}`: `max_distance` must be non-negative (got {shown})", (*keys, "max_distance"))
    _check_json_mode(function, function_type, name, read, mistakes)
    if kind == CHAIN_OF_THOUGHT and function_type == "chat":
        mistakes.say(f"Unsupported variant `{name}` of type `chain_of_thought` for function `{function}` of type `chat`", keys)
    return assemble_variant(name, where, read, schemas, keys, mistakes)


def assemble_variant(
    name: str, where: str, read: Mapping[str, Any], schemas: Mapping[str, Schema], keys: tuple[str, ...], mistakes: Mistakes
) -> VariantConfig:
    """The variant of a table as read. `where` and `keys` say where it stands, for mistakes in its templates."""
    kind = read["type"]
    timeouts = build_timeouts(read.get("timeouts"))
    if kind == "chat_completion":
        chat = build_chat_completion(name, where, read, schemas, keys, mistakes)
        return replace(chat, timeouts=timeouts, namespace=read.get("namespace"))
    shared = (name, kind, read.get("weight"), timeouts, read.get("namespace"))
    if kind in SAMPLED:
        part = SAMPLED[kind]
        judge = build_chat_completion(name, where, read[part], schemas, (*keys, part), mistakes)
        made = BestOfNConfig if part == "evaluator" else MixtureOfNConfig
        return made(*shared, tuple(read["candidates"]), judge, read.get("timeout_s"))
    chat = build_chat_completion(name, where, read, schemas, keys, mistakes)
    if kind == DICL:
        instructions = read.get("system_instructions")
        return DiclConfig(*shared, chat, read["embedding_model"], read["k"], read.get("max_distance"), instructions)
    return ChainOfThoughtConfig(*shared, chat)


def _parts(kind: str, read: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """The tables of a variant that hold chat_completion keys, and where each stands."""
    yield (), read
    if kind in SAMPLED:
        yield (SAMPLED[kind],), read[SAMPLED[kind]]


def build_chat_completion(
    name: str, where: str, read: Mapping[str, Any], schemas: Mapping[str, Schema], keys: tuple[str, ...], mistakes: Mistakes
) -> ChatCompletionConfig:
    """What the chat_completion keys of `read` say; timeouts and namespace stand outside them."""
    stop = read.get("stop_sequences")
    copied: dict[str, Any] = {key: read.get(key) for key in _COPIED}
    return ChatCompletionConfig(
        name=name,
        type="chat_completion",
        weight=read.get("weight"),
        model=read["model"],
        templates=_build_templates(where, read, schemas, keys, mistakes),
        stop_sequences=None if stop is None else tuple(stop),
        retries=build_retries(read.get("retries")),
        extra_body=build_extra_body(read.get("extra_body")),
        extra_headers=build_extra_headers(read.get("extra_headers")),
        **copied,
    )


def _build_templates(
    where: str, read: Mapping[str, Any], schemas: Mapping[str, Schema], keys: tuple[str, ...], mistakes: Mistakes
) -> dict[str, TemplateConfig]:
    templates: dict[str, TemplateConfig] = {}
    wrappers = read.get("input_wrappers", {})
    for role in _ROLES:
        old, new = read.get(f"{role}_template"), read.get("templates", {}).get(role)
        if role in wrappers:
            if role in schemas:
                message = f"{where}: Cannot provide both `input_wrappers.{role}` and `{role}_schema`"
                mistakes.say(message, (*keys, "input_wrappers", role))
            elif old or new:
                message = f"{where}: Cannot provide both `input_wrappers.{role}` and `{role}` template"
                mistakes.say(message, (*keys, "input_wrappers", role))
            templates[role] = TemplateConfig(wrappers[role][NAME], legacy=True)
        elif old and new:
            message = f"{where}: Cannot specify both `templates.{role}.path` and `{role}_template`"
            mistakes.say(message, (*keys, f"{role}_template"))
        elif old:
            templates[role] = TemplateConfig(old[NAME], legacy=True)
    for name, template in read.get("templates", {}).items():
        if name not in templates:
            templates[name] = TemplateConfig(template["path"][NAME], legacy=False)
    return templates


def _check_json_mode(function: str, function_type: str, name: str, read: Mapping[str, Any], mistakes: Mistakes) -> None:
    kind, keys = read["type"], ("functions", function, "variants", name)
    if function_type == "chat":
        if kind == "chat_completion" and "json_mode" in read:
            message = f"JSON mode is not supported for variant `{name}` (parent function is a chat function)"
            mistakes.say(message, (*keys, "json_mode"))
        return
    needed = [("", read)] if kind not in SAMPLED else [(".fuser", read["fuser"])] if "fuser" in read else []
    for suffix, config in needed:
        if "json_mode" not in config:
            about = f"`[functions.{function}.variants.{name}{suffix}]` (parent function `{function}` is a JSON function)"
            hint = '`json_mode = "strict"`, or "on" or "tool" for models without it, or "off".'
            mistakes.say(f"`json_mode` must be specified for {about}", keys, hint=hint)


def check_no_answer_tool(function: str, name: str, read: Mapping[str, Any], mistakes: Mistakes) -> None:
    """In a chat function with tools no evaluator or fuser answers through a tool of its own."""
    for part in ("evaluator", "fuser"):
        if read.get(part, {}).get("json_mode") in ("tool", "implicit_tool"):
            mistakes.say(
                f'`functions.{function}.variants.{name}`: Cannot use `json_mode = "tool"` with chat functions that have tools '
                "configured. Please remove tools from the function or use a JSON function instead.",
                ("functions", function, "variants", name, part, "json_mode"),
            )


def check_templates(function: FunctionConfig, templates: Templates, mistakes: Mistakes) -> None:
    """Every schema has a template in every variant; a legacy template without schema reads one variable only."""
    for variant in function.variants.values():
        for keys, config in chat_parts(variant):
            path = ("functions", function.name, "variants", variant.name, *keys)
            _check_part(function, variant.name, config, templates, path, mistakes)


def chat_parts(variant: VariantConfig) -> Iterator[tuple[tuple[str, ...], ChatCompletionConfig]]:
    """The chat_completion configurations with templates inside a variant of any type, and where each stands."""
    match variant:
        case ChatCompletionConfig():
            yield (), variant
        case SampledConfig(judge=judge):
            yield (SAMPLED[variant.type],), judge
        case ChainOfThoughtConfig(chat=chat):
            yield (), chat
        case _:  # examples take the place of templates
            return


def chat_of(variant: VariantConfig) -> ChatCompletionConfig:
    """The model request of a variant: its own, or that of its judge."""
    match variant:
        case ChatCompletionConfig():
            return variant
        case SampledConfig(judge=judge):
            return judge
        case DiclConfig(chat=chat) | ChainOfThoughtConfig(chat=chat):
            return chat
        case _:
            raise TypeError(f"{type(variant).__name__} asks no model")


def models_of(variant: VariantConfig, variants: Mapping[str, VariantConfig]) -> Iterator[str]:
    """The models that a variant asks, itself and through its candidates among `variants`."""
    seen: set[str] = set()
    waiting = [variant]
    while waiting:
        one = waiting.pop(0)
        yield chat_of(one).model
        waiting += [variants[name] for name in _candidates(one) if name in variants and name not in seen]
        seen.update(_candidates(one))


def _check_part(
    function: FunctionConfig,
    variant: str,
    config: ChatCompletionConfig,
    templates: Templates,
    keys: tuple[str, ...],
    mistakes: Mistakes,
) -> None:
    where = f"functions.{function.name}.variants.{variant}"
    for role in _ROLES:
        template = config.templates.get(role)
        place = (*keys, f"{role}_template")
        if role in function.schemas:
            if template is None and not mistakes.about((*keys, "templates", role)) and not mistakes.about(place):
                mistakes.say(f"`{where}.{role}_template`: template is required when schema is specified", place)
        elif template is not None and template.legacy and template.name in templates:
            needed, allowed = sorted(templates.variables(template.name)), f"{role}_text"
            if set(needed) - {allowed}:
                rule = f"but only `{allowed}` is allowed when template has no schema"
                message = f"`{where}.{role}_template`: template needs variables: [{', '.join(needed)}] {rule}"
                hint = f"`templates.{role}.path` takes arguments of any names; `{role}_template` does with a `{role}_schema`."
                mistakes.say(message, place, hint=hint)
    for name in function.schemas:
        if name not in _ROLES and name not in config.templates:
            rule = f"is required when `functions.{function.name}.schemas.{name}` is specified"
            mistakes.say(f"`{where}.templates.{name}` {rule}", (*keys, "templates", name))


def check_candidates(function: FunctionConfig, declared: Collection[str], mistakes: Mistakes) -> None:
    """Candidates exist, and no variant is its own candidate, however indirectly (the original crashes on that)."""
    for variant in function.variants.values():
        keys = ("functions", function.name, "variants", variant.name, "candidates")
        for candidate in dict.fromkeys(_candidates(variant)):
            if candidate not in declared:
                mistakes.say(f"Unknown candidate variant: {candidate}", keys, nearest(candidate, declared))
        cycle = _cycle(function, variant.name)
        if cycle is not None and min(cycle) == variant.name:
            chain = " -> ".join((*cycle, variant.name))
            message = f"`functions.{function.name}.variants.{variant.name}`: a variant cannot be its own candidate: {chain}"
            mistakes.say(message, keys)


def share_timeouts(function: str, variants: dict[str, VariantConfig], declared: Collection[str], mistakes: Mistakes) -> None:
    """The deprecated `timeout_s` of a sampled variant becomes its candidates' own timeouts, in place."""
    for name in sorted(variants):
        sampled = variants[name]
        seconds = sampled.timeout_s if isinstance(sampled, SampledConfig) else None
        if seconds is None or not 0 <= seconds < 2**53:
            continue
        for candidate in _candidates(variants[name]):
            if candidate not in variants:
                if candidate not in declared:
                    message = f"functions.{function}.variants.{name}: candidate `{candidate}` not found"
                    mistakes.say(message, ("functions", function, "variants", name, "candidates"), nearest(candidate, declared))
                continue
            if variants[candidate].timeouts != Timeouts():
                mistakes.say(
                    f"functions.{function}.variants.{name}: cannot use `timeout_s` when candidate `{candidate}` already has "
                    "`[timeouts]` configured. Please remove `timeout_s` and configure timeouts directly on the candidate.",
                    ("functions", function, "variants", name, "timeout_s"),
                )
            else:
                total_ms = int(seconds * 1000)
                shared = Timeouts(non_streaming_total_ms=total_ms, streaming_ttft_ms=total_ms)
                variants[candidate] = replace(variants[candidate], timeouts=shared)


def _candidates(variant: VariantConfig) -> tuple[str, ...]:
    return variant.candidates if isinstance(variant, SampledConfig) else ()


def _cycle(function: FunctionConfig, start: str) -> tuple[str, ...] | None:
    """The names on a way from `start` back to it, or None."""
    seen = set[str]()
    ways: list[tuple[str, ...]] = [(start,)]
    while ways:
        way = ways.pop()
        variant = function.variants.get(way[-1])
        for candidate in _candidates(variant) if variant else ():
            if candidate == start:
                return way
            if candidate not in seen:
                seen.add(candidate)
                ways.append((*way, candidate))
    return None
