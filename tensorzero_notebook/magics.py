"""`%tensorzero`, `%%tensorzero` and `%%tensorzero_variant`: parse, and call the session."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_cell_magic, magics_class, no_var_expand

from tensorzero.printing import say
from tensorzero_notebook import display, keys
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.nearest import did_you_mean
from tensorzero_notebook.placeholders import fill_in
from tensorzero_notebook.prompt_cell import parse_prompt_line, parse_use
from tensorzero_notebook.prompt_display import run_prompt
from tensorzero_notebook.session import Session
from tensorzero_notebook.variant_cell import make_variant, parse_variant_line

COMMANDS = ("status", "models", "functions", "variants", "metrics", "use", "key", "help")
ALONE = ("status", "models", "functions", "metrics", "help")


@magics_class
class TensorZeroMagics(Magics):
    """The magics of one shell."""

    def __init__(self, shell: Any, session: Callable[[], Session]) -> None:
        """`session` gives the shell's session, or raises what keeps it from being there."""
        super().__init__(shell)
        self._session = session

    @no_var_expand  # IPython's own filling evaluates what stands in braces
    @line_cell_magic
    def tensorzero(self, line: str, cell: str | None = None) -> Any:
        """
        %tensorzero status          what is in use
        %tensorzero models          what there is; also: functions, metrics,
                                    variants [FUNCTION]
        %tensorzero use NAME        what cells ask from now on; or function=F
                                    variant=V model=M episode=ID; none clears
        %tensorzero key PROVIDER    asks for a key unseen, keeps it in memory

        %%tensorzero                the cell's text is a prompt: {name},
                                    {name["key"]}, {name[0]}, {name.field}
                                    and {number:.2f} are filled in from your
                                    own names; {{name}} sends {name}
            --model M, -m           such as openai::gpt-4o-mini, dummy::good
            --function F, -f        a function of tensorzero.toml
            --variant V, -v         that variant of it
            --system TEXT, -s       the system message
            --continue, -c          goes on with the last conversation
            --episode ID, -e        the episode that it belongs to
            --tag KEY=VALUE, -t     as many as you like
            --out NAME, -o          the response's name in Python, beside _tz
            --raw                   plain text below the cell, no panel
            --no-fill               the cell is sent as it is written

        %%tensorzero_variant FUNCTION VARIANT --model M
                                    the cell's text is a variant's system
                                    template; --temperature --max-tokens
                                    --top-p --seed --weight
        """
        if cell is not None:
            session = self._session()
            options = parse_prompt_line(line, session.names())
            return run_prompt(session, options, cell, in_kernel=hasattr(self.shell, "kernel"))
        command, _, rest = line.strip().partition(" ")
        return self._command(command or "status", rest.strip())

    @no_var_expand
    @cell_magic
    def tensorzero_variant(self, line: str, cell: str) -> None:
        """`%%tensorzero_variant FUNCTION VARIANT [--model M] [--temperature T] …`: the cell is the system template."""
        session = self._session()
        options = parse_variant_line(line, session.defaults.model, session.names())
        file = make_variant(session, options, cell)
        session.say(f"tensorzero: {options.function} has the variant {options.variant}, kept in {file}")

    def _command(self, command: str, rest: str) -> Any:
        if command not in COMMANDS:
            near = did_you_mean(command, COMMANDS, "%tensorzero ")
            raise UserError(f"%tensorzero {command}: no such command.", hint=f"{near}There are: {', '.join(COMMANDS)}.")
        if rest and command in ALONE:
            raise UserError(f"%tensorzero {command} stands alone: what is {rest}?")
        if command == "help":
            say(inspect.cleandoc(TensorZeroMagics.tensorzero.__doc__ or ""))
            return None
        if command == "key":
            if not rest:
                raise UserError("Whose key?", hint="%tensorzero key openai")
            say(f"tensorzero: {keys.ask_key(rest)} is set for this kernel.")
            return None
        session = self._session()
        session.refresh()
        if command == "use":
            session.use(parse_use(rest, session.functions(), session.models(), session.names()))
            session.say(f"tensorzero: {session.using()}")
            return None
        return listing(session, command, fill_in(rest, session.names()).text)


def listing(session: Session, command: str, rest: str = "") -> display.Listing | None:
    """What `status`, `models`, `functions`, `variants` and `metrics` show."""
    match command:
        case "status":
            return display.Listing("tensorzero", session.status())
        case "models":
            return display.Listing("models", session.told_models())
        case "functions":
            return display.Listing("functions", [(name, ", ".join(session.variants(name))) for name in session.functions()])
        case "variants":
            session.check_function(rest or None, None)
            names = [rest] if rest else session.functions()
            return display.Listing("variants", [(f"{name}.{v}", "") for name in names for v in session.variants(name)])
        case _:
            if not session.metrics():
                session.say(session.metric_help())
                return None
            return display.Listing("metrics", [(m.name, f"{m.type}, {m.level}, {m.optimize}") for m in session.metrics()])
