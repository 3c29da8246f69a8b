"""One answer as it grows, ends and is judged. Plain Python: no kernel, no widget, no browser.

    waiting ──feed──▶ streaming ──finish──▶ done
       └────────────────┴──stop──▶ stopped      └──fail──▶ failed

`done` and `stopped` answers that have an inference id can be judged.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tensorzero_notebook.errors import message_of
from tensorzero_notebook.keys import hide_keys
from tensorzero_notebook.views.demonstration import Draft, DraftError, draft_of, value_of
from tensorzero_notebook.views.judged import JUDGED
from tensorzero_notebook.views.metrics import COMMENT, DEMONSTRATION, Metric, level_of
from tensorzero_notebook.views.response import ResponseBuilder
from tensorzero_notebook.views.text import TextIntake, visible

AnswerState = Literal["waiting", "streaming", "done", "stopped", "failed"]
AnswerEvent = Literal["text", "state", "judgement"]


class SendFeedback(Protocol):
    """`TensorZeroGateway.feedback`: returns when the feedback is stored."""

    def __call__(self, *, metric_name: str, value: Any, inference_id: Any = None, episode_id: Any = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a block starts in the shown text. `kind`: text, thought, tool_call or unknown."""

    start: int
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The last judgement on one metric. `value` is what is stored, so it changes only when `state` becomes `stored`."""

    metric_name: str
    value: Any
    state: Literal["sending", "stored", "failed"]
    error: str = ""


class AnswerView:
    """Fed by whoever reads the stream, in any thread; shown by whoever subscribes.

    `text` is what can be shown (`views.text.visible`); the response object keeps the model's own characters.
    """

    def __init__(
        self,
        *,
        send_feedback: SendFeedback | None = None,
        metrics: Sequence[Metric] = (),
        source: str = "",
        prompt: str = "",
        raises: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`source`: the function or model asked. `prompt`: what was asked, for the record. `clock` counts seconds.

        `raises`: whoever reads the stream raises what it fails with, where the user sees it; then it is not shown here too.
        """
        self.source = source
        self.raises = raises
        self.prompt = hide_keys(prompt)
        self.metrics = tuple(metrics)
        self.state: AnswerState = "waiting"
        self.error = ""
        self.inference_id: str | None = None
        self.episode_id: str | None = None
        self.variant_name = ""
        self.finish_reason = ""
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.ttft_ms: float | None = None
        self.latency_ms: float | None = None
        self.marks: list[Mark] = []
        self.judgements: dict[str, Judgement] = {}
        self._send_feedback = send_feedback
        self._clock = clock
        self._started = clock()
        self._pieces: list[str] = []
        self._length = 0
        self._open_block: tuple[str, str] | None = None
        self._intake = TextIntake()
        self._builder = ResponseBuilder()
        self._whole: Any = None
        self.lock = threading.RLock()
        self._judging = threading.RLock()
        self._subscribers: list[Callable[[AnswerEvent], None]] = []
        if send_feedback is not None:
            JUDGED.add(self)

    @property
    def ended(self) -> bool:
        return self.state in ("done", "stopped", "failed")

    @property
    def shown_error(self) -> str:
        return "" if self.raises else self.error

    @property
    def has_something_to_show(self) -> bool:
        """False where nothing came and what went wrong is told elsewhere."""
        return self.state != "failed" or self.length > 0 or bool(self.shown_error)

    @property
    def text(self) -> str:
        with self.lock:
            self._pieces = ["".join(self._pieces)]
            return self._pieces[0]

    @property
    def length(self) -> int:
        """Characters (code points) of `text`."""
        return self._length

    def subscribe(self, callback: Callable[[AnswerEvent], None]) -> Callable[[], None]:
        """Call `callback` after each change, in the thread that made it; returns the way to end that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def feed(self, delta: str, kind: str = "text", block_id: str = "", label: str = "") -> None:
        """Append `delta` to the open block, or begin another. Fed after the end, it is not shown."""
        with self.lock:
            if self.ended:
                return
            began = self.state == "waiting"
            if began:
                self.state = "streaming"
            if self.ttft_ms is None:
                self.ttft_ms = (self._clock() - self._started) * 1000
            self._enter(kind, block_id, label)
            self._append(self._intake.take(delta))
        if began:
            self._tell("state")
        self._tell("text")

    def feed_chunk(self, chunk: Any) -> None:
        """Take a `ChatChunk` or `JsonChunk` of the client's stream: its text, ids, usage and finish reason."""
        with self.lock:
            self._builder.add(chunk)
            self.inference_id = str(chunk.inference_id)
            self.episode_id = str(chunk.episode_id)
            self.variant_name = chunk.variant_name
            if chunk.usage is not None:
                self._take_usage(chunk.usage)
            if chunk.finish_reason is not None:
                self.finish_reason = _word(chunk.finish_reason)
            for block in getattr(chunk, "content", None) or ():
                self._feed_block(block)
            if getattr(chunk, "raw", None):
                self.feed(chunk.raw)

    def take_response(self, response: Any) -> None:
        """Take a whole `ChatInferenceResponse` or `JsonInferenceResponse`, and finish."""
        with self.lock:
            self._whole = response
            self.inference_id = str(response.inference_id)
            self.episode_id = str(response.episode_id)
            self.variant_name = response.variant_name
            self.finish_reason = _word(response.finish_reason)
            self._take_usage(response.usage)
            for block in getattr(response, "content", None) or ():
                self._feed_block(block)
            output = getattr(response, "output", None)
            if output is not None:
                self.feed(output.raw or json.dumps(output.parsed, ensure_ascii=False))
        self.finish()

    def finish(self) -> None:
        """The stream is at its end and the inference is stored."""
        self._end("done")

    def stop(self) -> None:
        """The user stopped it: what came is kept, and can be judged."""
        self._end("stopped")

    def fail(self, error: BaseException | str) -> None:
        """It broke: what came is kept, with the reason in words."""
        with self.lock:
            if not self.ended:
                self.error = visible(_told(error))
        self._end("failed")

    def can_judge(self) -> bool:
        return self.inference_id is not None and self._send_feedback is not None and self.state in ("done", "stopped")

    def judge(self, metric_name: str, value: Any) -> Judgement:
        """Send feedback and wait until it is stored. Never raises: a failure is the judgement's state, the old value stays."""
        with self._judging:  # two clicks are stored in the order in which they were made
            before = self.judgements.get(metric_name)
            stored = before.value if before is not None else None
            self._set_judgement(Judgement(metric_name, stored, "sending"))
            try:
                self._send(metric_name, value)
            except Exception as error:  # noqa: BLE001 - whatever went wrong is told beside the button
                return self._set_judgement(Judgement(metric_name, stored, "failed", visible(_told(error))))
            return self._set_judgement(Judgement(metric_name, value, "stored"))

    def comment(self, text: str) -> Judgement:
        return self.judge(COMMENT, text)

    def response(self) -> Any:
        """What the same call without a stream would have returned, as far as it came; None when nothing came."""
        return self._builder.response() if self._whole is None else self._whole

    def draft(self) -> Draft:
        """What a demonstration begins with."""
        with self.lock:
            return draft_of(self.response())

    def demonstrate(self, value: Any) -> Judgement:
        """Store `value` as what would have been a better answer: a text, content blocks, or a JSON function's value."""
        return self.judge(DEMONSTRATION, value)

    def demonstrate_edited(self, edited: Sequence[Any]) -> Judgement:
        """Store what was made of `draft()`; `value_of` says how it is written down."""
        try:
            value = value_of(self.draft(), edited)
        except DraftError as error:
            before = self.judgements.get(DEMONSTRATION)
            stored = None if before is None else before.value
            return self._set_judgement(Judgement(DEMONSTRATION, stored, "failed", visible(_told(str(error)))))
        return self.demonstrate(value)

    def note_judgement(self, metric_name: str, value: Any) -> None:
        """It was judged elsewhere: by code, or in another panel."""
        self._set_judgement(Judgement(metric_name, value, "stored"))

    def _send(self, metric_name: str, value: Any) -> None:
        if self._send_feedback is None or not self.can_judge():
            raise RuntimeError("This answer has no inference id, so it cannot be judged.")
        if level_of(metric_name, self.metrics) == "episode":
            self._send_feedback(metric_name=metric_name, value=value, episode_id=self.episode_id)
        else:
            self._send_feedback(metric_name=metric_name, value=value, inference_id=self.inference_id)

    def _set_judgement(self, judgement: Judgement) -> Judgement:
        self.judgements[judgement.metric_name] = judgement
        self._tell("judgement")
        return judgement

    def _feed_block(self, block: Any) -> None:
        block_id = str(getattr(block, "id", "") or "")
        match block.type:
            case "text":
                self.feed(block.text or "", "text", block_id)
            case "thought":
                text = block.text or getattr(block, "summary_text", None) or ""
                self.feed(text, "thought", block_id, "Thought")
            case "tool_call":
                name = block.raw_name or ""
                self.feed(block.raw_arguments or "", "tool_call", block_id, f"Tool call {name}".strip())
            case _:
                self.feed(json.dumps(block.data, ensure_ascii=False, default=str), "unknown", block_id, "Unknown block")

    def _take_usage(self, usage: Any) -> None:
        self.input_tokens = usage.input_tokens
        self.output_tokens = usage.output_tokens

    def _enter(self, kind: str, block_id: str, label: str) -> None:
        block = (kind, block_id)
        if block == self._open_block:
            return
        self._append(self._intake.rest())
        self._open_block = block
        self.marks.append(Mark(self._length, kind, visible(label)))

    def _append(self, text: str) -> None:
        shown = visible(text)
        self._pieces.append(shown)
        self._length += len(shown)

    def _end(self, state: AnswerState) -> None:
        with self.lock:
            if self.ended:
                return
            self._append(self._intake.rest())
            self.state = state
            self.latency_ms = (self._clock() - self._started) * 1000
        self._tell("state")

    def _tell(self, event: AnswerEvent) -> None:
        for callback in tuple(self._subscribers):
            callback(event)


def _told(error: BaseException | str) -> str:
    return hide_keys(error) if isinstance(error, str) else message_of(error)


def _word(reason: Any) -> str:
    return "" if reason is None else str(getattr(reason, "value", reason))
