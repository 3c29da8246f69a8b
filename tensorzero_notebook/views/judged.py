"""The answers on show, so that feedback given anywhere in this process lights up where its inference is shown."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorzero_notebook.views.answer import AnswerView


_LOG = logging.getLogger(__name__)


class JudgedAnswers:
    """Knows answers only as long as somebody else does."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._answers: dict[int, weakref.ref[AnswerView]] = {}

    def add(self, answer: AnswerView) -> None:
        key = id(answer)
        answers = self._answers  # the callback may come in any thread at any time: it takes no lock
        with self._lock:
            answers[key] = weakref.ref(answer, lambda _: answers.pop(key, None))

    def __len__(self) -> int:
        return len(self._answers)

    def judged(self, metric_name: str, level: str, target_id: str, value: Any) -> None:
        """Feedback is stored: `target_id` is an inference's or, where the `level` is "episode", an episode's."""
        for reference in list(self._answers.values()):
            answer = reference()
            if answer is None or target_id != (answer.episode_id if level == "episode" else answer.inference_id):
                continue
            try:
                answer.note_judgement(metric_name, value)
            except Exception:  # noqa: BLE001 - it is stored, whatever becomes of a picture of it
                _LOG.exception("A judgement could not be shown")


JUDGED = JudgedAnswers()


def listen() -> None:
    """From now on hear of all feedback that embedded gateways of this process store."""
    from tensorzero.gateway.endpoints.feedback import LISTENERS

    if JUDGED.judged not in LISTENERS:
        LISTENERS.append(JUDGED.judged)
