"""`%load_ext` and `%unload_ext`: what is put into a shell, and taken out again."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from tensorzero_notebook import display, errors, keys
from tensorzero_notebook.completion import completions
from tensorzero_notebook.magics import TensorZeroMagics
from tensorzero_notebook.session import Session, set_session, start_session

MAGIC_NAMES = (("line", "tensorzero"), ("cell", "tensorzero"), ("cell", "tensorzero_variant"))


@dataclass(eq=False, slots=True)
class Loaded:
    """What one shell has of ours."""

    session: Session
    hooks: Hooks


class Hooks:
    """Before every cell: a changed configuration is loaded, and a key in the cell is warned of."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def before_cell(self, info: Any) -> None:
        variable = keys.contains_known_key(info.raw_cell or "")
        if variable is not None:
            print(
                f"tensorzero: this cell contains the value of {variable}, and a notebook keeps its cells. "
                "Take it out; %tensorzero key PROVIDER asks for it unseen.",
                file=sys.stderr,
            )
        self._session.refresh()

    def complete(self, _shell: Any, event: Any) -> list[str]:
        """IPython's word starts behind signs such as `=` and `:`, ours behind a space: give it the ends of ours."""
        line = getattr(event, "text_until_cursor", event.line)
        word = line.rpartition(" ")[2]
        behind = max(0, len(word) - len(event.symbol))
        return [name[behind:] for name in completions(self._session, line, word)]


_loaded: dict[int, Loaded] = {}


def load(shell: Any) -> None:
    """Errors are shown in one line from the first on, so that a mistake in the configuration is no stack of ours."""
    errors.install(shell)
    if id(shell) in _loaded:
        unload(shell)
        errors.install(shell)
    session = start_session(namespace=shell.user_ns)
    hooks = Hooks(session)
    shell.register_magics(TensorZeroMagics(shell, session))
    shell.events.register("pre_run_cell", hooks.before_cell)
    for key in ("%tensorzero", "%%tensorzero", "%%tensorzero_variant"):
        shell.set_hook("complete_command", hooks.complete, str_key=key)
    display.install(shell)
    _loaded[id(shell)] = Loaded(session, hooks)
    print(greeting(session))


def unload(shell: Any) -> None:
    loaded = _loaded.pop(id(shell), None)
    if loaded is None:
        return
    shell.events.unregister("pre_run_cell", loaded.hooks.before_cell)
    for kind, name in MAGIC_NAMES:
        shell.magics_manager.magics[kind].pop(name, None)
    display.uninstall(shell)
    errors.uninstall(shell)
    loaded.session.close()
    set_session(None)


def greeting(session: Session) -> str:
    """One line: the configuration, the database, what can be judged."""
    settings = session.settings
    assert settings is not None
    config = str(settings.config_file) if settings.config_file else "no tensorzero.toml (metrics thumbs_up and rating)"
    database = str(settings.folder / "db") if settings.own_database else "the database of TENSORZERO_CLICKHOUSE_URL"
    return f"tensorzero: embedded gateway; configuration: {config}; database: {database}"
