"""`[functions]`: shapes, schemas, and the checks that need no other section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.evaluator_shapes import EVALUATORS, check_evaluators
from tensorzero.gateway.config.experimentation_section import EXPERIMENTATION, build_experimentation, from_weights
from tensorzero.gateway.config.file_texts import mark_hint
from tensorzero.gateway.config.mistakes import Mistakes
from tensorzero.gateway.config.paths import DATA, NAME
from tensorzero.gateway.config.sections import ExperimentationConfig, FunctionConfig, VariantConfig
from tensorzero.gateway.config.shapes import Choice, Field, FileText, Flag, Record, Table, Tagged, Text
from tensorzero.gateway.config.shared_shapes import TEXTS
from tensorzero.gateway.config.variant_shapes import VARIANTS
from tensorzero.gateway.config.variants_section import build_variant, check_no_answer_tool, share_timeouts
from tensorzero.gateway.schemas.validation import Schema, SchemaError

ROLES = ("system", "user", "assistant")


class _ToolChoice:
    """`none`, `auto`, `required`, or `{ specific = NAME }`."""

    choice = Choice(("none", "auto", "required", "specific"))
    specific = Record("Specific", (Field("specific", Text(), required=True),))

    def read(self, value: Any, place: Any, mistakes: Mistakes) -> Any:
        if isinstance(value, Mapping) and list(value) == ["specific"]:
            return self.specific.read(value, place, mistakes)
        return self.choice.read(value, place, mistakes)


_SCHEMA_KEYS = (
    Field("system_schema", FileText()),
    Field("user_schema", FileText()),
    Field("assistant_schema", FileText()),
    Field("schemas", Table(Record("UninitializedSchema", (Field("path", FileText(), required=True),))), default=dict),
)
_LAST = (
    Field("description", Text()),
    Field("experimentation", EXPERIMENTATION),
    Field("evaluators", EVALUATORS, default=dict),
)
FUNCTIONS = Table(
    Tagged(
        {
            "chat": Record(
                "UninitializedFunctionConfigChat",
                (
                    Field("variants", VARIANTS, required=True),
                    *_SCHEMA_KEYS,
                    Field("tools", TEXTS, default=list),
                    Field("tool_choice", _ToolChoice(), default="auto"),
                    Field("parallel_tool_calls", Flag()),
                    *_LAST,
                ),
            ),
            "json": Record(
                "UninitializedFunctionConfigJson",
                (
                    Field("variants", VARIANTS, required=True),
                    *_SCHEMA_KEYS,
                    Field("output_schema", FileText()),
                    *_LAST,
                ),
            ),
        }
    )
)


def build_function(
    name: str, read: Mapping[str, Any], declared_variants: Mapping[str, Any], metrics: list[str], mistakes: Mistakes
) -> FunctionConfig:
    """`declared_variants` is the table as written: a variant that could not be read still counts as there."""
    keys = ("functions", name)
    if name.startswith("tensorzero::"):
        mistakes.say(f"User-defined function name cannot start with `tensorzero::`: {name}", keys)
    experimentation = _build_choice(name, read, declared_variants, metrics, mistakes)
    schemas = _build_schemas(name, read, mistakes)
    output = build_schema(read["output_schema"], (*keys, "output_schema"), mistakes) if "output_schema" in read else None
    variants: dict[str, VariantConfig] = {}
    for variant_name, variant in read["variants"].items():
        variants[variant_name] = build_variant(name, read["type"], variant_name, variant, schemas, mistakes)
        if read.get("tools"):
            check_no_answer_tool(name, variant_name, variant, mistakes)
    share_timeouts(name, variants, list(declared_variants), mistakes)
    check_evaluators(read["evaluators"], f"[functions.{name}.evaluators]", (*keys, "evaluators"), mistakes)
    tools = read.get("tools", [])
    return FunctionConfig(
        name,
        read["type"],
        variants,
        schemas,
        tuple(tools),
        read.get("tool_choice", "auto"),
        read.get("parallel_tool_calls"),
        output if output is not None else Schema({}) if read["type"] == "json" else None,
        read.get("description"),
        experimentation,
        read["evaluators"],
        frozenset(role for role in ROLES if f"{role}_schema" in read),
    )


def _build_choice(
    name: str, read: Mapping[str, Any], declared: Mapping[str, Any], metrics: list[str], mistakes: Mistakes
) -> ExperimentationConfig:
    weights = {variant: config.get("weight") for variant, config in read["variants"].items()}
    if "experimentation" not in read:
        return from_weights(weights)
    weighted = sorted(variant for variant, weight in weights.items() if weight is not None)
    if weighted:
        mistakes.say(
            "Cannot mix `experimentation` configuration with individual variant `weight` values. The following variants have "
            f"weights specified: {', '.join(weighted)}. Either use the `experimentation` section to control variant sampling, "
            "or specify `weight` on individual variants, but not both.",
            ("functions", name, "experimentation"),
        )
    return build_experimentation(name, read["experimentation"], declared, metrics, mistakes)


def _build_schemas(function: str, read: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Schema]:
    keys = ("functions", function)
    schemas: dict[str, Schema] = {}
    for role in ROLES:
        if f"{role}_schema" not in read:
            continue
        if role in read["schemas"]:
            message = f"functions.{function}: Cannot specify both `schemas.{role}.path` and `{role}_schema`"
            mistakes.say(message, (*keys, f"{role}_schema"))
        schemas[role] = build_schema(read[f"{role}_schema"], (*keys, f"{role}_schema"), mistakes)
    for name, schema in read["schemas"].items():
        schemas[name] = build_schema(schema["path"], (*keys, "schemas", name, "path"), mistakes)
    return schemas


def build_schema(file: Mapping[str, str], keys: tuple[str, ...], mistakes: Mistakes) -> Schema:
    try:
        return Schema.from_text(file[DATA], file[NAME])
    except SchemaError as error:
        mistakes.say(str(error), keys, hint=mark_hint(file[DATA], file[NAME]))
        return Schema({}, file[NAME])
