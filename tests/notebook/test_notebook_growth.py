"""A long notebook: panels that are done with leave no thread, comm, callback or answer behind."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ipywidgets.widgets import widget as ipywidgets_widget

from tensorzero_notebook.prompt_cell import PromptOptions
from tensorzero_notebook.session import Session, set_session, start_session
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.composer import Composed, ComposerView, Turn
from tensorzero_notebook.views.judged import JUDGED
from tensorzero_notebook.widgets import panel as panels
from tensorzero_notebook.widgets import shelf
from tensorzero_notebook.widgets.answer import AnswerWidget
from tensorzero_notebook.widgets.composer import ComposerWidget
from tests.notebook.doubles import ScriptedSession

LIMIT = 5
PANELS = 300
"""1,500 grew by 139 bytes a panel, those that the process grows by anyhow."""


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, str]]]]:
    """What was displayed instead of something else: (display id, bundle). The shelf is a fresh one of `LIMIT` panels."""
    published: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(panels, "publish", lambda display_id, bundle: published.append((display_id, dict(bundle))))
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    fresh = shelf.Shelf(lambda: LIMIT)
    monkeypatch.setattr(shelf, "SHELF", fresh)
    monkeypatch.setattr(panels, "SHELF", fresh)
    yield published
    for panel, _, _ in list(fresh._panels.values()):
        panel.close()


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Say in which cell the next panels are displayed, each time by another execution."""
    runs = itertools.count()
    running: list[Any] = [None, None]
    monkeypatch.setattr(shelf, "running_cell", lambda: tuple(running))

    def choose(name: str | None) -> None:
        running[:] = name, next(runs)

    return choose


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.chdir(tmp_path)
    session = start_session()
    yield session
    session.close()
    set_session(None)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def widgets() -> int:
    return len(ipywidgets_widget._instances)


def panel(text: str = "Hello") -> AnswerWidget:
    """A panel whose answer has ended and is recorded; a page has it all."""
    answer = AnswerView(send_feedback=lambda **_: None, source="draft")
    widget = AnswerWidget(answer)
    widget.display()
    answer.feed(text)
    answer.finish()
    widget._receive(widget, {"kind": "ack", "channel": 0, "length": len(text)}, [])
    widget.wait_sent(30)
    return widget


def no_panel_threads() -> bool:
    return not any(thread.name in ("tensorzero-stream-feed", "tensorzero-run") for thread in threading.enumerate())


def test_beyond_the_limit_the_oldest_panels_become_records(
    shown: list[tuple[str, dict[str, str]]], cell: Callable[[str | None], None]
) -> None:
    panels: list[AnswerWidget] = []
    for number in range(LIMIT + 2):
        cell(f"cell {number}")
        panels.append(panel(f"answer {number}"))
    until(lambda: sum(one.comm is None for one in panels) == 2)
    assert [one.comm is None for one in panels] == [True, True, *[False] * LIMIT]
    for old in panels[:2]:
        records = [bundle for display_id, bundle in shown if old.live in display_id]
        assert "Only the newest panels keep their buttons" in records[-1]["text/html"]
        assert "data-tensorzero-live" not in records[-1]["text/html"]


def test_a_panel_that_is_used_outlives_newer_ones(cell: Callable[[str | None], None]) -> None:
    cell("first")
    first = panel()
    second = None
    for number in range(LIMIT):
        first._receive(first, {"kind": "act", "action": "comment", "text": "x", "number": f"n{number}"}, [])
        cell(str(number))
        second = second or panel()
    for number in range(LIMIT - 1):
        cell(f"later {number}")
        panel()
        first._receive(first, {"kind": "act", "action": "comment", "text": "x", "number": f"m{number}"}, [])
    assert first.comm is not None


def test_a_panel_in_which_something_is_going_on_stays(cell: Callable[[str | None], None]) -> None:
    cell("running")
    answer = AnswerView(source="draft")
    running = AnswerWidget(answer)
    running.display()
    for number in range(LIMIT + 3):
        cell(str(number))
        panel()
    assert running.comm is not None
    answer.finish()


