"""What `[functions.F.variants.V]` may say, for functions and for judges."""

from __future__ import annotations

from typing import Any

from tensorzero.gateway.config.shapes import (
    I32,
    U32,
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
)  # fmt: skip
from tensorzero.gateway.config.shared_shapes import (
    EXTRA_BODY,
    EXTRA_HEADERS,
    NAMESPACE,
    RETRIES,
    TEXTS,
    TIMEOUTS,
    default_retries,
)

JSON_MODE = Choice(("off", "on", "strict", "tool"), {"implicit_tool": "tool"}, ("off", "on", "strict", "implicit_tool", "tool"))
_SERVICE_TIER = Choice(("auto", "default", "priority", "flex"))
_SINGLE = Real(single=True)

_WEIGHT = Field("weight", Real())
_MODEL = Field("model", Text(), required=True)
_CANDIDATES = Field("candidates", TEXTS, required=True)
_TIMEOUT_S = Field("timeout_s", Real())
_ACTIVE = Field("active", Flag())
_RETRIES = Field("retries", RETRIES, default=default_retries)
_EXTRA_BODY = Field("extra_body", EXTRA_BODY)
_EXTRA_HEADERS = Field("extra_headers", EXTRA_HEADERS)
_EMBEDDING_MODEL = Field("embedding_model", Text(), required=True)
_K = Field("k", U32, required=True)
_INSTRUCTIONS = Field("system_instructions", FileText())
_NEEDED_INSTRUCTIONS = Field("system_instructions", FileText(), required=True)


class _Flat:
    """A structure that the original flattens: it forgets the path inside, and which keys it knows."""

    __slots__ = ("shape",)

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def read(self, value: Any, place: Any, mistakes: Any) -> Any:
        return self.shape.read(value, place.freeze(), mistakes)


_WRAPPERS = Record(
    "UninitializedInputWrappers", (Field("user", FileText()), Field("assistant", FileText()), Field("system", FileText()))
)
_TEMPLATES = _Flat(Table(Record("ChatTemplate", (Field("path", FileText(), required=True),))))

_CHAT_COMPLETION = (
    _WEIGHT,
    _MODEL,
    Field("system_template", FileText()),
    Field("user_template", FileText()),
    Field("assistant_template", FileText()),
    Field("input_wrappers", _WRAPPERS),
    Field("templates", _TEMPLATES, default=dict),
    Field("temperature", _SINGLE),
    Field("top_p", _SINGLE),
    Field("max_tokens", U32),
    Field("presence_penalty", _SINGLE),
    Field("frequency_penalty", _SINGLE),
    Field("seed", U32),
    Field("stop_sequences", TEXTS),
    Field("reasoning_effort", Text()),
    Field("service_tier", _SERVICE_TIER),
    Field("thinking_budget_tokens", I32),
    Field("verbosity", Text()),
    Field("json_mode", JSON_MODE),
    _RETRIES,
    _EXTRA_BODY,
    _EXTRA_HEADERS,
)
_FLAT_CHAT = _Flat(Record("UninitializedChatCompletionConfig", _CHAT_COMPLETION, listing=False))

_DICL = (
    _WEIGHT, _EMBEDDING_MODEL, _K, _MODEL, _INSTRUCTIONS,
    Field("temperature", _SINGLE), Field("top_p", _SINGLE), Field("stop_sequences", TEXTS),
    Field("presence_penalty", _SINGLE), Field("frequency_penalty", _SINGLE), Field("max_tokens", U32), Field("seed", U32),
    Field("reasoning_effort", Text()), Field("thinking_budget_tokens", I32), Field("verbosity", Text()),
    Field("json_mode", JSON_MODE), _EXTRA_BODY, _RETRIES, _EXTRA_HEADERS, Field("max_distance", _SINGLE),
)  # fmt: skip

VARIANTS = Table(
    Tagged(
        {
            "chat_completion": Record("UninitializedChatCompletionConfig", _CHAT_COMPLETION),
            "experimental_best_of_n_sampling": Record(
                "UninitializedBestOfNSamplingConfig",
                (_WEIGHT, _TIMEOUT_S, _CANDIDATES, Field("evaluator", _FLAT_CHAT, required=True)),
            ),
            "experimental_dynamic_in_context_learning": Record("UninitializedDiclConfig", _DICL),
            "experimental_mixture_of_n": Record(
                "UninitializedMixtureOfNConfig",
                (_WEIGHT, _TIMEOUT_S, _CANDIDATES, Field("fuser", _FLAT_CHAT, required=True)),
            ),
            "experimental_chain_of_thought": _FLAT_CHAT,
        },
        own=Record("UninitializedVariantInfo", (Field("timeouts", TIMEOUTS), Field("namespace", NAMESPACE))),
    )
)

_JUDGE = (
    _ACTIVE, _MODEL, _NEEDED_INSTRUCTIONS, Field("temperature", _SINGLE), Field("top_p", _SINGLE), Field("max_tokens", U32),
    Field("presence_penalty", _SINGLE), Field("frequency_penalty", _SINGLE), Field("seed", U32),
    Field("json_mode", JSON_MODE, required=True), Field("stop_sequences", TEXTS), Field("reasoning_effort", Text()),
    Field("service_tier", _SERVICE_TIER), Field("thinking_budget_tokens", I32), Field("verbosity", Text()),
    _RETRIES, _EXTRA_BODY, _EXTRA_HEADERS,
)  # fmt: skip
_JUDGE_DICL = (
    _ACTIVE, _EMBEDDING_MODEL, _K, _MODEL, _INSTRUCTIONS, Field("temperature", _SINGLE), Field("top_p", _SINGLE),
    Field("presence_penalty", _SINGLE), Field("frequency_penalty", _SINGLE), Field("max_tokens", U32), Field("seed", U32),
    Field("json_mode", JSON_MODE), Field("stop_sequences", TEXTS), _EXTRA_BODY, _RETRIES, _EXTRA_HEADERS,
)  # fmt: skip
_JUDGE_CHAT = Record("UninitializedLLMJudgeChatCompletionVariantConfig", _JUDGE)

JUDGE_VARIANTS = Table(
    Tagged(
        {
            "chat_completion": _JUDGE_CHAT,
            "experimental_best_of_n_sampling": Record(
                "UninitializedLLMJudgeBestOfNVariantConfig",
                (_ACTIVE, _TIMEOUT_S, _CANDIDATES, Field("evaluator", _JUDGE_CHAT, required=True)),
            ),
            "experimental_mixture_of_n": Record(
                "UninitializedLLMJudgeMixtureOfNVariantConfig",
                (_ACTIVE, _TIMEOUT_S, _CANDIDATES, Field("fuser", _JUDGE_CHAT, required=True)),
            ),
            "experimental_dynamic_in_context_learning": Record("UninitializedLLMJudgeDiclVariantConfig", _JUDGE_DICL),
            "experimental_chain_of_thought": _Flat(
                Record("UninitializedLLMJudgeChainOfThoughtVariantConfig", _JUDGE, listing=False)
            ),
        },
        own=Record("UninitializedLLMJudgeVariantInfo", (Field("timeouts", TIMEOUTS),)),
    )
)
