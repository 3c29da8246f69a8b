"""`%tensorzero`, `%%tensorzero` and `%%tensorzero_variant`: parse, and call the session."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, cell_magic, line_cell_magic, magics_class

from tensorzero_notebook import display, keys
from tensorzero_notebook.errors import UserError
from tensorzero_notebook.prompt_cell import parse_prompt_line, parse_use
from tensorzero_notebook.prompt_display import run_prompt
from tensorzero_notebook.session import Session
from tensorzero_notebook.variant_cell import make_variant, parse_variant_line

COMMANDS = ("status", "models", "functions", "variants", "metrics", "use", "key")


@magics_class
class TensorZeroMagics(Magics):
    """The magics of one shell."""

    def __init__(self, shell: Any, session: Session) -> None:
        super().__init__(shell)
        self.session = session

    @line_cell_magic
    def tensorzero(self, line: str, cell: str | None = None) -> Any:
        """`%tensorzero status | models | functions | variants | metrics | use … | key PROVIDER`, or a cell as a prompt:

        %%tensorzero [--function F] [--variant V] [--model M] [--episode ID] [--continue]
                     [--tag k=v] [--system TEXT] [--out NAME] [--raw]
        """
        if cell is not None:
            return run_prompt(self.session, parse_prompt_line(line), cell, in_kernel=hasattr(self.shell, "kernel"))
        command, _, rest = line.strip().partition(" ")
        return self._command(command or "status", rest.strip())

    @cell_magic
    def tensorzero_variant(self, line: str, cell: str) -> None:
        """`%%tensorzero_variant FUNCTION VARIANT [--model M] [--temperature T] …`: the cell is the system template."""
        options = parse_variant_line(line, self.session.defaults.model)
        file = make_variant(self.session, options, cell)
        self.session.say(f"tensorzero: {options.function} has the variant {options.variant}, kept in {file}")

    def _command(self, command: str, rest: str) -> Any:
        session = self.session
        session.refresh()
        match command:
            case "status":
                return display.Listing("tensorzero", session.status())
            case "models":
                return display.Listing("models", [(name, "") for name in session.models()])
            case "functions":
                return display.Listing("functions", [(name, ", ".join(session.variants(name))) for name in session.functions()])
            case "variants":
                rows = [(f"{name}.{v}", "") for name in session.functions() for v in session.variants(name)]
                return display.Listing("variants", rows)
            case "metrics":
                if not session.metrics():
                    session.say(session.metric_help())
                    return None
                return display.Listing("metrics", [(m.name, f"{m.type}, {m.level}, {m.optimize}") for m in session.metrics()])
            case "use":
                session.use(parse_use(rest, session.functions(), session.models()))
                session.say(f"tensorzero: {session.using()}")
                return None
            case "key":
                if not rest:
                    raise UserError("Whose key?", hint="%tensorzero key openai")
                session.say(f"tensorzero: {keys.ask_key(rest)} is set for this kernel.")
                return None
            case _:
                raise UserError(f"%tensorzero {command}: no such command.", hint=f"There are: {', '.join(COMMANDS)}.")
