"""The composer without its looks: what can be chosen, what was composed, the run, and the answers.

It knows the notebook's session only through `ComposerSession`, so tests give it a double.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tensorzero_notebook.errors import message_of
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.metrics import Metric
from tensorzero_notebook.views.run import AnswerRun, OpenStream, asynchronous
from tensorzero_notebook.views.schema_form import Field, FormError, arguments, fields

KEPT_ANSWERS = 20
"""Answers of one composer that stay in its record."""

PARAMETERS: tuple[Field, ...] = (
    Field("temperature", "number", "Temperature"),
    Field("max_tokens", "integer", "Max tokens"),
    Field("top_p", "number", "Top p"),
    Field("seed", "integer", "Seed"),
    Field("presence_penalty", "number", "Presence penalty"),
    Field("frequency_penalty", "number", "Frequency penalty"),
    Field("stop_sequences", "json", "Stop sequences", description='JSON: ["END"]'),
)


@dataclass(frozen=True, slots=True)
class FunctionChoice:
    """A function one can ask. `schemas`: template name to JSON schema (`system`, `user`, `assistant` and named ones)."""

    name: str
    variants: tuple[str, ...] = ()
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class ComposerSession(Protocol):
    """What the composer asks of a notebook's session.

    One that has `when_changed(listener)` calls the bound method, weakly held, whenever another configuration is in use.
    """

    client: Any
    """A `TensorZeroGateway`."""

    def reload(self) -> str | None:
        """Load a changed configuration, and return what there is to say of it."""
        ...

    def metrics(self) -> Sequence[Metric]: ...

    def function_choices(self) -> Sequence[FunctionChoice]: ...

    def models(self) -> Sequence[str]: ...

    def remember(self, response: Any) -> None:
        """Put the response where the user's code finds it."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Composed:
    """What the user composed. A `function_name` or a `model_name`; `arguments`: template name to typed boxes."""

    function_name: str = ""
    model_name: str = ""
    variant_name: str = ""
    system: str = ""
    turns: tuple[Turn, ...] = ()
    template: str = ""
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_page(cls, form: Mapping[str, Any]) -> Composed:
        """The page's form; anything missing or of another shape is empty."""
        turns = tuple(
            Turn(_role(turn), str(turn.get("text", ""))) for turn in _list(form.get("turns")) if isinstance(turn, Mapping)
        )
        texts = {key: str(form.get(key) or "") for key in ("function_name", "model_name", "variant_name", "system", "template")}
        given = {name: part for name, part in _mapping(form.get("arguments")).items() if isinstance(part, Mapping)}
        return cls(turns=turns, arguments=given, parameters=_mapping(form.get("parameters")), **texts)


