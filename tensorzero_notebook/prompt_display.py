"""Where a prompt cell's answer goes: a widget in Jupyter, plain text in a terminal or without anywidget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tensorzero.printing import say
from tensorzero_notebook.prompt_cell import PromptOptions
from tensorzero_notebook.session import Session
from tensorzero_notebook.views.answer import AnswerView


def run_prompt(session: Session, options: PromptOptions, cell: str, *, in_kernel: bool) -> None:
    """Ask, show the answer as it comes, keep the response. Blocking; an interrupt stops the answer and is no error."""
    request = session.request(options, cell)
    answer = session.answer_view(request)
    widget = None if options.raw or not in_kernel else _widget_class()
    if widget is None:
        _run_plain(session, request, answer, options)
    else:
        _run_widget(session, request, answer, options, widget)
    if answer.state == "stopped" and answer.inference_id is None:
        session.say("tensorzero: stopped before anything came.")


def _widget_class() -> Callable[..., Any] | None:
    try:
        from tensorzero_notebook.widgets.answer import AnswerWidget
    except ImportError:
        return None
    return AnswerWidget


def _run_widget(
    session: Session, request: Mapping[str, Any], answer: AnswerView, options: PromptOptions, widget_class: Callable[..., Any]
) -> None:
    run = session.run_of(request, answer, options.out)
    widget = widget_class(answer, stop=run.stop)
    widget.display()
    run.start()
    try:
        run.wait()
    finally:
        widget.wait_sent()


def _run_plain(session: Session, request: Mapping[str, Any], answer: AnswerView, options: PromptOptions) -> None:
    printer = AnswerPrinter(answer)
    run = session.run_of(request, answer, options.out)
    run.start()
    try:
        run.wait(printer.print_new)
    finally:
        printer.finish()
    if answer.state == "stopped" and answer.inference_id is not None:
        session.say("tensorzero: stopped.")


class AnswerPrinter:
    """Prints an answer as it grows, whenever it is asked to: a kernel drops messages above a rate."""

    def __init__(self, answer: AnswerView) -> None:
        self._answer = answer
        self._printed = 0

    def print_new(self) -> None:
        if self._answer.length > self._printed:
            text = self._answer.text
            say(text[self._printed :], end="", flush=True)
            self._printed = len(text)

    def finish(self) -> None:
        """Print the rest, and a line's end."""
        self.print_new()
        if self._printed and not self._answer.text.endswith("\n"):
            say(flush=True)
