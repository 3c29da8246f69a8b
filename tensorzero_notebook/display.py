"""How public types look in a notebook: HTML beside the plain text, everything in it escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from tensorzero_notebook.views.text import visible


class Listing:
    """A short table of names and what belongs to them."""

    def __init__(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        self._title = title
        self._rows = [(visible(name), visible(value)) for name, value in rows]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self._rows]

    def __repr__(self) -> str:
        if not self._rows:
            return f"no {self._title}"
        width = max(len(name) for name in self.names)
        return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in self._rows)

    def _repr_html_(self) -> str:
        if not self._rows:
            return f"<p>no {escape(self._title)}</p>"
        rows = "".join(
            f'<tr><td style="text-align: left"><b>{escape(name)}</b></td><td style="text-align: left">{escape(value)}</td></tr>'
            for name, value in self._rows
        )
        return f"<table>{rows}</table>"


def response_html(response: Any) -> str:
    """A `ChatInferenceResponse` or `JsonInferenceResponse` as the record that an answer leaves."""
    from tensorzero_notebook.record import record_html

    return record_html([_answer(response)])


def response_text(response: Any) -> str:
    from tensorzero_notebook.record import record_text

    return record_text([_answer(response)])


def response_markdown(response: Any) -> str:
    """The text as a code block: Markdown of a model is text too."""
    text = response_text(response)
    fence = "`" * max(3, 1 + max((len(run) for run in _runs(text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def feedback_html(response: Any) -> str:
    return f"<p>feedback {escape(visible(str(response.feedback_id)))}</p>"


def install(shell: Any) -> None:
    """Teach the shell's formatters; the plain text stays the type's own repr."""
    from tensorzero.types import ChatInferenceResponse, FeedbackResponse, JsonInferenceResponse

    html, markdown = (shell.display_formatter.formatters[kind] for kind in ("text/html", "text/markdown"))
    for kind in (ChatInferenceResponse, JsonInferenceResponse):
        html.for_type(kind, response_html)
        markdown.for_type(kind, response_markdown)
    html.for_type(FeedbackResponse, feedback_html)


def uninstall(shell: Any) -> None:
    from tensorzero.types import ChatInferenceResponse, FeedbackResponse, JsonInferenceResponse

    for formatter in (shell.display_formatter.formatters[kind] for kind in ("text/html", "text/markdown")):
        for kind in (ChatInferenceResponse, JsonInferenceResponse, FeedbackResponse):
            formatter.pop(kind, None)


def _answer(response: Any) -> Any:
    from tensorzero_notebook.views.answer import AnswerView

    answer = AnswerView()
    answer.take_response(response)
    answer.ttft_ms = answer.latency_ms = None
    if not (answer.input_tokens or answer.output_tokens):  # a stopped answer was never counted
        answer.input_tokens = answer.output_tokens = None
    return answer


def _runs(text: str) -> list[str]:
    """Runs of backquotes."""
    return [run for run in "".join(sign if sign == "`" else " " for sign in text).split() if run]
