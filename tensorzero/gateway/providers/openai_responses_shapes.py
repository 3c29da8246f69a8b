"""The shape of an answer of the Responses API, as the original names it in its errors (observed 2026.6.0)."""

from __future__ import annotations

from tensorzero.parsing.shape_fault import Cursor, optional, sequence, struct, text, unsigned

_COUNT = optional(unsigned(32))
_USAGE = optional(
    struct(
        "OpenAIResponsesUsage",
        {
            "input_tokens": _COUNT,
            "output_tokens": _COUNT,
            "input_tokens_details": optional(struct("OpenAIResponsesInputTokensDetails", {"cached_tokens": _COUNT})),
        },
    )
)
ANSWER = struct(
    "OpenAIResponsesResponse",
    {
        "output": sequence(Cursor.take),
        "usage": _USAGE,
        "incomplete_details": optional(struct("OpenAIResponsesIncompleteDetails", {"reason": text}, required=("reason",))),
    },
    required=("output",),
)
