"""Answers on their way to the page: deltas with offsets, at a steady rate, complete whatever gets lost.

    kernel                                                  page
    deltas [{channel, at, text, marks}, …]  ───────────▶  appends each where `at` is what it has, else asks
    have {channel, length}                  ◀───────────  at a gap, or when something is missing at the end
    deltas [{channel, the rest}]            ───────────▶
    deltas [{channel, …, end}]              ───────────▶  (the end is repeated until it is acknowledged)
    ack {channel, length}                   ◀───────────

A channel is one answer; a panel has as many as it shows answers at once, and all that is new goes in one message. A message a
token loses messages (the server's rate limit, the kernel socket's high-water mark) and costs 0.6 kB each; at 30 a second
nothing is dropped. Offsets count code points.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from tensorzero_notebook.views.answer import AnswerView

FAST_SECONDS = 1 / 30
SLOW_SECONDS = 1 / 20
SLOW_AFTER_SECONDS = 8.0
"""A long answer goes on at 20 Hz: the eye sees no difference, and 10,000 tokens stay under 0.6 MB."""

END_REPEATS_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""When the end is told again while no page acknowledges it. After that a page that comes asks by itself."""


class Channel:
    """How far one answer was sent, and whether the page has its end."""

    def __init__(self, number: int, answer: AnswerView, on_end: Callable[[], None] | None = None) -> None:
        """`on_end` is called once, in the feeding thread, after the last delta."""
        self.number = number
        self.answer = answer
        self.on_end = on_end
        self.acknowledged = False
        self.forget: Callable[[], None] = lambda: None
        self._sent = 0
        self._marks_sent = 0
        self._pauses = iter(END_REPEATS_SECONDS)
        self._end_due: float | None = 0.0

    @property
    def open(self) -> bool:
        """Whether there is something to send, now or later, without being asked."""
        return not self.answer.ended or (not self.acknowledged and self._end_due is not None)

    def news(self, now: float) -> dict[str, Any] | None:
        """What was not sent yet, with the end where it is due; None if there is nothing. `now` in seconds."""
        ended = self.answer.ended  # before the text: what comes after it is not the last
        text, marks = self._now()
        ends = ended and not self.acknowledged and self._end_due is not None and now >= self._end_due
        if len(text) == self._sent and len(marks) == self._marks_sent and not ends:
            return None
        if ends:
            pause = next(self._pauses, None)
            self._end_due = None if pause is None else now + pause
        return self._delta(self._sent, text, self._marks_sent, marks, end=ends)

    def rest(self, have: int) -> dict[str, Any]:
        """All from character `have` on, and the end if this is the end: for a page that has so much."""
        ended = self.answer.ended
        text, marks = self._now()
        return self._delta(min(max(have, 0), len(text)), text, 0, marks, end=ended)

    def acknowledge(self, length: int) -> None:
        """The page has `length` characters, and takes them for all."""
        if self.answer.ended and length == self.answer.length:
            self.acknowledged = True

    def _now(self) -> tuple[str, list[list[Any]]]:
        with self.answer.lock:
            return self.answer.text, [[mark.start, mark.kind, mark.label] for mark in self.answer.marks]

    def _delta(self, at: int, text: str, marks_at: int, marks: list[list[Any]], *, end: bool) -> dict[str, Any]:
        self._sent, self._marks_sent = len(text), len(marks)
        delta: dict[str, Any] = {"channel": self.number, "at": at, "text": text[at:]}
        if len(marks) > marks_at:
            delta |= {"marks_at": marks_at, "marks": marks[marks_at:]}
        return delta | {"end": [len(text), len(marks)]} if end else delta


class StreamFeed:
    """Sends any number of answers, from one thread that is there while there is something to send."""

    def __init__(self, send: Callable[[dict[str, Any]], None], context: contextvars.Context | None = None) -> None:
        """`context`: what `send` runs in."""
        self._send = send
        self._context = context or contextvars.copy_context()
        self._lock = threading.RLock()
        self._channels: dict[int, Channel] = {}
        self._leaving: list[Channel] = []
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = 0.0

    def follow(self, number: int, answer: AnswerView, on_end: Callable[[], None] | None = None) -> None:
        """Send `answer` as the channel `number`, from `start` on."""
        channel = Channel(number, answer, on_end)
        channel.forget = answer.subscribe(lambda event: self._changed.set() if answer.ended else None)
        with self._lock:
            self._channels[number] = channel
            self._began = time.monotonic()

    def answers(self) -> dict[int, AnswerView]:
        """What is followed, by number."""
        with self._lock:
            return {number: channel.answer for number, channel in self._channels.items()}

    def drop(self, number: int) -> None:
        """No page shows this one any more. Its `on_end` is called all the same."""
        with self._lock:
            channel = self._channels.pop(number)
            if channel.on_end is not None:
                self._leaving.append(channel)

    def leave(self) -> None:
        """No page is there any more."""
        with self._lock:
            gone = [*self._channels.values(), *self._leaving]
            self._channels.clear()
            self._leaving.clear()
        for channel in gone:
            channel.forget()
        self._changed.set()

    def start(self) -> None:
        """Begin to send, or go on with it."""
        with self._lock:
            if self._thread is not None:
                self._changed.set()
                return
            run, context = self._run, self._context.copy()
            self._thread = threading.Thread(target=context.run, args=(run,), name="tensorzero-stream-feed", daemon=True)
            self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until there is nothing more to send, or `timeout` seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def flush(self) -> None:
        """Send what is new, if anything is."""
        with self._lock:
            now = time.monotonic()
            deltas = [delta for channel in self._channels.values() if (delta := channel.news(now)) is not None]
            if deltas:
                self._send({"kind": "deltas", "deltas": deltas})
            ended = [channel for channel in self._pending() if channel.answer.ended]
            self._leaving = [channel for channel in self._leaving if channel not in ended]
        for channel in ended:
            channel.forget()
            on_end, channel.on_end = channel.on_end, None
            if on_end is not None:
                on_end()

    def _pending(self) -> list[Channel]:
        """Those whose end nobody was told of yet."""
        return [channel for channel in (*self._channels.values(), *self._leaving) if channel.on_end is not None]

    def resend(self, have: Mapping[int, int]) -> None:
        """A page has so many characters of each channel: send it the rest. What it does not name, it has nothing of."""
        with self._lock:
            deltas = [channel.rest(have.get(number, 0)) for number, channel in self._channels.items()]
            if deltas:
                self._send({"kind": "deltas", "deltas": deltas})

    def resend_one(self, number: int, have: int) -> None:
        """Same for one channel."""
        with self._lock:
            channel = self._channels.get(number)
            if channel is not None:
                self._send({"kind": "deltas", "deltas": [channel.rest(have)]})

    def acknowledge(self, number: int, length: int) -> None:
        with self._lock:
            channel = self._channels.get(number)
            if channel is not None:
                channel.acknowledge(length)
                self._changed.set()

    def _run(self) -> None:
        while True:
            self._changed.clear()
            self.flush()
            with self._lock:
                if not self._pending() and not any(channel.open for channel in self._channels.values()):
                    self._thread = None
                    return
                slow = time.monotonic() - self._began > SLOW_AFTER_SECONDS
            self._changed.wait(SLOW_SECONDS if slow else FAST_SECONDS)
