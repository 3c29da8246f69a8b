"""What a notebook holds: its gateway, its database, what is asked by default, and the last conversation.

Plain Python: no IPython here, so that a test or a script can have a session too.

    session = start_session()              # what `%load_ext tensorzero_notebook` does
    session.client.inference(...)          # a TensorZeroGateway
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorzero.printing import say
from tensorzero_notebook.errors import UserError, add_hint, briefly
from tensorzero_notebook.nearest import did_you_mean
from tensorzero_notebook.placeholders import Filled, Names, fill_in, names_of
from tensorzero_notebook.prompt_cell import OUT_NAME, PromptOptions, system_of, user_message
from tensorzero_notebook.settings import (
    ELSEWHERE,
    SPOOL_ELSEWHERE,
    Settings,
    appeared_config,
    find_settings,
    make_folder,
    told_missing_metrics,
    unwritable,
    working_directory,
    write_default,
)
from tensorzero_notebook.views.answer import AnswerView
from tensorzero_notebook.views.composer import FunctionChoice
from tensorzero_notebook.views.judged import listen
from tensorzero_notebook.views.listeners import Listeners
from tensorzero_notebook.views.metrics import METRIC_EXAMPLE, Metric
from tensorzero_notebook.views.run import AnswerRun, asynchronous

if TYPE_CHECKING:
    from tensorzero.clickhouse.database import Database
    from tensorzero.gateway.config.sections import Config

DEFAULT_FUNCTION = "tensorzero::default"
_current: Session | None = None
_open: Callable[[], Session] | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a prompt asks where its own line says nothing."""

    function: str | None = None
    variant: str | None = None
    model: str | None = None
    episode: str | None = None

    def used(self, chosen: Mapping[str, str | None]) -> Defaults:
        """With these changed. A model puts the function away, and the other way round; another function its variant too."""
        changed = replace(self, **chosen)
        if chosen.get("model"):
            changed = replace(changed, function=None, variant=None)
        elif chosen.get("function"):
            variant = chosen.get("variant") if "variant" in chosen or chosen["function"] != self.function else self.variant
            changed = replace(changed, model=None, variant=variant)
        return changed


@dataclass(slots=True)
class Conversation:
    """What `--continue` goes on with."""

    system: Any = None
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    episode_id: str | None = None


