"""Optimization: configuration objects, jobs and their state."""

from __future__ import annotations

import json
from typing import Any

from tensorzero.clients import arguments
from tensorzero.clients.native import Received, make, native_repr


class _Config:
    """Keyword arguments only; `str()` is the JSON with defaults filled in."""

    __slots__ = ("_values",)
    optimizer = ""  # the `type` on the wire

    def __init__(self, values: dict[str, Any]) -> None:
        if "model" in values and (values["model"] is not None or "embedding_model" not in values):
            arguments.text("model", values["model"])
        self._values = values

    def __str__(self) -> str:
        return json.dumps(self._values, indent=2, ensure_ascii=False)

    def __repr__(self) -> str:
        return native_repr(self)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that the gateway is sent: `type`, and what was given."""
        return {"type": self.optimizer} | self._values


class OpenAISFTConfig(_Config):
    """Supervised fine-tuning by OpenAI."""

    optimizer = "openai_sft"

    def __init__(
        self,
        *,
        model: str,
        batch_size: int | None = None,
        learning_rate_multiplier: float | None = None,
        n_epochs: int | None = None,
        seed: int | None = None,
        suffix: str | None = None,
    ) -> None:
        super().__init__(_given(locals()))


class OpenAIRFTConfig(_Config):
    """Reinforcement fine-tuning by OpenAI."""

    optimizer = "openai_rft"

    def __init__(
        self,
        *,
        model: str,
        grader: dict[str, Any],
        response_format: dict[str, Any] | None = None,
        batch_size: int | None = None,
        compute_multiplier: float | None = None,
        eval_interval: int | None = None,
        eval_samples: int | None = None,
        learning_rate_multiplier: float | None = None,
        n_epochs: int | None = None,
        reasoning_effort: str | None = None,
        seed: int | None = None,
        suffix: str | None = None,
    ) -> None:
        super().__init__(_given(locals()))


class FireworksSFTConfig(_Config):
    """Supervised fine-tuning by Fireworks."""

    optimizer = "fireworks_sft"

    def __init__(
        self,
        *,
        model: str,
        early_stop: bool | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        max_context_length: int | None = None,
        lora_rank: int | None = None,
        batch_size: int | None = None,
        display_name: str | None = None,
        output_model: str | None = None,
        warm_start_from: str | None = None,
        is_turbo: bool | None = None,
        eval_auto_carveout: bool | None = None,
        nodes: int | None = None,
        mtp_enabled: bool | None = None,
        mtp_num_draft_tokens: int | None = None,
        mtp_freeze_base_model: bool | None = None,
        deploy_after_training: bool | None = None,
    ) -> None:
        super().__init__(_given(locals()))


class GCPVertexGeminiSFTConfig(_Config):
    """Supervised fine-tuning of a Gemini model by GCP Vertex AI."""

    optimizer = "gcp_vertex_gemini_sft"

    def __init__(
        self,
        *,
        model: str,
        learning_rate_multiplier: float | None = None,
        adapter_size: int | None = None,
        n_epochs: int | None = None,
        export_last_checkpoint_only: bool | None = None,
        seed: int | None = None,
        tuned_model_display_name: str | None = None,
    ) -> None:
        super().__init__(_given(locals()))


class TogetherSFTConfig(_Config):
    """Supervised fine-tuning by Together."""

    optimizer = "together_sft"

    def __init__(
        self,
        *,
        model: str,
        n_epochs: int | None = None,
        n_checkpoints: int | None = None,
        n_evals: int | None = None,
        batch_size: int | str | None = None,
        learning_rate: float | None = None,
        warmup_ratio: float | None = None,
        max_grad_norm: float | None = None,
        weight_decay: float | None = None,
        suffix: str | None = None,
        lr_scheduler: dict[str, Any] | None = None,
        wandb_name: str | None = None,
        training_method: dict[str, Any] | None = None,
        training_type: dict[str, Any] | None = None,
        from_checkpoint: str | None = None,
        from_hf_model: str | None = None,
        hf_model_revision: str | None = None,
        hf_output_repo_name: str | None = None,
    ) -> None:
        defaults: dict[str, Any] = {
            "n_epochs": 1,
            "n_checkpoints": 1,
            "batch_size": "max",
            "learning_rate": 0.00001,
            "warmup_ratio": 0.0,
            "max_grad_norm": 1.0,
            "weight_decay": 0.0,
            "lr_scheduler": {"lr_scheduler_type": "linear", "min_lr_ratio": 0.0},
            "training_method": {"method": "sft", "train_on_inputs": "auto"},
            "training_type": {
                "type": "Lora",
                "lora_r": 8,
                "lora_alpha": 16,
                "lora_dropout": 0.0,
                "lora_trainable_modules": "all-linear",
            },
        }
        super().__init__(_given(locals(), defaults))

    def __str__(self) -> str:
        return super().__str__().replace("1e-05", "0.00001")


class DICLOptimizationConfig(_Config):
    """Dynamic in-context learning: examples with their embeddings are stored."""

    optimizer = "dicl"

    def __init__(
        self,
        *,
        embedding_model: str,
        variant_name: str,
        function_name: str,
        dimensions: int | None = None,
        batch_size: int | None = None,
        max_concurrency: int | None = None,
        k: int | None = None,
        model: str | None = None,
        append_to_existing_variants: bool | None = None,
    ) -> None:
        defaults: dict[str, Any] = {"batch_size": 128, "max_concurrency": 10, "k": 10, "append_to_existing_variants": False}
        super().__init__(_given(locals(), defaults))


class GEPAConfig(_Config):
    """The only one whose arguments may be positional, and whose repr is its JSON (observed 2026.6.0)."""

    optimizer = "gepa"

    def __init__(
        self,
        function_name: str,
        evaluation_name: str,
        analysis_model: str,
        mutation_model: str,
        evaluator_names: list[str] | None = None,
        initial_variants: list[str] | None = None,
        variant_prefix: str | None = None,
        batch_size: int | None = None,
        max_iterations: int | None = None,
        max_concurrency: int | None = None,
        seed: int | None = None,
        timeout: int | None = None,
        include_inference_for_mutation: bool | None = None,
        retries: dict[str, Any] | None = None,
        max_tokens: int | None = None,
    ) -> None:
        given = _given(
            locals(),
            {
                "batch_size": 5,
                "max_iterations": 1,
                "max_concurrency": 10,
                "timeout": 300,
                "include_inference_for_mutation": True,
                "retries": {"num_retries": 0, "max_delay_s": 10.0},
            },
        )
        order = (
            "function_name",
            "evaluation_name",
            "evaluator_names",
            "initial_variants",
            "variant_prefix",
            "batch_size",
            "max_iterations",
            "max_concurrency",
            "analysis_model",
            "mutation_model",
            "seed",
            "timeout",
            "include_inference_for_mutation",
            "retries",
            "max_tokens",
        )
        super().__init__({name: given[name] for name in order if given[name] is not None})

    def __repr__(self) -> str:
        return str(self)


def _given(found: dict[str, Any], defaults: dict[str, Any] | None = None) -> dict[str, Any]:
    """The constructor's own arguments, in order, with defaults for the Nones."""
    filled = defaults or {}
    names = (name for name in found if name not in ("self", "defaults", "__class__"))
    return {name: filled.get(name) if found[name] is None else found[name] for name in names}


