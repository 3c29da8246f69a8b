"""A loaded configuration: frozen values, names resolved, templates and schemas compiled.

Field names are the configuration's own keys. Everything a later stage needs per inference is ready here, so that a
call looks things up and computes nothing about the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tensorzero.gateway.bounded import Bounded
from tensorzero.gateway.schemas.validation import Schema
from tensorzero.gateway.templates.environment import Templates
from tensorzero.masking.reprs import discreet

JsonMode = Literal["off", "on", "strict", "tool"]

PARAMETERS = (  # of a chat completion, in the order in which they are stored
    "temperature",
    "max_tokens",
    "seed",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "json_mode",
    "stop_sequences",
    "reasoning_effort",
    "service_tier",
    "thinking_budget_tokens",
    "verbosity",
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Milliseconds; None where not set."""

    non_streaming_total_ms: int | None = None
    streaming_ttft_ms: int | None = None
    streaming_total_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Retries:
    num_retries: int = 0
    max_delay_s: float = 10.0


@discreet()
@dataclass(frozen=True, slots=True)
class CredentialLocation:
    """Where a key comes from: `env::NAME`, `path::NAME`, `path_from_env::NAME`, `dynamic::NAME`, `sdk`, `none`,
    or `fallback` with two locations. Holds no key; it is read when a call needs it (gateway/providers/credentials.py)."""

    kind: Literal["env", "path", "path_from_env", "dynamic", "sdk", "none", "fallback"]
    name: str = ""
    default: CredentialLocation | None = None
    fallback: CredentialLocation | None = None


@discreet()
@dataclass(frozen=True, slots=True)
class ExtraBody:
    """One JSON pointer replacement. The filters exist on request entries only."""

    pointer: str
    value: Any = None
    delete: bool = False
    variant_name: str | None = None
    model_name: str | None = None
    provider_name: str | None = None


@discreet("value")
@dataclass(frozen=True, slots=True)
class ExtraHeader:
    name: str
    value: str = ""
    delete: bool = False
    variant_name: str | None = None
    model_name: str | None = None
    provider_name: str | None = None


@discreet()
@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """`[models.M.providers.P]`. `settings` holds the type's own keys (`model_name`, `api_base`, …), checked."""

    name: str
    type: str
    settings: Mapping[str, Any]
    credential: CredentialLocation
    extra_body: tuple[ExtraBody, ...] = ()
    extra_headers: tuple[ExtraHeader, ...] = ()
    timeouts: Timeouts = Timeouts()
    discard_unknown_chunks: bool = False
    cost: tuple[Mapping[str, Any], ...] = ()
    batch_cost: tuple[Mapping[str, Any], ...] = ()


@discreet()
@dataclass(frozen=True, slots=True)
class ModelConfig:
    name: str
    routing: tuple[str, ...]
    providers: Mapping[str, ProviderConfig]
    timeouts: Timeouts = Timeouts()
    skip_relay: bool = False
    namespace: str | None = None


@discreet()
@dataclass(frozen=True, slots=True)
class EmbeddingModelConfig:
    name: str
    routing: tuple[str, ...]
    providers: Mapping[str, ProviderConfig]
    timeout_ms: int | None = None
    provider_timeout_ms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TemplateConfig:
    """One template of a variant. `name` is its name in `Config.templates` (and in error messages).

    `legacy` marks `user_template` and `input_wrappers` spellings: plain text is rendered through them.
    """

    name: str
    legacy: bool


@discreet()
@dataclass(frozen=True, slots=True)
class VariantConfig:
    """What every variant has. `type` as the configuration names it; one subclass a type says the rest."""

    name: str
    type: str
    weight: float | None = None
    timeouts: Timeouts = Timeouts()
    namespace: str | None = None


@discreet()
@dataclass(frozen=True, slots=True)
class ChatCompletionConfig(VariantConfig):
    """`type = "chat_completion"`. `templates` is keyed by role (`system`, `user`, `assistant`) or template name."""

    model: str = ""
    templates: Mapping[str, TemplateConfig] = field(default_factory=dict)
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop_sequences: tuple[str, ...] | None = None
    reasoning_effort: str | None = None
    service_tier: str | None = None
    thinking_budget_tokens: int | None = None
    verbosity: str | None = None
    json_mode: JsonMode | None = None
    retries: Retries = Retries()
    extra_body: tuple[ExtraBody, ...] = ()
    extra_headers: tuple[ExtraHeader, ...] = ()
    params: Mapping[str, Any] = field(init=False, repr=False, compare=False)  # PARAMETERS that are set, but json_mode

    def __post_init__(self) -> None:
        found = {name: getattr(self, name) for name in PARAMETERS if name != "json_mode"}
        params = {k: list(v) if isinstance(v, tuple) else v for k, v in found.items() if v is not None}
        object.__setattr__(self, "params", params)


