"""What the widgets share: a thin binding of any number of answers to a page, and the record that stays."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from tensorzero_notebook.keys import hide_keys
from tensorzero_notebook.record import noted
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.stream import StreamFeed
from tensorzero_notebook.widgets.outbox import OUTBOX, InOrder, in_thread
from tensorzero_notebook.widgets.shelf import SHELF, put_on_shelf

_HERE = Path(__file__).parent
MakeRecord = Callable[[str], Mapping[str, str]]
RETIRED = "Only the newest panels keep their buttons. client().feedback(…) judges older answers too."


def _file(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


STYLE = _file("panel.css")
LOADER = _file("loader.js")
CODE = _file("panel.bundle.js")
REMEMBERED_ACTIONS = 20
FOLLOWED_ANSWERS = 20
"""Answers of one panel whose judgements it still shows."""

NO_RECORD: Mapping[str, str] = {"text/html": "<div></div>", "text/plain": ""}
AT_ONCE = ("run", "stop", "draft")
"""Actions that wait for no judgement."""


class Panel(anywidget.AnyWidget):
    """A page's panel. Traits hold only what may be saved: no key, no client, nothing that the user did not see.

    Each answer that it shows is a channel with a number. `many`: whether it shows several at once; else a newer one takes
    the place of the one before.
    """

    many = False

    _esm = LOADER
    _css = STYLE
    code = traitlets.Unicode(CODE).tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)
    live = traitlets.Unicode().tag(sync=True)

    def __init__(self, kind: str = "") -> None:
        """`kind` is what page/main.js draws: "answer" or "composer"."""
        super().__init__(live=uuid.uuid4().hex, kind=kind)
        self._record: MakeRecord | None = None
        self._adopts = False
        self._page_places = False
        self._has_ended = False
        self._recorded = threading.Event()
        self._closed = False
        self._ties: list[Callable[[], None]] = []
        self._followed: dict[int, Callable[[], None]] = {}
        self._handled: deque[Any] = deque(maxlen=REMEMBERED_ACTIONS)
        self._context = quiet_context()
        self._feed = StreamFeed(lambda message: self.send(message), self._context)
        self._in_order = InOrder(self._context)
        self.on_msg(self._receive)

    def show(self, record: MakeRecord, idle: str) -> None:
        """Display the panel in the running cell. `record(live)` is the mime bundle that is to stay in the notebook.

        `idle` is what a reader finds where there is no record yet and no kernel any more.
        """
        from IPython.display import display

        self._record = record
        display(self, display_id=self._panel_id)
        display(idle_bundle(idle), raw=True, display_id=self._record_id)
        free_replies(self)
        put_on_shelf(self, self.live)

    def can_retire(self) -> bool:
        """Whether nothing is going on in it. A subclass that can be busy without an answer says so."""
        return self._has_ended and self._all_ended()

    def retire(self) -> None:
        """Leave the record in the notebook, without buttons and with a word about them, and close."""
        OUTBOX.put((self.live, "retire"), self._context, self._retire)

    def _retire(self) -> None:
        if self._record is not None and not self._closed:
            bundle = noted(self._record(""), RETIRED)
            publish(self._panel_id if self._adopts else self._record_id, bundle)
            if self._page_places:
                self._send_record(bundle)
        self.close()

    def close(self) -> None:
        """Let go of the page and of the answer; the record stays."""
        self._closed = True
        self.release()
        self._feed.leave()
        self.layout.close()  # a widget of its own, which ipywidgets would keep
        super().close()

    def release(self) -> None:
        """End what keeps the panel alive from elsewhere. A subclass adds its own."""
        for end in [*self._ties, *self._followed.values()]:
            end()
        self._ties.clear()
        self._followed.clear()

    @property
    def _panel_id(self) -> str:
        return f"tensorzero-{self.live}"

    @property
    def _record_id(self) -> str:
        return f"tensorzero-record-{self.live}"

    def shown(self) -> dict[str, Any]:
        """The `view` trait: all but the text."""
        raise TypeError("a Panel says what it shows")

    def act(self, action: str, values: Mapping[str, Any]) -> None:
        """What the user did. Runs in a thread, so it may wait."""
        raise TypeError("a Panel says what its actions do")

    def follow(self, answer: AnswerView, channel: int) -> None:
        """Stream `answer` to the page as its answer number `channel`; numbers rise."""
        self._followed[channel] = answer.subscribe(self._changed)
        if len(self._followed) > FOLLOWED_ANSWERS and not self.many:
            self._followed.pop(min(self._followed))()
        self._recorded.clear()
        for number in [] if self.many else self._feed.answers():
            self._feed.drop(number)
        self._feed.follow(channel, answer, self._end)
        self._feed.start()

    def _all_ended(self) -> bool:
        return all(answer.ended for answer in self._feed.answers().values())

    def refresh(self) -> None:
        """Have the `view` trait made anew and sent."""
        self._soon("view", self._refresh)

    def _soon(self, what: str, work: Callable[[], None]) -> None:
        OUTBOX.put((self.live, what), self._context, work)

    def _refresh(self) -> None:
        if not self._closed:
            self.view = self.shown() | {"handled": list(self._handled), "model_id": self.model_id}

    def _changed(self, event: str) -> None:
        if event != "text":
            self.refresh()
        if event == "judgement":
            self._soon("record", self._place_record)

    def _end(self) -> None:
        self._has_ended = True
        self._soon("end", self._tell_end)

    def _tell_end(self) -> None:
        """The snapshot is for a page that has only the traits: it is made when all is there, not with each of many ends."""
        if not self._all_ended():
            return
        if not self._closed:
            self.snapshot = {"channels": [_snapshot(number, answer) for number, answer in self._feed.answers().items()]}
        self._move_record()
        self._recorded.set()

    def _place_record(self) -> None:
        """Put the record where the file keeps it: in the panel's place if the page can carry on there, else under it."""
        if self._record is not None and self._has_ended and not self._closed:
            bundle = self._record(self.live if self._adopts else "")
            publish(self._panel_id if self._adopts else self._record_id, bundle)
            if self._page_places:
                self._send_record(bundle)

    def _send_record(self, bundle: Mapping[str, str]) -> None:
        """To a page that does not know where the displayed output is."""
        message = {"model_id": self.model_id, "live": self.live, "bundle": dict(bundle), "idle": dict(NO_RECORD)}
        self.send({"kind": "record", **message})

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        channel, length = _number(content.get("channel")), _number(content.get("length"))
        match content.get("kind"):
            case "mount":
                self._mounted(content)
            case "have":
                self._feed.resend_one(channel, length)
            case "ack":
                self._feed.acknowledge(channel, length)
            case "again":
                self._soon("again", self._send_again)
            case "places":
                self._page_places = True
            case "look":
                self.looked_at()
            case "act":
                self._take_action(content)
            case _:
                pass

    def looked_at(self) -> None:
        """The reader came to the panel."""

    def _mounted(self, content: Mapping[str, Any]) -> None:
        self._page_places = self._page_places or bool(content.get("places"))
        if content.get("adopts") and not self._adopts:
            self._adopts = True
            self._soon("adopted", self._move_record)
        have = content.get("have")
        self._feed.resend({_number(number): _number(length) for number, length in have} if isinstance(have, list) else {})

    def _move_record(self) -> None:
        if self._has_ended:
            if self._adopts:
                publish(self._record_id, NO_RECORD)
            self._place_record()

    def _send_again(self) -> None:
        """The page misses something: a server or a kernel under load drops messages without a word."""
        self._refresh()
        self.send_state("view")
        self._place_record()
        if self._record is not None and self._has_ended and self._adopts and not self._page_places:
            self._send_record(self._record(self.live))

    def _take_action(self, content: Mapping[str, Any]) -> None:
        """Judgements one after another, in the order of the clicks; anything else at once, whatever they wait for."""
        action = str(content.get("action"))
        SHELF.used(self.live)
        values = {name: value for name, value in content.items() if name not in ("kind", "action", "number")}

        def work() -> None:
            try:
                self.act(action, values)
            finally:
                self._handled.append(content.get("number"))
                self.refresh()

        if action in AT_ONCE:
            in_thread(self._context, work)
        else:
            self._in_order.put(work)


