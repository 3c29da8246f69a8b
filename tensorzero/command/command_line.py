"""`tensorzero variant add|remove|diff` and `tensorzero function add|remove|diff`: read the line, ask, say what was done."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorzero.command.failures import CommandError
from tensorzero.printing import say

if TYPE_CHECKING:
    from tensorzero.command.change import Change

_NUMBERS: dict[str, Callable[[str], Any]] = {
    "temperature": float,
    "top_p": float,
    "max_tokens": int,
    "seed": int,
    "presence_penalty": float,
    "frequency_penalty": float,
    "thinking_budget_tokens": int,
    "weight": float,
}
_WORDS = ("reasoning_effort", "service_tier", "verbosity")
_TEMPLATES = ("system_template", "user_template", "assistant_template")
_SCHEMAS = ("system_schema", "user_schema", "assistant_schema", "output_schema")
_JSON_MODES = ("off", "on", "strict", "tool")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done (or no difference), 1 nothing written (or a difference), 2 a diff that cannot be made."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except CommandError as error:
        say(error, file=sys.stderr)
        if error.hint:
            say(error.hint, file=sys.stderr)
    except UnicodeError:
        say("Arguments and standard input are UTF-8.", file=sys.stderr)
    return 2 if options.action == "diff" else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tensorzero", description="Change a tensorzero.toml; its comments and order stay.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    _variant_commands(
        kinds.add_parser("variant", help="the variants of a function").add_subparsers(dest="action", required=True)
    )
    _function_commands(kinds.add_parser("function", help="functions").add_subparsers(dest="action", required=True))
    return parser


def _variant_commands(actions: Any) -> None:
    add = actions.add_parser("add", help="write a variant: its templates and its table")
    add.add_argument("function")
    add.add_argument("variant")
    _variant_options(add)
    _writing(add, _add_variant)
    remove = actions.add_parser("remove", help="take a variant out")
    remove.add_argument("function")
    remove.add_argument("variant")
    _removing(remove, _remove_variant)
    diff = actions.add_parser("diff", help="what two variants differ in, templates included")
    diff.add_argument("function")
    _comparing(diff, _diff_variants)


def _function_commands(actions: Any) -> None:
    add = actions.add_parser("add", help="write a function and its first variant")
    add.add_argument("function")
    add.add_argument("--type", choices=("chat", "json"), default="chat")
    add.add_argument("--description")
    add.add_argument("--tool", action="append", dest="tools", metavar="TOOL", help="once for each tool")
    add.add_argument("--variant", default="baseline", help="the first variant's name (baseline)")
    for schema in _SCHEMAS:
        add.add_argument(_option(schema), metavar="FILE", help="- reads it from standard input")
    _variant_options(add)
    _writing(add, _add_function)
    remove = actions.add_parser("remove", help="take a function and its variants out")
    remove.add_argument("function")
    _removing(remove, _remove_function)
    _comparing(actions.add_parser("diff", help="what two functions differ in, files included"), _diff_functions)


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


def _variant_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True)
    for template in _TEMPLATES:
        parser.add_argument(_option(template), metavar="FILE", help="- reads it from standard input")
    for key, kind in _NUMBERS.items():
        parser.add_argument(_option(key), type=kind, metavar="NUMBER")
    for key in _WORDS:
        parser.add_argument(_option(key))
    parser.add_argument("--stop-sequence", action="append", dest="stop_sequences", metavar="TEXT", help="once for each")
    parser.add_argument("--json-mode", choices=_JSON_MODES)


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", default="tensorzero.toml", metavar="PATH", help="a file or a glob (tensorzero.toml)")


def _writing(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    _config_option(parser)
    parser.add_argument("--yes", "-y", action="store_true", help="write without asking")
    parser.set_defaults(run=run)


def _removing(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    parser.add_argument("--files", action="store_true", help="also the files that nothing else names")
    _writing(parser, run)


def _comparing(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    parser.add_argument("first")
    parser.add_argument("second")
    _config_option(parser)
    parser.set_defaults(run=run)


def _add_variant(options: argparse.Namespace) -> int:
    from tensorzero.command.variants import add_variant

    texts = _texts(options, _TEMPLATES)
    settings = _settings(options)
    change = add_variant(
        options.function, options.variant, model=options.model, templates=texts, settings=settings, config=options.config
    )
    return _offer(change, options)


def _remove_variant(options: argparse.Namespace) -> int:
    from tensorzero.command.variants import remove_variant

    return _offer(remove_variant(options.function, options.variant, files=options.files, config=options.config), options)


def _diff_variants(options: argparse.Namespace) -> int:
    from tensorzero.command.variants import diff_variants

    return _show(diff_variants(options.function, options.first, options.second, config=options.config))


def _add_function(options: argparse.Namespace) -> int:
    from tensorzero.command.functions import add_function

    files = _texts(options, (*_SCHEMAS, *_TEMPLATES))
    change = add_function(
        options.function,
        type=options.type,
        model=options.model,
        variant=options.variant,
        schemas={key: value for key, value in files.items() if key in _SCHEMAS},
        function_settings=_given(options, ("description", "tools")),
        templates={key: value for key, value in files.items() if key in _TEMPLATES},
        settings=_settings(options),
        config=options.config,
    )
    return _offer(change, options)


def _remove_function(options: argparse.Namespace) -> int:
    from tensorzero.command.functions import remove_function

    return _offer(remove_function(options.function, files=options.files, config=options.config), options)


def _diff_functions(options: argparse.Namespace) -> int:
    from tensorzero.command.functions import diff_functions

    return _show(diff_functions(options.first, options.second, config=options.config))


def _given(options: argparse.Namespace, keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key in keys if (value := getattr(options, key)) is not None}


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return _given(options, (*_NUMBERS, *_WORDS, "stop_sequences", "json_mode"))


def _texts(options: argparse.Namespace, keys: Sequence[str]) -> dict[str, str | Path]:
    """Key -> the file's Path, or the text of standard input. Raises CommandError if two want standard input."""
    given = _given(options, keys)
    if len(from_input := [_option(key) for key, value in given.items() if value == "-"]) > 1:
        raise CommandError(f"Only one of {', '.join(from_input)} can be read from standard input.")
    return {key: sys.stdin.read() if value == "-" else Path(value) for key, value in given.items()}


def _show(text: str) -> int:
    say(text, end="") if text else say("No difference.")
    return 1 if text else 0


def _offer(change: Change, options: argparse.Namespace) -> int:
    """Show it, ask, write it."""
    say(change.diff(), end="")
    for path in change.unused:
        say(f"Nothing names {path} any more; --files removes it.")
    if not options.yes and not _agreed():
        return 1
    change.write()
    for path in (*change.texts, *change.removed):
        say(f"{'Removed' if path in change.removed else 'Wrote'} {path}")
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        say("Nothing was written: there is nobody to ask. --yes writes without asking.", file=sys.stderr)
        return False
    try:
        agreed = input("Write this? [y/N] ").strip().lower() in {"y", "yes"}
    except (EOFError, KeyboardInterrupt):
        agreed = False
    if not agreed:
        say("Nothing was written.", file=sys.stderr)
    return agreed
