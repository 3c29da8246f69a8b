"""What Tab offers in a `%tensorzero` line and on the first line of a `%%tensorzero` cell. Pure: text in, names out."""

from __future__ import annotations

from tensorzero_notebook.keys import VARIABLES
from tensorzero_notebook.session import Session

CELL_OPTIONS = (
    "--function",
    "--variant",
    "--model",
    "--episode",
    "--continue",
    "--tag",
    "--system",
    "--out",
    "--raw",
    "--no-fill",
)
VARIANT_OPTIONS = ("--model", "--temperature", "--max-tokens", "--top-p", "--seed", "--weight")
USE_KEYS = ("function=", "variant=", "model=", "episode=")


def completions(session: Session, line: str, symbol: str) -> list[str]:
    """Names that begin as `symbol`, the word before the cursor. `line` is the text up to the cursor."""
    words = line.split()
    done = words[:-1] if symbol and words else words
    if line.lstrip().startswith("%%"):
        offered = _cell(session, done, words)
    elif len(done) <= 1:
        from tensorzero_notebook.magics import COMMANDS

        offered = list(COMMANDS)
    else:
        offered = _command(session, done, symbol)
    return [name for name in offered if name.startswith(symbol)]


def _cell(session: Session, done: list[str], words: list[str]) -> list[str]:
    last = done[-1] if done else ""
    match last:
        case "--function" | "-f":
            return session.functions()
        case "--model" | "-m":
            return session.models()
        case "--variant" | "-v":
            function = next((words[n + 1] for n, word in enumerate(words[:-1]) if word in ("--function", "-f")), None)
            return session.variants(function or session.defaults.function)
        case "%%tensorzero_variant":
            return session.functions()
        case _:
            return list(VARIANT_OPTIONS if done and done[0] == "%%tensorzero_variant" else CELL_OPTIONS)


def _command(session: Session, done: list[str], symbol: str) -> list[str]:
    if done[1] == "key":
        return list(VARIABLES)
    if done[1] == "variants":
        return session.functions()
    if done[1] != "use":
        return []
    key, equals, _ = symbol.partition("=")
    if not equals:
        return [*USE_KEYS, *session.functions(), *session.models()]
    function = next((word.partition("=")[2] for word in done if word.startswith("function=")), session.defaults.function)
    names = {"function": session.functions(), "variant": session.variants(function), "model": session.models()}
    return [f"{key}={name}" for name in [*names.get(key, []), "none"]]
