"""`%load_ext` and `%unload_ext`: what is put into a shell, and taken out again."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from tensorzero.printing import say
from tensorzero_notebook import display, errors, keys
from tensorzero_notebook.completion import completions
from tensorzero_notebook.magics import TensorZeroMagics
from tensorzero_notebook.session import Session, set_opening, set_session, start_session
from tensorzero_notebook.settings import told_missing_metrics

LINES = ("%tensorzero ", "%%tensorzero ", "%%tensorzero_variant ")
MAGIC_NAMES = (("line", "tensorzero"), ("cell", "tensorzero"), ("cell", "tensorzero_variant"))


class Opening:
    """The session of one shell, opened when it first can be: a configuration with mistakes is mended while the magics wait."""

    def __init__(self, shell: Any) -> None:
        self._namespace = shell.user_ns
        self._hidden = shell.user_ns_hidden
        self.session: Session | None = None

    def __call__(self) -> Session:
        """The session. Raises what keeps it from being opened."""
        if self.session is None:
            self.session = start_session(namespace=self._namespace, hidden=self._hidden)
            say(greeting(self.session))
        return self.session


@dataclass(eq=False, slots=True)
class Loaded:
    """What one shell has of ours."""

    opening: Opening
    hooks: Hooks


class Hooks:
    """What Tab offers; and before every cell, a changed configuration is loaded and a key in the cell is warned of."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    def before_cell(self, info: Any) -> None:
        variable = keys.contains_known_key(info.raw_cell or "")
        if variable is not None:
            say(
                f"tensorzero: this cell contains the value of {variable}, and a notebook keeps its cells. "
                "Take it out; %tensorzero key PROVIDER asks for it unseen.",
                file=sys.stderr,
            )
        if self._opening.session is not None:
            self._opening.session.refresh()

    @context_matcher(identifier="tensorzero")  # pyright: ignore[reportUntypedFunctionDecorator] - IPython has no types
    def complete(self, context: Any) -> dict[str, Any]:
        """An IPython matcher. In a line of ours nothing but ours is offered: it is no Python."""
        line = context.text_until_cursor
        word = line.rpartition(" ")[2]
        session = self._opening.session
        if session is None or word == line or not line.lstrip().startswith(LINES if context.cursor_line == 0 else LINES[:1]):
            return {"completions": []}
        names = [SimpleCompletion(name, type="tensorzero") for name in completions(session, line, word)]
        return {"completions": names, "matched_fragment": word, "suppress": True, "ordered": True}


_loaded: dict[int, Loaded] = {}


def load(shell: Any) -> None:
    """Put everything in, then open the session. Where that fails, what was put in is there all the same and tries again."""
    errors.install(shell)
    if id(shell) in _loaded:
        unload(shell)
        errors.install(shell)
    opening = Opening(shell)
    hooks = Hooks(opening)
    shell.register_magics(TensorZeroMagics(shell, opening))
    shell.events.register("pre_run_cell", hooks.before_cell)
    shell.Completer.custom_matchers.append(hooks.complete)
    display.install(shell)
    set_opening(opening)
    _loaded[id(shell)] = Loaded(opening, hooks)
    try:
        opening()
    except Exception as error:
        if errors.is_expected(error):
            errors.add_hint(error, "Once that is mended, %tensorzero and %%tensorzero work.")
        raise


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
    set_opening(None)
    if loaded.opening.session is not None:
        loaded.opening.session.close()
        set_session(None)


def greeting(session: Session) -> str:
    """One line: the configuration, the database, what can be judged."""
    settings = session.settings
    assert settings is not None
    config = _short(settings.config_file) if settings.config_file else "no tensorzero.toml (metrics thumbs_up and rating)"
    database = _short(settings.folder / "db") if settings.own_database else "the database of TENSORZERO_CLICKHOUSE_URL"
    told = f"tensorzero: embedded gateway; configuration: {config}; database: {database}"
    took_place = settings.config_file is not None and settings.default_config.exists()
    missing = told_missing_metrics(session.config.metrics) if took_place and session.config is not None else ""
    return f"{told}\ntensorzero: {config} is used in place of the notebook's own configuration. {missing}" if missing else told


def _short(path: Path) -> str:
    """Relative, where it lies in the working directory."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