class Session:
    """One embedded gateway and its database. `client` stays the same object when the configuration is loaded anew."""

    def __init__(
        self,
        client: Any,
        settings: Settings | None = None,
        namespace: MutableMapping[str, Any] | None = None,
        hidden: Mapping[str, Any] | None = None,
    ) -> None:
        """`client`: a `TensorZeroGateway`. `namespace`: where the user's code finds the last response, and prompts their
        names. `hidden`: what is in it that is not the user's (IPython's `user_ns_hidden`)."""
        self.client = client
        self.settings = settings
        self.namespace: MutableMapping[str, Any] = {} if namespace is None else namespace
        self.hidden: Mapping[str, Any] = {} if hidden is None else hidden
        self.defaults = Defaults()
        if settings is not None:
            self.defaults = Defaults(settings.function, settings.variant, settings.model)
        self.conversation = Conversation()
        self.last: Any = None
        self.say: Callable[[str], None] = say
        self._lock = threading.RLock()
        self._watch: Any = None
        self._on_own_config = settings is not None and settings.config_file is None
        self._changed = Listeners()
        listen()

    @property
    def database(self) -> Database | None:
        """The gateway's own; None where nothing is stored, or where the client talks to a server."""
        from tensorzero.clients.embedded_transport import database_of

        try:
            return database_of(self.client)
        except TypeError:
            return None

    @property
    def config(self) -> Config | None:
        """None where the client talks to a server."""
        from tensorzero.clients.embedded_transport import config_of

        try:
            return config_of(self.client)
        except TypeError:
            return None

    def watch(self, pattern: str) -> None:
        """From now on `refresh` looks at the files behind this configuration."""
        from tensorzero_notebook.reload import ConfigWatch

        if self.config is not None:
            self._watch = ConfigWatch(pattern, self.config)

    def refresh(self) -> None:
        """Load the configuration anew if a file of it changed, and say so. Calls in flight keep the old one."""
        told = self.reload()
        if told is not None:
            self.say(f"tensorzero: {told}")

    def reload(self) -> str | None:
        """`refresh` without a word: returns what there is to say."""
        with self._lock:
            self._look_for_config()
            reloaded = None if self._watch is None else self._watch.reload()
            if reloaded is None:
                return None
            told = [reloaded.message]
            if reloaded.config is not None:
                told.append(self._take(reloaded.config))
                if self._on_own_config and self.settings is not None and self.settings.config_file is not None:
                    self._on_own_config = False
                    told.append(told_missing_metrics(reloaded.config.metrics))
        return "\n".join(filter(None, told))

    def _look_for_config(self) -> None:
        """From the first `tensorzero.toml` on, that is the configuration, not the notebook's own."""
        from tensorzero_notebook.reload import ConfigWatch

        if self._watch is None or self.settings is None:
            return
        appeared = appeared_config(self.settings)
        if appeared is not None:
            self.settings = replace(self.settings, config_file=appeared)
            self._watch = ConfigWatch(config_pattern(self.settings), None)

    def _take(self, config: Config) -> str:
        """Put a new gateway behind the same client, on the same database. Returns what that changes, in words."""
        from tensorzero.clients.embedded_transport import gateway_of
        from tensorzero.gateway.opening import gateway_on, note_configuration
        from tensorzero_notebook.frames.versions import told_changes

        before = gateway_of(self.client)
        told = told_changes(before.config, config, before.database)
        gateway = gateway_on(config, before.database)
        if before.database is not None:
            note_configuration(before.database, config)
        self.client._transport.gateway = gateway
        self._changed.tell()
        return told

    def when_changed(self, listener: Callable[[], None]) -> None:
        """Call the bound method, weakly held, whenever another configuration is in use."""
        self._changed.add(listener)

    def load_variants(self) -> None:
        """Load the configuration with the variants made in cells. Raises `ConfigError`; the old one stays then."""
        from tensorzero.gateway.config.loading import load_config

        if self.settings is None:
            return
        pattern = config_pattern(self.settings)
        told = self._take(load_config(pattern))
        self.watch(pattern)
        if told:
            self.say(f"tensorzero: {told}")

    # What there is

    def functions(self) -> list[str]:
        """The functions of the configuration, by name."""
        return [name for name in (self.config.functions if self.config else ()) if not name.startswith("tensorzero::")]

    def variants(self, function: str | None = None) -> list[str]:
        """Of one function, or of all."""
        config = self.config
        if config is None:
            return []
        names = [function] if function else self.functions()
        return sorted({variant for name in names if name in config.functions for variant in config.functions[name].variants})

    def models(self) -> list[str]:
        """Configured ones, running local ones, and those the session has used."""
        return [name for name, _ in self.told_models()]

    def told_models(self) -> list[tuple[str, str]]:
        """(name, what it is) of `models`."""
        from tensorzero_notebook.local import running_models

        configured = [name for name in (self.config.models if self.config else ()) if not name.startswith("tensorzero::")]
        told = dict.fromkeys(configured, "configured") | dict.fromkeys(running_models(), "runs on this machine")
        if self.defaults.model:
            told.setdefault(self.defaults.model, "by its short name")
        told.setdefault("dummy::good", "answers at once, always the same")
        return list(told.items())

    def metrics(self) -> list[Metric]:
        """The metrics of the configuration."""
        configured = self.config.metrics if self.config else {}
        return [
            Metric(name, metric.type, metric.level, metric.optimize, metric.description) for name, metric in configured.items()
        ]

    def function_choices(self) -> list[FunctionChoice]:
        """What the composer offers."""
        config = self.config
        if config is None:
            return []
        return [
            FunctionChoice(
                name,
                tuple(config.functions[name].variants),
                {key: schema.value for key, schema in config.functions[name].schemas.items()},
            )
            for name in self.functions()
        ]

    # What is asked

    def use(self, chosen: Mapping[str, str | None]) -> None:
        """Change the defaults. Raises `UserError` for a function or variant that is not there."""
        changed = self.defaults.used(chosen)
        self.check_function(changed.function, changed.variant)
        self.defaults = changed

    def using(self) -> str:
        """The defaults in words."""
        named = [(name, getattr(self.defaults, name)) for name in ("function", "variant", "model", "episode")]
        return "prompts ask " + (", ".join(f"{name} {value}" for name, value in named if value) or "what their own line says")

    def check_function(self, function: str | None, variant: str | None) -> None:
        """Raises `UserError`, with the nearest right name, for a function or variant that is not there."""
        config = self.config
        if function is None or config is None:
            return
        if function not in config.functions:
            raise UserError(f"There is no function {function}.", hint=_there_are("functions", function, self.functions()))
        if variant is not None and variant not in (names := self.variants(function)):
            raise UserError(f"{function} has no variant {variant}.", hint=_there_are("variants", variant, names))

    def remember(self, response: Any, name: str = OUT_NAME) -> None:
        """Keep the last response, also under `name` in the user's namespace."""
        self.last = response
        self.namespace[OUT_NAME] = response
        self.namespace[name] = response

    def names(self) -> Names:
        """What `{name}` in a prompt may stand for: the user's own names."""
        return names_of(self.namespace, self.hidden)

    def request(self, options: PromptOptions, cell: str) -> dict[str, Any]:
        """The arguments of `client.inference` for a prompt cell; what was filled in is said. Raises `UserError`."""
        self.refresh()
        chosen = {name: value for name in ("function", "variant", "model") if (value := getattr(options, name))}
        target = self.defaults.used(chosen)
        if target.function is None and target.model is None:
            raise UserError(
                "Which function or model?", hint="%%tensorzero --model dummy::good, or once for all: %tensorzero use model=…"
            )
        self.check_function(target.function, target.variant)
        filled = (fill_in(cell, self.names()) if options.fill else Filled(cell)).after(options.filled)
        text = filled.text.strip("\n")
        if not text.strip():
            raise UserError("The prompt is empty.")
        config = self.config
        configured = config.functions.get(target.function) if config and target.function else None
        schemas = configured.schemas if configured else {}
        system = system_of(options.system, schemas.get("system"))
        messages = [user_message(text, schemas.get("user"))]
        episode = options.episode or target.episode
        if options.continues:
            system = self.conversation.system if system is None else system
            messages = [*self.conversation.messages, *messages]
            episode = episode or self.conversation.episode_id
        request: dict[str, Any] = {"input": {"messages": messages} | ({} if system is None else {"system": system})}
        named = {
            "function_name": target.function,
            "variant_name": target.variant,
            "model_name": target.model,
            "episode_id": episode,
        }
        request |= {name: value for name, value in named.items() if value is not None}
        if options.tags:
            request["tags"] = dict(options.tags)
        told = filled.told()
        if told is not None:
            self.say(f"tensorzero: {told}")
        return request

    def answer_view(self, request: Mapping[str, Any]) -> AnswerView:
        """An empty answer for the request, which can be judged once it is there. What it fails with, the cell raises."""
        shown = [block.get("text", block.get("arguments")) for block in request["input"]["messages"][-1]["content"]]
        return AnswerView(
            send_feedback=self.client.feedback,
            metrics=self.metrics(),
            source=request.get("function_name") or request.get("model_name") or "",
            prompt="\n".join(str(part) for part in shown),
            raises=True,
        )

    def run_of(self, request: Mapping[str, Any], answer: AnswerView, out: str = OUT_NAME) -> AnswerRun:
        """A run, yet to be started, that streams into `answer`. The response, whole or stopped, is kept before the answer ends.

        A stop keeps what came, stored with the tag `stopped=true`; it also ends the wait for a model that says nothing.
        """

        def keep(response: Any) -> None:
            self.remember(response, out)
            self._note(request, response)

        return AnswerRun(asynchronous(self.client).inference, {**request, "stream": True}, answer, keep)

    def _note(self, request: Mapping[str, Any], response: Any) -> None:
        """The conversation as far as it went."""
        blocks: list[dict[str, Any]] = [
            {"type": "text", "text": block.text}
            for block in getattr(response, "content", ())
            if block.type == "text" and block.text
        ]
        output = getattr(response, "output", None)
        if output is not None and output.raw:
            blocks = [{"type": "text", "text": output.raw}]
        messages = list(request["input"]["messages"])
        if blocks:
            messages.append({"role": "assistant", "content": blocks})
        self.conversation = Conversation(request["input"].get("system"), messages, str(response.episode_id))

    # What is said

    def status(self) -> list[tuple[str, str]]:
        """(name, value) of what is in use. No key, no password."""
        settings, database = self.settings, self.database
        config_file = settings.config_file if settings is not None else None
        lines = [
            ("configuration", str(config_file) if config_file else "none: metrics thumbs_up and rating, models by short name"),
            ("database", "none: nothing is stored"),
        ]
        if database is not None:
            state = database.status()
            lines[1] = ("database", str(state.get("database", "")))
            told = {"pending_rows": "waiting rows", "refused_rows": "refused rows", "last_error": "last error"}
            lines += [(told[name], str(value)) for name, value in state.items() if name in told and value]
        lines += [(name, str(getattr(self.defaults, name) or "-")) for name in ("function", "variant", "model", "episode")]
        from tensorzero_notebook.keys import known_variables

        lines.append(("keys", ", ".join(known_variables()) or "none"))
        return lines

    def metric_help(self) -> str:
        """What to add where the configuration has no metrics."""
        return f"The configuration has no metrics. Add for example:\n\n{METRIC_EXAMPLE}"

    def close(self) -> None:
        """Write what waits. The session stays usable."""
        self.client.close()


