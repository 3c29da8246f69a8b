"""The composer in a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorzero_notebook.record import record_bundle
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.composer import Composed, ComposerSession, ComposerView
from tensorzero_notebook.views.shown import shown_answer
from tensorzero_notebook.views.text import visible
from tensorzero_notebook.widgets.answer import judge
from tensorzero_notebook.widgets.live import SHARED_SCRIPTS, LiveWidget, script


class ComposerWidget(LiveWidget):
    """Shows one `ComposerView`."""

    _esm = script(*SHARED_SCRIPTS, "composer.js")

    def __init__(self, composer: ComposerView) -> None:
        super().__init__()
        self._composer = composer
        self._runs = 0
        self._followed: AnswerView | None = None
        composer.subscribe(self._began)
        self.view = self.shown()

    def display(self) -> None:
        self.show(lambda live: record_bundle(self._composer.answers, live))

    def shown(self) -> dict[str, Any]:
        answer = self._composer.answer
        return {
            "choices": self._composer.choices(),
            "running": self._composer.running,
            "problem": visible(self._composer.problem),
            "answer": None if answer is None else shown_answer(answer),
        }

    def act(self, action: str, values: Mapping[str, Any]) -> None:
        answer = self._composer.answer
        if action == "run":
            form = values.get("form")
            self._composer.run(Composed.from_page(form if isinstance(form, dict) else {}))
        elif action == "stop":
            self._composer.stop()
        elif answer is not None:
            judge(answer, action, values)

    def _began(self) -> None:
        answer = self._composer.answer
        if answer is not None and answer is not self._followed:
            self._followed = answer
            self._runs += 1
            self.follow(answer, self._runs)
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
