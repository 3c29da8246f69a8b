"""What stays in the saved notebook when the kernel is gone: an answer as plain HTML and plain text.

No script, no style tag, no attribute that runs; the look is in `style` attributes that a sanitiser may drop without loss.
The text sits in `<pre>`: mathematics renderers leave that alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tensorzero_notebook.keys import hide_keys
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.demonstration import demonstration_text
from tensorzero_notebook.views.metrics import DEMONSTRATION
from tensorzero_notebook.views.shown import figures
from tensorzero_notebook.views.text import visible

KERNEL_GONE = "The kernel that answered is gone. Run the cell again for an answer that can be judged here."
"""Read where no panel draws itself over the record."""

_BOX = "border: 1px solid rgba(127, 127, 127, 0.35); border-radius: 4px; padding: 8px 12px; margin: 4px 0"
_FINE = "color: gray; font-size: 0.85em"
_TEXT = (
    "white-space: pre-wrap; word-break: break-word; overflow-wrap: anywhere; unicode-bidi: isolate; "
    "font-family: inherit; background: transparent; border: none; padding: 0; margin: 6px 0"
)
_QUOTE = _TEXT + "; border-left: 3px solid rgba(127, 127, 127, 0.35); padding-left: 8px; color: gray"


def record_bundle(answers: Sequence[AnswerView], live: str = "") -> dict[str, str]:
    """Mime bundle of finished answers, without any known key.

    `live` names the widget that draws itself over the HTML while it lives.
    """
    return {"text/html": hide_keys(record_html(answers, live)), "text/plain": hide_keys(record_text(answers))}


def noted(bundle: Mapping[str, str], note: str) -> dict[str, str]:
    """The bundle of a record with a last line for the reader of the HTML."""
    html = bundle.get("text/html", "").removesuffix("</div>")
    return {**bundle, "text/html": f'{html}<div style="{_FINE}">{escape(note)}</div></div>'}


def record_html(answers: Sequence[AnswerView], live: str = "") -> str:
    mark = f' data-tensorzero-live="{escape(live)}"' if live else ""
    parts = "".join(_answer_html(answer) for answer in answers if answer.has_something_to_show)
    if parts and live:
        parts += f'<div style="{_FINE}">{escape(KERNEL_GONE)}</div>'
    return f'<div class="tensorzero-record tex2jax_ignore mathjax_ignore"{mark}>{parts}</div>'


def record_text(answers: Sequence[AnswerView]) -> str:
    return "\n\n".join(_answer_text(answer) for answer in answers if answer.has_something_to_show)


def _answer_html(answer: AnswerView) -> str:
    parts = [f'<div style="{_FINE}"><b>{escape(_title(answer))}</b></div>']
    if answer.prompt:
        parts.append(f'<pre style="{_QUOTE}" dir="auto">{escape(visible(answer.prompt))}</pre>')
    for label, text in blocks(answer):
        if label:
            parts.append(f'<div style="{_FINE}">{escape(label)}</div>')
        parts.append(f'<pre style="{_TEXT}" dir="auto">{escape(text)}</pre>')
    if answer.shown_error:
        parts.append(f'<pre style="{_TEXT}; color: #c0392b">{escape(answer.shown_error)}</pre>')
    told = _told(answer)
    if told:
        parts.append(f'<div style="{_FINE}">{escape(told)}</div>')
    parts += [f'<div style="{_FINE}">{escape(line)}</div>' for line in judgement_lines(answer)]
    return f'<div style="{_BOX}">{"".join(parts)}</div>'


def _answer_text(answer: AnswerView) -> str:
    lines = [_title(answer)]
    if answer.prompt:
        lines += ["> " + line for line in visible(answer.prompt).split("\n")]
    for label, text in blocks(answer):
        lines += [f"[{label}]", text] if label else [text]
    if answer.shown_error:
        lines.append(answer.shown_error)
    told = _told(answer)
    if told:
        lines.append(f"({told})")
    return "\n".join(lines + judgement_lines(answer))


def blocks(answer: AnswerView) -> list[tuple[str, str]]:
    """(label, text) of each block; plain text has no label."""
    text = answer.text
    starts = [mark.start for mark in answer.marks]
    ends = [*starts[1:], len(text)] if starts else []
    return [(mark.label, text[mark.start : end]) for mark, end in zip(answer.marks, ends, strict=True)]


def judgement_lines(answer: AnswerView) -> list[str]:
    """What is stored, one line each; what failed is not there."""
    return [
        f"{visible(name)}: {_judged(name, judgement.value)}"
        for name, judgement in list(answer.judgements.items())
        if judgement.value is not None
    ]


def _judged(name: str, value: Any) -> str:
    if name == DEMONSTRATION:
        return visible(demonstration_text(value))
    if value is True:
        return "👍"
    if value is False:
        return "👎"
    return visible(value if isinstance(value, str) else str(value))


def _title(answer: AnswerView) -> str:
    words = [visible(word) for word in (answer.source, answer.variant_name) if word]
    if len(words) == 2 and words[0] == words[1]:
        words = words[:1]
    state = {"stopped": "stopped", "failed": "failed", "waiting": "not finished", "streaming": "not finished"}.get(answer.state)
    return " · ".join([*words, *([state] if state else [])])


def _told(answer: AnswerView) -> str:
    identifier = [f"inference {answer.inference_id}"] if answer.inference_id else []
    return " · ".join([*figures(answer), *identifier])