@briefly
def start_session(
    directory: Path | None = None,
    namespace: MutableMapping[str, Any] | None = None,
    hidden: Mapping[str, Any] | None = None,
) -> Session:
    """Find the configuration and open the database: the one in `.tensorzero/`, unless another is named.

    Raises `UserError` and the rooms' own errors.

    The session becomes the current one; one that was there is closed.
    """
    global _current
    try:
        settings = find_settings(working_directory() if directory is None else directory)
        if settings.own_database:
            make_folder(settings.folder)
        pattern = config_pattern(settings)
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}.") from error
    if _current is not None:
        _current.close()
        _current = None
    from tensorzero import TensorZeroGateway

    try:
        client = TensorZeroGateway.build_embedded(config_file=pattern, clickhouse_url=settings.clickhouse_url)
    except Exception as error:
        own = settings.own_database
        if isinstance(error, OSError):
            raise unwritable(settings.folder, error, ELSEWHERE if own else SPOOL_ELSEWHERE) from error
        if own and _is_database_failure(error):
            add_hint(error, ELSEWHERE)
        raise
    session = Session(client, settings, namespace, hidden)
    session.watch(pattern)
    _current = session
    return session


def _is_database_failure(error: Exception) -> bool:
    from tensorzero.gateway.errors import ConfigError, GatewayError

    return isinstance(error.__cause__, GatewayError) and not isinstance(error.__cause__, ConfigError)


def config_pattern(settings: Settings) -> str:
    """The configuration as `config_file`: the user's own or ours, and the variants made in cells."""
    from tensorzero.gateway.config.globs import escaped

    if settings.own_database and settings.config_file is None:
        write_default(settings)
    if settings.variants_folder.is_dir() and any(settings.variants_folder.glob("*.toml")):
        return f"{{{settings.base_pattern},{escaped(settings.variants_folder.as_posix())}/*.toml}}"
    return settings.base_pattern


@briefly
def current_session() -> Session:
    """Raises `UserError` where there is none, and what keeps an extension's session from being opened."""
    if _current is None and _open is not None:
        return _open()
    if _current is None:
        raise UserError("There is no session.", hint="%load_ext tensorzero_notebook")
    return _current


def set_session(session: Session | None) -> None:
    """Make a session the current one, as `start_session` does."""
    global _current
    _current = session


def set_opening(opening: Callable[[], Session] | None) -> None:
    """How `current_session` opens a session where there is none yet."""
    global _open
    _open = opening


def _there_are(what: str, wrong: str, names: Sequence[str]) -> str:
    if not names:
        return f"The configuration has no {what}."
    return f"{did_you_mean(wrong, names)}There are the {what} {', '.join(names)}."
