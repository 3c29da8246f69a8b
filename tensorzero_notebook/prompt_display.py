"""Where a prompt cell's answer goes: a widget in Jupyter, plain text in a terminal or without anywidget."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from tensorzero_notebook.prompt_cell import PromptOptions
from tensorzero_notebook.session import Session
from tensorzero_notebook.views.answer import AnswerView

PRINT_SECONDS = 1 / 20


def run_prompt(session: Session, options: PromptOptions, cell: str, *, in_kernel: bool) -> None:
    """Ask, show the answer as it comes, keep the response. Blocking; an interrupt stops the answer and is no error."""
    request = session.request(options, cell)
    answer = session.answer_view(request)
    widget = None if options.raw or not in_kernel else _widget_class()
    if widget is None:
        _run_plain(session, request, answer, options)
    else:
        _run_widget(session, request, answer, options, widget)
    if session.last is not None and answer.state == "stopped" and answer.inference_id is None:
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
    stopped = threading.Event()
    widget = widget_class(answer, stop=stopped.set)
    widget.display()
    try:
        session.run(request, answer, stopped=stopped, out=options.out)
    finally:
        widget.wait_sent()


def _run_plain(session: Session, request: Mapping[str, Any], answer: AnswerView, options: PromptOptions) -> None:
    printer = AnswerPrinter(answer)
    try:
        session.run(request, answer, out=options.out)
    finally:
        printer.finish()
    if answer.state == "stopped":
        session.say("tensorzero: stopped.")


class AnswerPrinter:
    """Prints an answer as it grows, at most 20 times a second: a kernel drops messages above a rate."""

    def __init__(self, answer: AnswerView, write: Callable[[str], object] | None = None) -> None:
        self._answer = answer
        self._write = write or _write
        self._printed = 0
        self._next = 0.0
        answer.subscribe(self._changed)

    def _changed(self, event: str) -> None:
        if event == "text" and time.monotonic() >= self._next:
            self._flush()
            self._next = time.monotonic() + PRINT_SECONDS

    def _flush(self) -> None:
        if self._answer.length > self._printed:
            text = self._answer.text
            self._write(text[self._printed :])
            self._printed = len(text)

    def finish(self) -> None:
        """Print the rest, and a line's end."""
        self._flush()
        if self._printed and not self._answer.text.endswith("\n"):
            self._write("\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
