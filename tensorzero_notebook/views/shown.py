"""An answer as the page and the record get it: plain values, everything a character in a box."""

from __future__ import annotations

from typing import Any

from tensorzero_notebook.keys import hide_keys
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.demonstration import demonstration_text
from tensorzero_notebook.views.metrics import DEMONSTRATION, METRIC_EXAMPLE
from tensorzero_notebook.views.text import visible


def shown_answer(answer: AnswerView) -> dict[str, Any]:
    """Everything but the text, JSON-able."""
    return {
        "state": answer.state,
        "error": answer.shown_error,
        "source": visible(answer.source),
        "variant": visible(answer.variant_name),
        "figures": figures(answer),
        "can_judge": answer.can_judge(),
        "metrics": [
            {
                "name": metric.name,
                "type": metric.type,
                "level": metric.level,
                "description": visible(metric.description or ""),
            }
            for metric in answer.metrics
        ],
        "metric_example": "" if answer.metrics else METRIC_EXAMPLE,
        "judgements": {
            name: {"value": _shown(name, judgement.value), "state": judgement.state, "error": judgement.error}
            for name, judgement in list(answer.judgements.items())
        },
    }


def figures(answer: AnswerView) -> list[str]:
    """Tokens, time to first token, latency and finish reason, in words, as far as they are known."""
    told: list[str] = []
    if answer.input_tokens is not None:
        told.append(f"{answer.input_tokens:,} tokens in")
    if answer.output_tokens is not None:
        told.append(f"{answer.output_tokens:,} out")
    if answer.ttft_ms is not None:
        told.append(f"first token {duration(answer.ttft_ms)}")
    if answer.latency_ms is not None:
        told.append(f"total {duration(answer.latency_ms)}")
    if answer.finish_reason:
        told.append(f"finish: {visible(answer.finish_reason)}")
    return told


def _shown(name: str, value: Any) -> Any:
    if value is not None and name == DEMONSTRATION:
        return shortened(visible(hide_keys(demonstration_text(value))))
    return visible(hide_keys(value)) if isinstance(value, str) else value


def shortened(text: str, longest: int = 240) -> str:
    """Whole words, so that half a sentence never says the opposite."""
    if len(text) <= longest:
        return text
    start = text[:longest]
    words = start.rsplit(maxsplit=1)
    return f"{words[0] if len(words) == 2 else start} … ({len(text):,} characters in all)"


def duration(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.2f} s"
