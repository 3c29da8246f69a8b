"""One answer in a cell: the stream, Stop, the figures and the judgement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tensorzero_notebook.record import record_bundle
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.shown import shown_answer
from tensorzero_notebook.widgets.panel import Panel


class AnswerWidget(Panel):
    """Shows one `AnswerView`. `stop` is called when the user clicks Stop; without it there is no such button."""

    def __init__(self, answer: AnswerView, stop: Callable[[], None] | None = None) -> None:
        super().__init__("answer")
        self._answer = answer
        self._stop = stop
        self._refresh()

    def display(self) -> None:
        """Display it in the running cell and follow the answer to its end."""
        self.show(lambda live: record_bundle([self._answer], live), "An answer that had not ended yet.")
        self.follow(self._answer, 0)

    def wait_sent(self, timeout: float = 10.0) -> None:
        """Wait until an ended answer is sent and its record is in the notebook, or `timeout` seconds.

        A cell that ends before that has no record when the kernel ends with it, as in nbconvert.
        """
        self._recorded.wait(timeout)

    def shown(self) -> dict[str, Any]:
        answer = shown_answer(self._answer) if self._answer.has_something_to_show else None
        return {"channel": 0, "answer": answer, "can_stop": self._stop is not None and not self._answer.ended}

    def act(self, action: str, values: Mapping[str, Any]) -> None:
        if action == "stop" and self._stop is not None:
            self._stop()
        elif action == "draft":
            self.send({"kind": "draft", "channel": 0, **self._answer.draft().shown()})
        else:
            judge(self._answer, action, values)


def judge(answer: AnswerView, action: str, values: Mapping[str, Any]) -> None:
    """The page's judgement, as the answer's own action. A metric that the page was not offered is not judged."""
    match action:
        case "judge" if values.get("metric_name") in {metric.name for metric in answer.metrics}:
            answer.judge(str(values["metric_name"]), values.get("value"))
        case "comment":
            answer.comment(str(values.get("text", "")))
        case "demonstrate":
            edited = values.get("blocks")
            answer.demonstrate_edited(edited if isinstance(edited, list) else [])
        case _:
            pass