OptimizationConfig = (
    OpenAISFTConfig
    | FireworksSFTConfig
    | GCPVertexGeminiSFTConfig
    | TogetherSFTConfig
    | DICLOptimizationConfig
    | OpenAIRFTConfig
    | GEPAConfig
)
_CONFIGS = (
    OpenAISFTConfig,
    OpenAIRFTConfig,
    FireworksSFTConfig,
    TogetherSFTConfig,
    GCPVertexGeminiSFTConfig,
    DICLOptimizationConfig,
    GEPAConfig,
)


def optimizer_json(given: Any) -> dict[str, Any]:
    """A configuration object or a dict with `type`, as JSON. ValueError for anything else."""
    if isinstance(given, _CONFIGS):
        return given.to_dict()
    known = {config.optimizer for config in _CONFIGS}
    if isinstance(given, dict) and given.get("type") in known:  # pyright: ignore[reportUnknownMemberType]
        return dict(given)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    names = ", ".join(config.__name__ for config in _CONFIGS[:-1])
    raise ValueError(
        f"Invalid optimization config. Expected one of: {names}, or {_CONFIGS[-1].__name__} "
        f"(as either a class instance or a dictionary with 'type' field)."
    )


class OptimizationJobHandle(Received):
    """What identifies a running job; pass it to `experimental_poll_optimization`. `str()` is its JSON."""

    __slots__ = ("_encoded", "_value")

    @classmethod
    def _of(cls, encoded: str, value: Any) -> OptimizationJobHandle:
        handle = make(cls)
        handle._encoded, handle._value = encoded, value
        return handle

    def __str__(self) -> str:
        return json.dumps(self._value, indent=2, ensure_ascii=False)

    __repr__ = __str__


