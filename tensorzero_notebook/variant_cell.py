"""`%%tensorzero_variant`: a cell becomes a variant of a function, in files of the session's own folder."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tensorzero_notebook.errors import UserError
from tensorzero_notebook.placeholders import Names
from tensorzero_notebook.prompt_cell import LineParser, fill_words, split_line
from tensorzero_notebook.replaced_files import Replaced
from tensorzero_notebook.settings import make_folder, unwritable

if TYPE_CHECKING:
    from tensorzero_notebook.session import Session

KEPT_THERE = "Variants made in cells are kept in files there."
SETTINGS = {"temperature": float, "max_tokens": int, "top_p": float, "seed": int, "weight": float}


@dataclass(frozen=True, slots=True)
class VariantOptions:
    """`%%tensorzero_variant`'s line: the function, the variant, its model and numbers."""

    function: str
    variant: str
    model: str
    numbers: dict[str, float] = field(default_factory=dict[str, float])


def parse_variant_line(line: str, model: str | None, names: Names | None = None) -> VariantOptions:
    """`FUNCTION VARIANT --model M`. `model`: what is used where the line names none. `{name}` is filled in from `names`.

    Raises `UserError`.
    """
    parser = LineParser("%%tensorzero_variant", "The system template")
    parser.add_argument("function")
    parser.add_argument("variant")
    parser.add_argument("--model", "-m", default=model)
    for name, kind in SETTINGS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    given = parser.read(fill_words(split_line(line), names or Names())[0])
    if given.model is None:
        raise UserError("Which model?", hint="%%tensorzero_variant FUNCTION VARIANT --model dummy::good")
    numbers = {name: getattr(given, name) for name in SETTINGS if getattr(given, name) is not None}
    for name in (given.function, given.variant):
        if not name or name.startswith("tensorzero::"):
            raise UserError(f"{name!r} cannot be a name here.")
    return VariantOptions(given.function, given.variant, given.model, numbers)


def make_variant(session: Session, options: VariantOptions, cell: str) -> Path:
    """Write the variant, whose system template is the cell, and load it; returns its TOML file.

    A new function takes free messages. The user's own configuration is not touched; a variant that stands there cannot be
    made here. A mistake takes the files away again.
    """
    settings, config = session.settings, session.config
    if settings is None or config is None:
        raise UserError("A variant needs a session of its own folder.", hint="%load_ext tensorzero_notebook")
    folder = settings.variants_folder
    stem = _file_name(f"{options.function}.{options.variant}")
    toml, template = folder / f"{stem}.toml", folder / f"{stem}.minijinja"
    configured = config.functions.get(options.function)
    if configured is not None and options.variant in configured.variants and not toml.exists():
        raise UserError(
            f"{options.function} has a variant {options.variant} in its configuration.", hint="Choose another name."
        )
    function_file = folder / f"{_file_name(options.function)}.function.toml"
    texts = {template: cell, toml: _variant_toml(options, template.name)}
    if configured is None:
        texts[function_file] = f'[functions.{_quoted(options.function)}]\ntype = "chat"\n'
    make_folder(settings.folder, KEPT_THERE)
    try:
        folder.mkdir(exist_ok=True)
        replaced = Replaced(texts)
    except OSError as error:
        raise unwritable(settings.folder, error, KEPT_THERE) from error
    with replaced:
        session.load_variants()
    return toml


def _variant_toml(options: VariantOptions, template: str) -> str:
    lines = [
        f"[functions.{_quoted(options.function)}.variants.{_quoted(options.variant)}]",
        'type = "chat_completion"',
        f"model = {_quoted(options.model)}",
        f"templates.system.path = {_quoted(template)}",
    ]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in options.numbers.items())]) + "\n"


def _quoted(text: str) -> str:
    """A TOML string; JSON's are."""
    return json.dumps(text)


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)
