"""`%load_ext` and `%unload_ext`: what is put into a shell, and taken out again."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from tensorzero_notebook import display, errors, keys
from tensorzero_notebook.completion import completions
from tensorzero_notebook.magics import TensorZeroMagics
from tensorzero_notebook.session import Session, set_session, start_session

LINES = ("%tensorzero ", "%%tensorzero ", "%%tensorzero_variant ")
MAGIC_NAMES = (("line", "tensorzero"), ("cell", "tensorzero"), ("cell", "tensorzero_variant"))


@dataclass(eq=False, slots=True)
class Loaded:
    """What one shell has of ours."""

    session: Session
    hooks: Hooks


class Hooks:
    """What Tab offers; and before every cell, a changed configuration is loaded and a key in the cell is warned of."""

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

    @context_matcher(identifier="tensorzero")  # pyright: ignore[reportUntypedFunctionDecorator] - IPython has no types
    def complete(self, context: Any) -> dict[str, Any]:
        """An IPython matcher. In a line of ours nothing but ours is offered: it is no Python."""
        line = context.text_until_cursor
        word = line.rpartition(" ")[2]
        if word == line or not line.lstrip().startswith(LINES if context.cursor_line == 0 else LINES[:1]):
            return {"completions": []}
        names = [SimpleCompletion(name, type="tensorzero") for name in completions(self._session, line, word)]
        return {"completions": names, "matched_fragment": word, "suppress": True, "ordered": True}


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
    shell.Completer.custom_matchers.append(hooks.complete)
    display.install(shell)
    _loaded[id(shell)] = Loaded(session, hooks)
    print(greeting(session))


def unload(shell: Any) -> None:
    loaded = _loaded.pop(id(shell), None)
    if loaded is None:
        return
    shell.events.unregister("pre_run_cell", loaded.hooks.before_cell)
    shell.Completer.custom_matchers.remove(loaded.hooks.complete)
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
    config = _short(settings.config_file) if settings.config_file else "no tensorzero.toml (metrics thumbs_up and rating)"
    database = _short(settings.folder / "db") if settings.own_database else "the database of TENSORZERO_CLICKHOUSE_URL"
    return f"tensorzero: embedded gateway; configuration: {config}; database: {database}"


def _short(path: Path) -> str:
    """Relative, where it lies in the working directory."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