class ComposerView:
    """Choices, the running answer and the earlier ones. Safe to use from any thread."""

    def __init__(
        self, session: ComposerSession, open_stream: OpenStream | None = None, first: Mapping[str, str] | None = None
    ) -> None:
        """`open_stream`: `AsyncTensorZeroGateway.inference`; else that of the session's client at each run.

        `first`: what the form begins with: `function`, `variant`, `model`, `system`, `prompt`.
        """
        self._session = session
        self._first = dict(first or {})
        self._open_stream = open_stream
        self._lock = threading.RLock()
        self._run: AnswerRun | None = None
        self._subscribers: list[Callable[[], None]] = []
        self.answers: list[AnswerView] = []
        self.problem = ""
        self.notice = ""
        """What happened to the configuration since the last run."""
        when_changed = getattr(session, "when_changed", None)
        if when_changed is not None:
            when_changed(self._tell)

    @property
    def answer(self) -> AnswerView | None:
        return self.answers[-1] if self.answers else None

    @property
    def running(self) -> bool:
        return self.answer is not None and not self.answer.ended

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when a run begins or is refused, or the choices change. An answer's own changes come from the answer.

        Returns the way to end that.
        """
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def _tell(self) -> None:
        for callback in tuple(self._subscribers):
            callback()

    def choices(self) -> dict[str, Any]:
        """What the page offers, read anew each time: the configuration may have changed."""
        self._look()
        return {
            "functions": [
                {
                    "name": choice.name,
                    "variants": list(choice.variants),
                    "templates": {name: _form(schema) for name, schema in choice.schemas.items()},
                }
                for choice in self._session.function_choices()
            ],
            "models": list(self._session.models()),
            "first": self._first,
            "parameters": [parameter.shown() for parameter in PARAMETERS],
        }

    def run(self, composed: Composed) -> AnswerView | None:
        """Start a run in a thread. None when the form does not fit; `problem` says why. One at a time."""
        with self._lock:
            if self.running:
                return None
            answer = None
            self.notice = ""
            try:
                self._look()
                answer = self._begin(composed, self.request(composed))
                self.problem = ""
            except FormError as error:
                self.problem = str(error)
            except Exception as error:  # noqa: BLE001 - whatever went wrong is told beside the button
                self.problem = message_of(error)
        self._tell()
        return answer

    def stop(self) -> None:
        """Stop the running answer. What came is kept and stored; before the first token there is nothing to keep."""
        if self._run is not None:
            self._run.stop()

    def request(self, composed: Composed) -> dict[str, Any]:
        """The arguments of `client.inference`. Raises `FormError`."""
        schemas = self._schemas(composed.function_name)
        request: dict[str, Any] = {"input": _input(composed, schemas), "stream": True}
        if composed.function_name:
            request["function_name"] = composed.function_name
            if composed.variant_name:
                request["variant_name"] = composed.variant_name
        elif composed.model_name:
            request["model_name"] = composed.model_name
        else:
            raise FormError(["Choose a function or a model."])
        parameters = arguments(PARAMETERS, composed.parameters)
        if parameters:
            request["params"] = {"chat_completion": parameters}
        return request

    def _look(self) -> None:
        told = self._session.reload()
        if told is not None:
            self.notice = told

    def _schemas(self, function_name: str) -> Mapping[str, Mapping[str, Any]]:
        for choice in self._session.function_choices():
            if choice.name == function_name:
                return choice.schemas
        return {}

    def _begin(self, composed: Composed, request: dict[str, Any]) -> AnswerView:
        answer = AnswerView(
            send_feedback=self._session.client.feedback,
            metrics=self._session.metrics(),
            source=composed.function_name or composed.model_name,
            prompt=_prompt_text(request["input"]),
        )
        self.answers = [*self.answers, answer][-KEPT_ANSWERS:]
        open_stream = self._open_stream or asynchronous(self._session.client).inference
        self._run = AnswerRun(open_stream, request, answer, self._session.remember)
        self._run.start()
        return answer


def _input(composed: Composed, schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {"messages": []}
    if "system" in schemas:
        result["system"] = _arguments("system", composed, schemas)
    elif composed.system.strip():
        result["system"] = composed.system
    result["messages"] = [
        {"role": turn.role, "content": [{"type": "text", "text": turn.text}]} for turn in composed.turns if turn.text.strip()
    ]
    if composed.template:
        content = {"type": "template", "name": composed.template, "arguments": _arguments(composed.template, composed, schemas)}
        role = "assistant" if composed.template == "assistant" else "user"
        result["messages"].append({"role": role, "content": [content]})
    if not result["messages"] and "system" not in schemas:
        raise FormError(["Prompt: is empty"])
    return result


def _arguments(template: str, composed: Composed, schemas: Mapping[str, Mapping[str, Any]]) -> Any:
    schema = schemas.get(template, {})
    typed = composed.arguments.get(template, {})
    form = fields(schema)
    if form is not None:
        return arguments(form, typed)
    return arguments([_WHOLE], typed).get(_WHOLE.name, {})


_WHOLE = Field("arguments", "json", "Arguments", description="A JSON object")


def _form(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    form = fields(schema)
    return [entry.shown() for entry in ([_WHOLE] if form is None else form)]


def _prompt_text(given: Mapping[str, Any]) -> str:
    """The input as a person reads it, for the record."""
    parts: list[str] = []
    if given.get("system"):
        parts.append(f"system: {_shown(given['system'])}")
    for message in given["messages"]:
        texts = [_shown(block.get("text", block.get("arguments"))) for block in message["content"]]
        parts.append(f"{message['role']}: " + "\n".join(texts))
    if len(parts) == 1 and parts[0].startswith("user: "):
        return parts[0].removeprefix("user: ")
    return "\n".join(parts)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {part}" for name, part in value.items())
    return str(value)


def _role(turn: Mapping[str, Any]) -> str:
    return "assistant" if turn.get("role") == "assistant" else "user"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
