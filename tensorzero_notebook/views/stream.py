"""An answer on its way to the page: deltas with offsets, at a steady rate, complete whatever gets lost.

    kernel                                        page
    delta {at, text, marks}  ───────────▶  appends when `at` is what it has, else asks
    have {length}            ◀───────────  on mount, at a gap, at the end if something is missing
    delta {the rest}         ───────────▶
    end {length, marks}      ───────────▶  (repeated until acknowledged)
    ack {length}             ◀───────────

A message a token loses messages (the server's rate limit, the kernel socket's high-water mark) and costs 0.6 kB each; at
30 a second nothing is dropped. Offsets count code points.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

from tensorzero_notebook.views.answer import AnswerView

FAST_SECONDS = 1 / 30
SLOW_SECONDS = 1 / 20
SLOW_AFTER_SECONDS = 8.0
"""A long answer goes on at 20 Hz: the eye sees no difference, and 10,000 tokens stay under 0.6 MB."""

END_REPEATS_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)
"""When the end is told again while no page acknowledges it. After that a page that comes asks by itself."""


class StreamFeed:
    """Sends one `AnswerView`. `run` tells the page which answer a message belongs to."""

    def __init__(
        self,
        answer: AnswerView,
        send: Callable[[dict[str, Any]], None],
        *,
        run: int = 0,
        on_end: Callable[[], None] | None = None,
        context: contextvars.Context | None = None,
    ) -> None:
        """`on_end` is called once, in the feeding thread, after the last delta. `context`: what `send` runs in."""
        self.answer = answer
        self.run = run
        self._send = send
        self._on_end = on_end
        self._context = context or contextvars.copy_context()
        self._lock = threading.RLock()
        self._sent = 0
        self._marks_sent = 0
        self._acknowledged = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        answer.subscribe(lambda event: self._ended.set() if answer.ended else None)

    def start(self) -> None:
        self._thread = threading.Thread(
            target=self._context.run, args=(self._feed,), name="tensorzero-stream-feed", daemon=True
        )
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def flush(self) -> None:
        """Send what is new, if anything is."""
        with self._lock:
            text, marks = self._now()
            if len(text) == self._sent and len(marks) == self._marks_sent:
                return
            self._delta(self._sent, text, self._marks_sent, marks)
            self._sent, self._marks_sent = len(text), len(marks)

    def resend(self, have: int) -> None:
        """A page has the first `have` characters: send it the rest, and the end if this is the end."""
        with self._lock:
            text, marks = self._now()
            self._delta(min(max(have, 0), len(text)), text, 0, marks)
            self._sent, self._marks_sent = len(text), len(marks)
        if self.answer.ended:
            self._tell_end()

    def acknowledge(self, length: int) -> None:
        if self.answer.ended and length == self.answer.length:
            self._acknowledged.set()

    def leave(self) -> None:
        """No page needs the end any more."""
        self._acknowledged.set()

    def _now(self) -> tuple[str, list[list[Any]]]:
        with self.answer.lock:
            return self.answer.text, [[mark.start, mark.kind, mark.label] for mark in self.answer.marks]

    def _delta(self, at: int, text: str, marks_at: int, marks: list[list[Any]]) -> None:
        message = {"kind": "delta", "run": self.run, "at": at, "text": text[at:]}
        if len(marks) > marks_at:
            message |= {"marks_at": marks_at, "marks": marks[marks_at:]}
        self._send(message)

    def _tell_end(self) -> None:
        self._send({"kind": "end", "run": self.run, "length": self.answer.length, "marks": len(self.answer.marks)})

    def _feed(self) -> None:
        started = time.monotonic()
        while not self._ended.is_set() and not self.answer.ended:
            self.flush()
            slow = time.monotonic() - started > SLOW_AFTER_SECONDS
            self._ended.wait(SLOW_SECONDS if slow else FAST_SECONDS)
        self.flush()
        if self._on_end is not None:
            self._on_end()
        for pause in END_REPEATS_SECONDS:
            if self._acknowledged.wait(pause):
                return
            self._tell_end()