for _variant in ("Dicl", "OpenAISFT", "OpenAIRFT", "FireworksSFT", "GCPVertexGeminiSFT", "TogetherSFT", "GEPA"):
    setattr(OptimizationJobHandle, _variant, OptimizationJobHandle)


class OptimizationJobStatus:
    """`Pending`, `Completed` or `Failed`. Equal only to itself; `int()` gives 0, 1 or 2; no order, no hash."""

    __slots__ = ("_name", "_number")
    __hash__ = None  # type: ignore[assignment]
    Pending: OptimizationJobStatus
    Completed: OptimizationJobStatus
    Failed: OptimizationJobStatus

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
        raise TypeError("cannot create 'builtins.OptimizationJobStatus' instances")

    @classmethod
    def of(cls, number: int, name: str) -> OptimizationJobStatus:
        """The three that there are are made of this."""
        status = make(cls)
        status._number, status._name = number, name
        return status

    def __int__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OptimizationJobStatus) and other._number == self._number

    def __repr__(self) -> str:
        return self._name


for _number, _name in enumerate(("Pending", "Completed", "Failed")):
    setattr(OptimizationJobStatus, _name, OptimizationJobStatus.of(_number, _name))


class OptimizationJobInfo(Received):
    """How far a job is: `output` once it is complete, `estimated_finish` as seconds since 1970 where known."""

    __slots__ = ("_value",)

    @classmethod
    def _of(cls, value: dict[str, Any]) -> OptimizationJobInfo:
        info = make(cls)
        info._value = value
        return info

    @property
    def status(self) -> OptimizationJobStatus:
        """One of `OptimizationJobStatus`."""
        return getattr(OptimizationJobStatus, str(self._value["status"]).capitalize())

    @property
    def message(self) -> str:
        """What the optimizer says, else the status in words."""
        return self._value.get("message") or str(self.status)

    @property
    def output(self) -> Any | None:
        """What came of it, once it is complete."""
        return self._value.get("output")

    @property
    def estimated_finish(self) -> int | None:
        """Seconds since 1970, None where nobody knows."""
        return self._value.get("estimated_finish")

    def __str__(self) -> str:
        return json.dumps(self._value, indent=2, ensure_ascii=False)

    __repr__ = __str__


class GepaLaunchResponse(Received):
    """What `client.optimization.gepa.launch` gives: the id of the task."""

    __slots__ = ("task_id",)
    task_id: str

    @classmethod
    def _of(cls, value: dict[str, Any]) -> GepaLaunchResponse:
        response = make(cls)
        response.task_id = value["task_id"]
        return response


class GepaEvaluatorStats(Received):
    """An evaluator's mean, standard deviation and number of values in a GEPA run."""

    __slots__ = ("count", "mean", "stdev")
    mean: float
    stdev: float
    count: int


class GepaProgress(Received):
    """How far a GEPA run is: iterations, and the step of the running one."""

    __slots__ = ("current_iteration", "current_step", "max_iterations")
    current_iteration: int
    max_iterations: int
    current_step: str
