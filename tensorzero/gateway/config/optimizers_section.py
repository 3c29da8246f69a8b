"""`[optimizers]`: fine-tuning, examples and prompt evolution. Read and checked; keys that nobody knows are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero.gateway.config.mistakes import Mistakes, Place
from tensorzero.gateway.config.shapes import (
    INVALID,
    U32,
    U64,
    USIZE,
    Choice,
    Field,
    Flag,
    Items,
    Real,
    Record,
    Shape,
    Table,
    Tagged,
    Text,
    wrong_type,
)  # fmt: skip
from tensorzero.gateway.config.shared_shapes import RETRIES, TEXTS, default_retries


def _needed(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Text(), required=True) for name in names)


def _optional(shape: Shape, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, shape) for name in names)


def _open(name: str, *fields: Field) -> Record:
    return Record(name, fields, open=True)


_METRICS = (
    "fuzzy_match", "bleu", "gleu", "meteor", "rouge1", "rouge2", "rouge3", "rouge4", "rouge5", "rouge_l",
)  # fmt: skip
_GRADER_INPUT = Items(
    Record(
        "OpenAIModelGraderInput",
        (Field("role", Choice(("developer", "user")), required=True), *_needed("content")),
        open=True,
    )
)


class _Range:
    """Two numbers."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if not isinstance(value, list):
            wrong_type(value, "an array of length 2", place, mistakes)
            return INVALID
        if len(value) != 2:
            expected = "an array of length 2" if len(value) < 2 else "fewer elements in array"
            mistakes.at(place, f"invalid length {len(value)}, expected {expected}")
            return INVALID
        return Items(Real()).read(value, place, mistakes)


class _Graders:
    """The parts of a `multi` grader: any graders, by name."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        return Table(_GRADER).read(value, place, mistakes)


_GRADER = Tagged(
    {
        "string_check": _open(
            "StringCheck",
            *_needed("name"),
            Field("operation", Choice(("eq", "ne", "like", "ilike")), required=True),
            *_needed("input", "reference"),
        ),
        "text_similarity": _open(
            "TextSimilarity",
            *_needed("name"),
            Field("evaluation_metric", Choice(_METRICS), required=True),
            *_needed("input", "reference"),
        ),
        "score_model": _open(
            "ScoreModel", *_needed("name", "model"), Field("input", _GRADER_INPUT, required=True), Field("range", _Range())
        ),
        "label_model": _open(
            "LabelModel",
            *_needed("name", "model"),
            Field("labels", TEXTS, required=True),
            Field("passing_labels", TEXTS, required=True),
            Field("input", _GRADER_INPUT, required=True),
        ),
        "python": _open("Python", *_needed("name", "source"), *_optional(Text(), "image_tag")),
        "multi": _open("Multi", *_needed("calculate_output"), Field("graders", _Graders(), required=True), *_needed("name")),
    },
    expected="object",
)


class _JsonSchema:
    """The `json_schema` of a response format: any table with a name."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("name"), str):
            return dict(value)
        mistakes.at(place, "data did not match any variant of untagged enum RFTJsonSchemaInfoOption")
        return INVALID


_RESPONSE_FORMAT = Tagged(
    {"json_schema": _open("JsonSchema", Field("json_schema", _JsonSchema(), required=True))}, expected="object"
)


class _BatchSize:
    """A number, or `max`."""

    def read(self, value: Any, place: Place, mistakes: Mistakes) -> Any:
        if value == "max" or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32):
            return value
        mistakes.at(place, "data did not match any variant of untagged enum TogetherBatchSize")
        return INVALID


def _schedule() -> dict[str, Any]:
    return {"lr_scheduler_type": "linear", "min_lr_ratio": 0.0}


def _method() -> dict[str, Any]:
    return {"method": "sft", "train_on_inputs": "auto"}


def _lora() -> dict[str, Any]:
    return {"type": "Lora", "lora_r": 8, "lora_alpha": 16, "lora_dropout": 0.0, "lora_trainable_modules": "all-linear"}


_SCHEDULER = Tagged(
    {
        "linear": _open("Linear", Field("min_lr_ratio", Real(), default=0.0)),
        "cosine": _open("Cosine", Field("min_lr_ratio", Real(), default=0.0), Field("num_cycles", Real(), default=0.0)),
    },
    tag="lr_scheduler_type",
    expected="object",
)
_TRAINING_METHOD = Tagged({"sft": _open("Sft", *_optional(Text(), "train_on_inputs"))}, tag="method", expected="object")
_TRAINING_TYPE = Tagged(
    {
        "Full": _open("Full"),
        "Lora": _open(
            "Lora",
            *_optional(U32, "lora_r", "lora_alpha"),
            *_optional(Real(), "lora_dropout"),
            *_optional(Text(), "lora_trainable_modules"),
        ),
    },
    expected="object",
)