def test_a_cell_that_runs_again_or_is_deleted_frees_its_panels(
    cell: Callable[[str | None], None], shown: list[tuple[str, dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cell("a")
    first, beside = panel(), panel()
    assert (first.comm is None, beside.comm is None) == (False, False)
    cell("a")
    again = panel()
    assert (first.comm is None, beside.comm is None, again.comm is None) == (True, True, False)
    cell("b")
    other = panel()
    monkeypatch.setattr(shelf, "_request", lambda: {"metadata": {"deletedCells": ["a"], "cellId": "c"}})
    shelf._cell_runs(None)
    assert (again.comm is None, other.comm is None) == (True, False)
    assert len(shelf.SHELF) == 1
    assert not any("newest panels" in bundle["text/html"] for _, bundle in shown)  # their outputs are gone


def composed(session: ScriptedSession) -> list[weakref.ref[Any]]:
    """A composer that has answered: its panel, its view, its answer."""
    composer = ComposerView(session, session.client.open_stream)
    widget = ComposerWidget(composer)
    widget.display()
    answer = composer.run(Composed(model_name="m", turns=(Turn("user", "hi"),)))
    assert answer is not None
    until(lambda: answer.ended and widget._recorded.is_set())
    return [weakref.ref(one) for one in (widget, composer, answer)]


def test_a_panel_that_is_gone_is_forgotten_by_all(cell: Callable[[str | None], None]) -> None:
    session = ScriptedSession()
    cell("a")
    gone = composed(session)
    before = len(JUDGED)
    cell("a")
    panel()
    until(lambda: no_panel_threads() and (gc.collect() or True) and all(one() is None for one in gone))
    assert len(session.changed) == 0
    assert len(JUDGED) <= before


def test_a_composer_that_runs_again_and_again_forgets_old_answers(cell: Callable[[str | None], None]) -> None:
    session = ScriptedSession()
    composer = ComposerView(session, session.client.open_stream)
    cell("a")
    widget = ComposerWidget(composer)
    widget.display()
    seen: list[weakref.ref[AnswerView]] = []
    for run in range(1, 31):
        answer = composer.run(Composed(model_name="m", turns=(Turn("user", "hi"),)))
        assert answer is not None
        until(lambda answer=answer: answer.ended and widget._recorded.is_set())
        widget._receive(widget, {"kind": "ack", "channel": run, "length": answer.length}, [])
        seen.append(weakref.ref(answer))
        del answer
    until(lambda: no_panel_threads() and (gc.collect() or True) and sum(one() is not None for one in seen) <= 20)


@pytest.mark.slow
def test_a_cell_run_again_and_again_and_many_cells_stay_flat(
    session: Session, cell: Callable[[str | None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels, "publish", lambda *_: None)

    def ask(name: str | None) -> None:
        cell(name)
        request = session.request(PromptOptions(model="dummy::good"), "hi")
        answer = session.answer_view(request)
        answer.take_response(response)
        widget = AnswerWidget(answer)
        widget.display()
        widget._receive(widget, {"kind": "ack", "channel": 0, "length": answer.length}, [])
        widget.wait_sent(30)

    response = session.client.inference(model_name="dummy::good", input={"messages": [{"role": "user", "content": "hi"}]})
    for number in range(30):
        ask(f"warm {number}")
    until(no_panel_threads)
    threads = set(threading.enumerate())
    before = widgets()
    assert before <= 3 * (LIMIT + 1)
    tracemalloc.start()
    gc.collect()
    start = tracemalloc.get_traced_memory()[0]
    for number in range(PANELS):
        ask("one cell" if number < 2 * PANELS // 3 else f"cell {number}")
    until(no_panel_threads)
    until(lambda: widgets() <= before)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - start
    tracemalloc.stop()
    print(f"{grown / PANELS:.0f} bytes a panel, {widgets()} widgets, {threading.active_count()} threads")
    assert grown < PANELS * 3000  # one that stays costs ten times that
    assert len(shelf.SHELF) <= LIMIT
    assert len(JUDGED) <= LIMIT + 1
    assert not set(threading.enumerate()) - threads
