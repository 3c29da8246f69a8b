"""The composer in a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero_notebook.record import record_bundle
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.composer import KEPT_ANSWERS, Composed, ComposerSession, ComposerView
from tensorzero_notebook.views.shown import shown_answer
from tensorzero_notebook.views.text import visible
from tensorzero_notebook.widgets.answer import judge
from tensorzero_notebook.widgets.panel import Panel


class ComposerWidget(Panel):
    """Shows one `ComposerView`."""

    def __init__(self, composer: ComposerView) -> None:
        super().__init__("composer")
        self._composer = composer
        self._answers: dict[int, AnswerView] = {}
        self._channel = 0
        self._ties.append(composer.subscribe(self._began))
        self._refresh()

    def display(self) -> None:
        self.show(lambda live: record_bundle(self._composer.answers, live), "A composer: run this cell to use it.")

    def shown(self) -> dict[str, Any]:
        answer = self._answers.get(self._channel)
        return {
            "channel": self._channel,
            "choices": self._composer.choices(),
            "running": self._composer.running,
            "problem": visible(self._composer.problem),
            "notice": visible(self._composer.notice),
            "answer": None if answer is None else shown_answer(answer),
        }

    def act(self, action: str, values: Mapping[str, Any]) -> None:
        if action == "run":
            form = values.get("form")
            self._composer.run(Composed.from_page(form if isinstance(form, dict) else {}))
        elif action == "stop":
            self._composer.stop()
        else:
            channel = values.get("channel", self._channel)
            answer = self._answers.get(channel)
            if answer is not None and action == "draft":
                self.send({"kind": "draft", "channel": channel, **answer.draft().shown()})
            elif answer is not None:
                judge(answer, action, values)

    def looked_at(self) -> None:
        self.refresh()

    def can_retire(self) -> bool:
        return not self._composer.running

    def _began(self) -> None:
        answer = self._composer.answer
        if answer is not None and answer is not self._answers.get(self._channel):
            oldest = self._channel + 1 - KEPT_ANSWERS
            self._channel += 1
            self._answers = {number: one for number, one in self._answers.items() if number > oldest}
            self._answers[self._channel] = answer
            self.follow(answer, self._channel)
        self.refresh()


def compose(
    session: ComposerSession,
    *,
    function: str = "",
    variant: str = "",
    model: str = "",
    system: str = "",
    prompt: str = "",
) -> None:
    """Display a composer in the running cell. The arguments are what its form begins with."""
    first = {"function": function, "variant": variant, "model": model, "system": system, "prompt": prompt}
    ComposerWidget(ComposerView(session, first={name: value for name, value in first.items() if value})).display()
