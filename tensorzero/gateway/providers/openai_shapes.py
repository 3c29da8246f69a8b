"""The shapes of OpenAI's answers, events and embeddings, as the original names them in its errors (observed 2026.6.0)."""

from __future__ import annotations

from typing import Any, cast

from tensorzero.parsing.shape_fault import one_of_texts, optional, sequence, struct, tagged, text, unsigned, untagged

_COUNT = optional(unsigned(32))
_TEXT = optional(text)
_USAGE = optional(
    struct(
        "OpenAIUsage",
        {
            "prompt_tokens": _COUNT,
            "completion_tokens": _COUNT,
            "prompt_tokens_details": optional(struct("OpenAIPromptTokensDetails", {"cached_tokens": _COUNT})),
        },
    )
)
_CALL = tagged(
    {
        "function": {"id": text, "function": ("OpenAIResponseFunctionCall", ("name", "arguments"))},
        "custom": {"id": text, "custom": ("OpenAIResponseCustomCall", ("name", "input"))},
    }
)
_CALL_CHUNK = struct(
    "OpenAIToolCallChunk",
    {
        "index": unsigned(8),
        "id": _TEXT,
        "function": struct("OpenAIFunctionCallChunk", {"name": _TEXT, "arguments": _TEXT}),
    },
    required=("index", "function"),
)


def _is_vector(value: Any) -> bool:
    if isinstance(value, list):
        return all(type(number) in (int, float) for number in cast("list[Any]", value))
    return isinstance(value, str)


ANSWER = struct(
    "OpenAIResponse",
    {
        "choices": sequence(
            struct(
                "OpenAIResponseChoice",
                {
                    "index": unsigned(8),
                    "message": struct(
                        "OpenAIResponseMessageRaw",
                        {
                            "content": _TEXT,
                            "tool_calls": optional(sequence(_CALL)),
                            "reasoning": _TEXT,
                            "reasoning_content": _TEXT,
                        },
                    ),
                    "finish_reason": one_of_texts,
                },
                required=("index", "message", "finish_reason"),
            )
        ),
        "usage": _USAGE,
    },
    required=("choices",),
)
CHUNK = struct(
    "OpenAIChatChunk",
    {
        "choices": sequence(
            struct(
                "OpenAIChatChunkChoice",
                {
                    "delta": struct(
                        "OpenAIDeltaRaw",
                        {
                            "content": _TEXT,
                            "tool_calls": optional(sequence(_CALL_CHUNK)),
                            "reasoning": _TEXT,
                            "reasoning_content": _TEXT,
                        },
                    ),
                    "finish_reason": _TEXT,
                },
                required=("delta",),
            )
        ),
        "usage": _USAGE,
    },
    required=("choices",),
)
EMBEDDINGS = struct(
    "OpenAIEmbeddingResponse",
    {
        "data": sequence(
            struct("OpenAIEmbeddingData", {"embedding": untagged("Embedding", _is_vector)}, required=("embedding",))
        ),
        "usage": optional(struct("OpenAIEmbeddingUsage", {"prompt_tokens": _COUNT})),
    },
    required=("data",),
)