OPTIMIZERS = Table(
    Tagged(
        {
            "dicl": _open(
                "UninitializedDiclOptimizationConfig",
                *_needed("embedding_model", "variant_name", "function_name"),
                *_optional(U32, "dimensions"),
                Field("batch_size", USIZE, default=128),
                Field("max_concurrency", USIZE, default=10),
                Field("k", U32, default=10),
                *_optional(Text(), "model"),
                Field("append_to_existing_variants", Flag(), default=False),
            ),
            "openai_sft": _open(
                "UninitializedOpenAISFTConfig",
                *_needed("model"),
                *_optional(USIZE, "batch_size"),
                *_optional(Real(), "learning_rate_multiplier"),
                *_optional(USIZE, "n_epochs"),
                *_optional(U64, "seed"),
                *_optional(Text(), "suffix"),
            ),
            "openai_rft": _open(
                "UninitializedOpenAIRFTConfig",
                *_needed("model"),
                Field("grader", _GRADER, required=True),
                Field("response_format", _RESPONSE_FORMAT),
                *_optional(USIZE, "batch_size"),
                *_optional(Real(), "compute_multiplier"),
                *_optional(USIZE, "eval_interval", "eval_samples"),
                *_optional(Real(), "learning_rate_multiplier"),
                *_optional(USIZE, "n_epochs"),
                *_optional(Text(), "reasoning_effort"),
                *_optional(U64, "seed"),
                *_optional(Text(), "suffix"),
            ),
            "fireworks_sft": _open(
                "UninitializedFireworksSFTConfig",
                *_needed("model"),
                *_optional(Flag(), "early_stop"),
                *_optional(USIZE, "epochs"),
                *_optional(Real(), "learning_rate"),
                *_optional(USIZE, "max_context_length", "lora_rank", "batch_size"),
                *_optional(Text(), "display_name", "output_model", "warm_start_from"),
                *_optional(Flag(), "is_turbo", "eval_auto_carveout"),
                *_optional(USIZE, "nodes"),
                *_optional(Flag(), "mtp_enabled"),
                *_optional(USIZE, "mtp_num_draft_tokens"),
                *_optional(Flag(), "mtp_freeze_base_model", "deploy_after_training"),
            ),
            "gcp_vertex_gemini_sft": _open(
                "UninitializedGCPVertexGeminiSFTConfig",
                *_needed("model"),
                *_optional(Real(), "learning_rate_multiplier"),
                *_optional(USIZE, "adapter_size", "n_epochs"),
                *_optional(Flag(), "export_last_checkpoint_only"),
                *_optional(U64, "seed"),
                *_optional(Text(), "tuned_model_display_name"),
            ),
            "gepa": _open(
                "UninitializedGEPAConfig",
                *_needed("function_name"),
                *_optional(Text(), "evaluation_name"),
                *_optional(TEXTS, "evaluator_names", "initial_variants"),
                *_optional(Text(), "variant_prefix"),
                Field("batch_size", USIZE, default=5),
                Field("max_iterations", U32, default=1),
                Field("max_concurrency", U32, default=10),
                *_needed("analysis_model", "mutation_model"),
                *_optional(U32, "seed"),
                Field("timeout", U64, default=300),
                Field("include_inference_for_mutation", Flag(), default=True),
                Field("retries", RETRIES, default=default_retries),
                *_optional(U32, "max_tokens"),
            ),
            "together_sft": _open(
                "UninitializedTogetherSFTConfig",
                *_needed("model"),
                Field("n_epochs", U32, default=1),
                Field("n_checkpoints", U32, default=1),
                *_optional(U32, "n_evals"),
                Field("batch_size", _BatchSize(), default="max"),
                Field("learning_rate", Real(), default=0.00001),
                Field("warmup_ratio", Real(), default=0.0),
                Field("max_grad_norm", Real(), default=1.0),
                Field("weight_decay", Real(), default=0.0),
                *_optional(Text(), "suffix"),
                Field("lr_scheduler", _SCHEDULER, default=_schedule),
                *_optional(Text(), "wandb_name"),
                Field("training_method", _TRAINING_METHOD, default=_method),
                Field("training_type", _TRAINING_TYPE, default=_lora),
                *_optional(Text(), "from_checkpoint", "from_hf_model", "hf_model_revision", "hf_output_repo_name"),
            ),
        },
        own=Record("UninitializedOptimizerInfo", ()),
    )
)


def check_optimizers(read: Mapping[str, Any], mistakes: Mistakes) -> None:
    """What prompt evolution is judged by: one evaluation, or evaluators, not both."""
    for name, optimizer in read.items():
        if optimizer["type"] == "gepa" and (problem := _judged_by(optimizer)):
            mistakes.say(f"GEPA optimizer `{name}` {problem}", ("optimizers", name))


def _judged_by(optimizer: Mapping[str, Any]) -> str | None:
    if "evaluation_name" in optimizer:
        return "cannot specify both `evaluation_name` and `evaluator_names`" if "evaluator_names" in optimizer else None
    if "evaluator_names" not in optimizer:
        return "must specify exactly one of `evaluation_name` or `evaluator_names`"
    return None if optimizer["evaluator_names"] else "must specify at least one evaluator name"