_NO_CHAT = ChatCompletionConfig("", "chat_completion")


@discreet()
@dataclass(frozen=True, slots=True)
class SampledConfig(VariantConfig):
    """Several variants of the function answer; `judge` chooses or fuses. `timeout_s` is deprecated: their own timeouts."""

    candidates: tuple[str, ...] = ()
    judge: ChatCompletionConfig = _NO_CHAT
    timeout_s: float | None = None


@discreet()
@dataclass(frozen=True, slots=True)
class BestOfNConfig(SampledConfig):
    """`type = "experimental_best_of_n_sampling"`; `judge` is its `evaluator`."""


@discreet()
@dataclass(frozen=True, slots=True)
class MixtureOfNConfig(SampledConfig):
    """`type = "experimental_mixture_of_n"`; `judge` is its `fuser`."""


@discreet()
@dataclass(frozen=True, slots=True)
class DiclConfig(VariantConfig):
    """`type = "experimental_dynamic_in_context_learning"`: `chat` is asked with the `k` nearest examples.

    `system_instructions` is a file's name and text as read (`paths.NAME`, `paths.DATA`); None for the usual ones.
    """

    chat: ChatCompletionConfig = _NO_CHAT
    embedding_model: str = ""
    k: int = 0
    max_distance: float | None = None
    system_instructions: Mapping[str, str] | None = None


@discreet()
@dataclass(frozen=True, slots=True)
class ChainOfThoughtConfig(VariantConfig):
    """`type = "experimental_chain_of_thought"`."""

    chat: ChatCompletionConfig = _NO_CHAT


@discreet()
@dataclass(frozen=True, slots=True)
class ExperimentationConfig:
    """How a variant is chosen. `uniform`: over every variant. `static`: by `weights`, then `fallbacks` in order."""

    type: Literal["uniform", "static", "adaptive"] = "uniform"
    weights: Mapping[str, float] = field(default_factory=dict)
    fallbacks: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    namespaces: Mapping[str, ExperimentationConfig] = field(default_factory=dict)


@discreet()
@dataclass(frozen=True, slots=True)
class FunctionConfig:
    """`schemas` is keyed by role or template name, as `[functions.F.schemas.NAME]` is.

    `legacy_schemas` are those that are spelled `user_schema` and the like.
    """

    name: str
    type: Literal["chat", "json"]
    variants: Mapping[str, VariantConfig]
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    tool_choice: str | Mapping[str, str] = "auto"
    parallel_tool_calls: bool | None = None
    output_schema: Schema | None = None
    description: str | None = None
    experimentation: ExperimentationConfig = ExperimentationConfig()
    evaluators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    legacy_schemas: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ToolConfig:
    key: str
    name: str
    description: str
    parameters: Schema
    strict: bool = False


@dataclass(frozen=True, slots=True)
class MetricConfig:
    type: Literal["boolean", "float"]
    optimize: Literal["max", "min"]
    level: Literal["inference", "episode"]
    description: str | None = None


@discreet()
@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """`[gateway]`. `settings` holds every key as written, checked; the fields are those that this gateway acts on."""

    observability_enabled: bool | None = None
    global_outbound_http_timeout_ms: int = 900_000
    fetch_and_encode_input_files_before_inference: bool = False
    unstable_disable_feedback_target_validation: bool = False
    cache_enabled: bool | None = None
    debug: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def read_timeout_ms(self) -> int | None:
        """How long the next bytes of a provider's answer may take."""
        return self.settings.get("global_outbound_http_intra_stream_read_timeout_ms")


@discreet()
@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `ConfigSnapshot` stores: the whole TOML with defaults, the templates, and their hash."""

    hash: int
    config: str
    extra_templates: Mapping[str, str]


@discreet()
@dataclass(frozen=True, slots=True)
class Config:
    """Everything. `files` are all files read (TOML, templates, schemas): what a watcher has to look at."""

    gateway: GatewayConfig
    models: Mapping[str, ModelConfig]
    embedding_models: Mapping[str, EmbeddingModelConfig]
    functions: Mapping[str, FunctionConfig]
    metrics: Mapping[str, MetricConfig]
    tools: Mapping[str, ToolConfig]
    templates: Templates
    snapshot: Snapshot
    provider_defaults: Mapping[str, CredentialLocation] = field(default_factory=dict)
    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    judges: Mapping[str, FunctionConfig] = field(default_factory=dict)
    """Evaluators that are models, as JSON functions."""
    shorthands: Bounded[str, ModelConfig] = field(default_factory=Bounded, repr=False, compare=False)  # those asked for so far
    embedding_shorthands: Bounded[str, EmbeddingModelConfig] = field(default_factory=Bounded, repr=False, compare=False)