def idle_bundle(text: str) -> dict[str, str]:
    """Shown until there is a record; panel.css hides it beside a panel that lives."""
    return {"text/html": f'<div class="tensorzero-idle">{text}</div>', "text/plain": text}


def publish(display_id: str, bundle: Mapping[str, str]) -> None:
    """Replace what is displayed under `display_id`."""
    from IPython.display import display

    display(dict(bundle), raw=True, display_id=display_id, update=True)


def quiet_context() -> contextvars.Context:
    """A context whose messages belong to no cell.

    ipykernel answers a comm where its last message came from; a message with a cell as its parent would tie the
    panel's clicks to the main thread, where they wait for the running cell. Where ipykernel has no such variable, they wait.
    """
    context = contextvars.copy_context()

    def forget_parent() -> None:
        with contextlib.suppress(Exception):
            from ipykernel.kernelbase import Kernel

            if Kernel.initialized():
                Kernel.instance()._shell_parent.set({})  # pyright: ignore[reportPrivateUsage] - no public way

    context.run(forget_parent)
    return context


def free_replies(widget: Any) -> None:
    """Let the page's messages run in the subshell they were sent to (see `quiet_context`)."""
    with contextlib.suppress(AttributeError):
        del widget.comm._reply_subshell_id


def _snapshot(channel: int, answer: AnswerView) -> dict[str, Any]:
    marks = [[mark.start, mark.kind, mark.label] for mark in answer.marks]
    return {"channel": channel, "text": hide_keys(answer.text), "marks": marks}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
